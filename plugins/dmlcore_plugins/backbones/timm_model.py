"""Networks of timm as backbones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import timm
import timm.data
import torch
from timm.models import group_parameters
from torch import nn

from dmlcore import BackboneContext, DataError, InputSpec, StudyError
from dmlcore_plugins.backbones.hub import pretrained_source
from dmlcore_plugins.backbones.timm_index import index
from dmlcore_plugins.backbones.weight_files import require_weights_file
from dmlcore_plugins.backbones.weights import State, load_weights

NONCOMMERCIAL = ("cc-by-nc", "noncommercial", "apple-amlr")
"""Parts of the names of licenses that forbid commercial use, as timm writes them."""

NAMES_HERE = {"drop_path_rate": "drop_path", "global_pool": "pooling"}
"""timm's names of options → those of the backbone."""


class TimmBackbone(nn.Module):
    """A timm network without its classifier: images → features, or feature maps where it does not pool."""

    feature_dim: int
    """F, set by a dry run: timm's num_features is not always the size of the output."""

    def __init__(self, model: str, network: Any, input_spec: InputSpec, provenance: str) -> None:
        super().__init__()
        self.model = model
        self.network: nn.Module = network
        self.input_spec = input_spec
        self.provenance = provenance
        """Where the weights come from, for the run's record."""
        self.caution = ""
        self.fixed_size = bool(network.pretrained_cfg.get("fixed_input_size"))
        self.channels_last = getattr(network, "output_fmt", "NCHW") == "NHWC"

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """images: (B, 3, H, W) → features (B, F), or (B, F, h, w)."""
        height, width = images.shape[-2:]
        size = self.input_spec.size
        if self.fixed_size and (height, width) != (size, size):
            raise StudyError(
                f"{self.model} expects images of {size}×{size} pixels, got {width}×{height}. "
                f"Set backbone.img_size to the size of the images."
            )
        features: torch.Tensor = self.network(images)
        return features.permute(0, 3, 1, 2) if self.channels_last and features.ndim == 4 else features

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """The parameters of each layer, as timm's own layer decay groups them; see BackboneConfig.build."""
        matcher = getattr(self.network, "group_matcher", None)
        if matcher is None:
            raise StudyError(f"timm does not define the layers of {self.model}: remove optimizer.layer_decay.")
        layer_of = group_parameters(self.network, matcher(coarse=False), reverse=True)
        last = max(layer_of.values())
        layers: list[list[nn.Parameter]] = [[] for _ in range(last + 1)]
        for name, parameter in self.network.named_parameters():
            layers[layer_of.get(name, last)].append(parameter)
        return layers


def build_timm(
    model: str,
    weights: str | Path,
    context: BackboneContext,
    *,
    keyword: str = "pretrained",
    part: str | None = None,
    rename: Callable[[State], State] = dict,
    img_size: int | None = None,
    drop_path: float | None = None,
    pooling: str | None = None,
    grad_checkpointing: bool = False,
) -> TimmBackbone:
    """The timm model of that name, with its weights.

    weights: `keyword` for timm's own weights, "random", or a file; `part` chooses one of several networks in it, and
    `rename` converts its keys to timm's.
    Raises StudyError for a name, an option or a value that timm does not support, DataError for weights that are
    not available or do not fit.
    """
    known = index()
    fixed_size = known.find(model).fixed_size
    if context.feature_map and pooling is not None:
        raise StudyError(
            f'backbone.pooling = "{pooling}" and embedding.pooling conflict: the first lets timm pool the '
            f"feature map, the second needs it unpooled. Remove one of them."
        )
    if isinstance(weights, Path):
        require_weights_file(weights, keyword)
    network = _create(
        model,
        pretrained_source(known, model) if weights == keyword else None,
        img_size=img_size if fixed_size else None,
        drop_path_rate=drop_path,
        global_pool="" if context.feature_map else pooling,
    )
    place = load_weights(network, weights, part, rename) if isinstance(weights, Path) else ""
    if grad_checkpointing:
        try:
            network.set_grad_checkpointing(True)
        except (AssertionError, AttributeError):
            raise StudyError(f"{model} has no gradient checkpointing: remove backbone.grad_checkpointing.") from None
    backbone = TimmBackbone(model, network, _input_spec(model, network, img_size), _provenance(network, weights, place))
    if weights == keyword:
        backbone.caution = _caution(network)
    backbone.feature_dim = _feature_dim(backbone, context.feature_map)
    return backbone


def _create(model: str, source: Mapping[str, Any] | None, **options: Any) -> Any:
    """The network, with timm's weights from `source`, or with random weights without a source.

    timm ignores options that are None.
    """
    try:
        return timm.create_model(
            model,
            pretrained=source is not None,
            pretrained_cfg_overlay=source,
            num_classes=0,
            in_chans=3,
            **options,
        )
    except (AssertionError, TypeError, ValueError) as error:
        raise StudyError(_refusal(model, error, options)) from None
    except Exception as error:
        if source is None:
            raise
        raise DataError(
            f"The pretrained weights of {model} could not be loaded ({type(error).__name__}: {error}). "
            f"Try again, or set backbone.weights to the path of a file."
        ) from None


def _refusal(model: str, error: Exception, options: Mapping[str, Any]) -> str:
    if "drop_path_rate" in str(error):
        return f"{model} has no stochastic depth: remove backbone.drop_path."
    if options["global_pool"] == "":
        return f"{model} has no feature map ({error}): remove embedding.pooling."
    options = {NAMES_HERE.get(name, name): value for name, value in options.items()}
    given = [f"backbone.{name} = {json.dumps(value)}" for name, value in options.items() if value is not None]
    return f"timm does not build {model} with {', '.join(given) or 'its default settings'}: {error}"


def _caution(network: Any) -> str:
    """A warning where the license of timm's weights forbids commercial use, else empty."""
    license_name = network.pretrained_cfg.get("license") or ""
    if not any(part in license_name.lower() for part in NONCOMMERCIAL):
        return ""
    return f"the license of these weights, {license_name}, forbids commercial use"


def _provenance(network: Any, weights: str | Path, place: str) -> str:
    """Where the weights come from; place: where they were in their file, if they were a part of it."""
    if isinstance(weights, Path):
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return ", ".join(filter(None, (weights.name, f"sha256 {digest}", place)))
    if weights == "random":
        return "random"
    settings = network.pretrained_cfg
    name = ".".join(filter(None, (settings["architecture"], settings.get("tag"))))
    return f"{name} of timm, license {settings.get('license', 'not stated')}"


def _input_spec(model: str, network: Any, img_size: int | None) -> InputSpec:
    config = timm.data.resolve_model_data_config(network)
    height, width = config["input_size"][1:]
    if img_size is None and height != width:
        raise StudyError(
            f"{model} expects images of {width}×{height} pixels, but images are square here: set backbone.img_size."
        )
    return InputSpec(
        size=img_size or height,
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation=config["interpolation"],
        crop_pct=config["crop_pct"],
        crop_mode=config["crop_mode"],
    )


def _feature_dim(backbone: TimmBackbone, feature_map: bool) -> int:
    """The size of the output for one black image; draws no random number, changes no BatchNorm statistic."""
    size, training = backbone.input_spec.size, backbone.training
    backbone.eval()
    try:
        with torch.no_grad():
            features: torch.Tensor = backbone(torch.zeros(1, 3, size, size))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise StudyError(
            f"{backbone.model} does not accept images of {size}×{size} pixels ({error}): change backbone.img_size."
        ) from None
    finally:
        backbone.train(training)
    if feature_map and (not isinstance(features, torch.Tensor) or features.ndim != 4):
        raise StudyError(f"{backbone.model} returns tokens, not a feature map: remove embedding.pooling.")
    if not feature_map and features.ndim != 2:
        raise StudyError(
            f"{backbone.model} returns {tuple(features.shape[1:])} for an image, expected one vector: "
            f"set backbone.pooling to a way of pooling that it has, or remove the option."
        )
    return features.shape[1]
