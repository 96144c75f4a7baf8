"""Image files, read upright and in RGB, as every data set must read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from dmlcore.errors import DamagedDataError, DataError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image


def read_rgb(path: Path) -> Image:
    """Read an image file, rotated upright by its EXIF tag and converted to RGB from any mode.

    The background of transparent parts is white. Raises DataError, which names the file, if it is missing, and
    DamagedDataError if it can't be read.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            upright = ImageOps.exif_transpose(opened)
            if upright.mode == "RGB":
                upright.load()
                return upright
            if upright.has_transparency_data:
                upright = upright.convert("RGBA")
                ground = Image.new("RGBA", upright.size, "white")
                return Image.alpha_composite(ground, upright).convert("RGB")
            return upright.convert("RGB")
    except FileNotFoundError:
        raise DataError(f"{path}: the image was removed after the data set was listed.") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DamagedDataError(f"{path}: can't read the image ({error}). Replace or remove the file.") from None


@frozen(eq=False)
class ImageFiles:
    """A split of a data set of image files; implements LabelledImages.

    labels: (N,) int64, indices into class_names.
    """

    paths: Sequence[Path]
    labels: np.ndarray
    class_names: Sequence[str]

    def __attrs_post_init__(self) -> None:
        if len(self.paths) != len(self.labels):
            raise ValueError(f"{len(self.paths)} paths but {len(self.labels)} labels")

    def image(self, index: int) -> Image:
        """The image at `index`, upright and in RGB."""
        return read_rgb(self.paths[index])
