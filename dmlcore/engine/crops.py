"""From a picture of any shape to the square input of a network, as timm does it for each `crop_mode`."""

from __future__ import annotations

from typing import Any

from torch import nn
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from dmlcore.study.schema import Transforms


def square_crop(resolved: Transforms, side: int | None) -> list[nn.Module]:
    """Return the transforms to (size, size): "center" resizes the shorter side to `side` pixels, "squash" both sides,
    and "border" the longer one; then the center is cropped or, for "border", padded with the mean color."""
    assert side is not None
    assert resolved.size is not None
    assert resolved.mean is not None
    interpolation = v2.InterpolationMode(resolved.interpolation)
    if resolved.test_crop == "squash":
        return [v2.Resize([side, side], interpolation, antialias=True), v2.CenterCrop(resolved.size)]
    if resolved.test_crop == "border":
        fill = [round(255 * mean) for mean in resolved.mean]
        return [_LongerSide(side, interpolation), _Padding(resolved.size, fill), v2.CenterCrop(resolved.size)]
    return [v2.Resize(side, interpolation, antialias=True), v2.CenterCrop(resolved.size)]


class _LongerSide(nn.Module):
    """Resizes an image so that its longer side has a number of pixels."""

    def __init__(self, side: int, interpolation: v2.InterpolationMode) -> None:
        super().__init__()
        self.side, self.interpolation = side, interpolation

    def forward(self, image: Any) -> Any:
        height, width = functional.get_size(image)
        ratio = max(height / self.side, width / self.side)
        size = [max(1, round(length / ratio)) for length in (height, width)]
        return functional.resize(image, size, self.interpolation, antialias=True)


class _Padding(nn.Module):
    """Pads an image to at least a square with a color, the image in the middle."""

    def __init__(self, size: int, fill: list[int]) -> None:
        super().__init__()
        self.size, self.fill = size, fill

    def forward(self, image: Any) -> Any:
        height, width = functional.get_size(image)
        across, down = max(0, self.size - width), max(0, self.size - height)
        if not across and not down:
            return image
        margins = [across // 2, down // 2, (across + 1) // 2, (down + 1) // 2]  # left, top, right, bottom
        return functional.pad(image, margins, fill=self.fill)
