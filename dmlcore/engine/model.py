"""The network of a run: backbone, pooling, embedding head, L2."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmlcore.api.components import Component
from dmlcore.api.values import InputSpec, LossContext
from dmlcore.engine.seeding import derive_seed, seed_torch
from dmlcore.errors import PluginError
from dmlcore.host.faults import faults_of, named
from dmlcore.study.schema import EmbeddingHead, Run, Study


class EmbeddingModel(nn.Module):
    """Images (B, 3, H, W) → embeddings (B, D), float32."""

    def __init__(self, backbone: nn.Module, head: EmbeddingHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.pooling = head.pooling
        self.normalize = head.normalize
        self.feature_dim = int(backbone.feature_dim)  # type: ignore[arg-type]
        self.input_spec: InputSpec = backbone.input_spec  # type: ignore[assignment]
        self.norm = nn.LayerNorm(self.feature_dim, elementwise_affine=False) if head.layer_norm else nn.Identity()
        self.linear = nn.Identity() if head.dim == "features" else nn.Linear(self.feature_dim, head.dim)
        self.embedding_dim = self.feature_dim if head.dim == "features" else head.dim

    def features(self, images: Tensor) -> Tensor:
        """Return the backbone's pooled features (B, F), float32."""
        features = self.backbone(images)
        return (pooled(features, self.pooling) if self.pooling else features).float()

    def forward(self, images: Tensor) -> Tensor:
        features = self.features(images)
        with torch.autocast(images.device.type, enabled=False):
            embeddings = self.linear(self.norm(features))
            return functional.normalize(embeddings, dim=1) if self.normalize else embeddings


def build_model(run: Run) -> EmbeddingModel:
    """Return the run's network, with weights that are loaded or drawn with the run's seed.

    Raises PluginError if the backbone breaks the contract of its kind.
    """
    study = run.study
    seed_torch(run.seed, "initial weights")
    with faults_of(study.backbone, "build"):
        backbone = study.backbone.build(study.backbone_context)
    _check_module(study.backbone, backbone)
    if not isinstance(getattr(backbone, "feature_dim", None), int) or not isinstance(
        getattr(backbone, "input_spec", None), InputSpec
    ):
        raise PluginError(
            f"The module of the {named(study.backbone)} needs the attributes feature_dim (int) and"
            " input_spec (InputSpec)."
        )
    model = EmbeddingModel(backbone, study.embedding)
    _check_backbone(study, model)
    return model


def build_loss(run: Run, embedding_dim: int, num_classes: int) -> nn.Module:
    """Return the run's loss, with parameters drawn with the run's seed. Raises PluginError if it can't be built."""
    seed_torch(run.seed, "loss")
    config = run.study.needed_loss
    with faults_of(config, "build"):
        loss = config.build(LossContext(embedding_dim, num_classes, derive_seed(run.seed, "loss")))
    _check_module(config, loss)
    return loss


def pooled(feature_map: Tensor, pooling: Literal["avg", "max", "avg+max"]) -> Tensor:
    """Pool (B, F, h, w) to (B, F); "avg+max" is the sum of both, as in Proxy-Anchor's code."""
    average, largest = feature_map.mean((2, 3)), feature_map.amax((2, 3))
    return {"avg": average, "max": largest, "avg+max": average + largest}[pooling]


def _check_module(component: Component, built: object) -> None:
    if not isinstance(built, nn.Module):
        raise PluginError(f"The {named(component)} must build a torch.nn.Module, not {built!r}.")


def _check_backbone(study: Study, model: EmbeddingModel) -> None:
    """Check the output shape with one dry run."""
    size = study.transforms.size or model.input_spec.size
    mode = model.training
    model.eval()
    with torch.inference_mode():
        try:
            with faults_of(study.backbone, "forward", passing=(RuntimeError, AssertionError)):
                features = model.backbone(torch.zeros(1, 3, size, size))
        except (RuntimeError, AssertionError) as error:
            reason = str(error).strip().splitlines()[0]
            raise PluginError(f"The {named(study.backbone)} can't process images of {size} px: {reason}") from error
    model.train(mode)
    wanted = 4 if study.embedding.pooling else 2
    shape = tuple(features.shape) if isinstance(features, Tensor) else ()
    if len(shape) != wanted or shape[1] != model.feature_dim:
        what = f"a feature map (1, {model.feature_dim}, h, w)" if wanted == 4 else f"features (1, {model.feature_dim})"
        raise PluginError(f"The {named(study.backbone)} returns {shape or repr(features)}; expected {what}.")
