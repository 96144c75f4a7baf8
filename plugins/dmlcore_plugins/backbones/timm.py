"""Any network of timm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from attrs import evolve, frozen

from dmlcore import BackboneConfig, BackboneContext, hookimpl, option

if TYPE_CHECKING:
    import torch


@frozen
class Timm(BackboneConfig):
    """Any network of timm (Wightman, 2019), by its name there.

    `dmlcore backbones "vit_small*"` lists names with the license of their weights, as timm gives it. `dmlcore plan`
    shows the license, too, and a result records it. Where it forbids commercial use, the result has a warning.
    """

    name = "timm"
    libraries = ("timm",)

    model: str = option(
        help='timm\'s name of the network, preferably with the tag of its weights, such as "resnet50.tv_in1k"; '
        "without a tag, timm chooses its default weights"
    )
    weights: Literal["pretrained", "random"] | Path = option(
        "pretrained",
        help='"pretrained" (from the hub or its cache), "random", or the path of a .safetensors or .pth file, '
        "which may hold the network under prefixes such as module. or backbone.",
    )
    weights_part: str | None = option(
        None,
        omit_if_default=True,
        help='if the file holds several networks that fit, the part of it to load, such as "teacher"',
    )
    img_size: int | None = option(
        None,
        help="side of the images, by default the network's; a network of a fixed input size is built for it",
        unit="pixels",
        ge=1,
    )
    drop_path: float | None = option(None, help="rate of stochastic depth, if the network has it", ge=0, lt=1)
    pooling: str | None = option(
        None,
        help='how timm pools the features: "avg", "max", "catavgmax", "token" for transformers, or any other way '
        "that the network has; conflicts with embedding.pooling",
    )

    grad_checkpointing: bool | None = option(
        None,
        help="recompute activations in the backward pass instead of storing them: less memory, about a third slower;"
        " BatchNorm statistics that are not frozen count each batch twice",
    )

    def build(self, context: BackboneContext) -> torch.nn.Module:
        """The network; see BackboneConfig.build."""
        from dmlcore_plugins.backbones.timm_model import build_timm

        return build_timm(
            self.model,
            self.weights,
            context,
            part=self.weights_part,
            img_size=self.img_size,
            drop_path=self.drop_path,
            pooling=self.pooling,
            grad_checkpointing=bool(self.grad_checkpointing),
        )

    def check(self, context: BackboneContext) -> Sequence[str]:
        """See BackboneConfig.check."""
        from dmlcore_plugins.backbones.timm_check import check_timm

        return check_timm(self.model, self.weights, context, img_size=self.img_size)

    def for_smoke(self) -> Self:
        """With random weights instead of those from the hub."""
        return evolve(self, weights="random") if self.weights == "pretrained" else self


@hookimpl
def dmlcore_register_backbones() -> Sequence[type[BackboneConfig]]:
    return [Timm]
