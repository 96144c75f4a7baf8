"""ResNet-50 as in the literature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from attrs import evolve, frozen

from dmlcore import BackboneConfig, BackboneContext, hookimpl, option

if TYPE_CHECKING:
    import torch

MODEL = "resnet50.tv_in1k"
"""torchvision's first weights: the "pretrained ResNet-50" of papers. Later weights are much stronger."""


@frozen
class ResNet50(BackboneConfig):
    """ResNet-50 (He et al., 2016), with the ImageNet weights of published results."""

    name = "resnet50"
    libraries = ("timm",)

    weights: Literal["imagenet", "random"] | Path = option(
        "imagenet",
        help=f'"imagenet" (timm\'s {MODEL}, from the hub or its cache), "random", or the path of a file, '
        "such as torchvision's resnet50-0676ba61.pth",
    )
    weights_part: str | None = option(
        None,
        omit_if_default=True,
        help='if the file holds several networks that fit, the part of it to load, such as "teacher"',
    )

    def build(self, context: BackboneContext) -> torch.nn.Module:
        """The network, F = 2048; see BackboneConfig.build."""
        from dmlcore_plugins.backbones.timm_model import build_timm

        return build_timm(MODEL, self.weights, context, keyword="imagenet", part=self.weights_part)

    def check(self, context: BackboneContext) -> Sequence[str]:
        """See BackboneConfig.check."""
        from dmlcore_plugins.backbones.timm_check import check_timm

        return check_timm(MODEL, self.weights, context, keyword="imagenet")

    def for_smoke(self) -> Self:
        """With random weights instead of those from the hub."""
        return evolve(self, weights="random") if self.weights == "imagenet" else self


@hookimpl
def dmlcore_register_backbones() -> Sequence[type[BackboneConfig]]:
    return [ResNet50]
