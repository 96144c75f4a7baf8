"""Images in files, read as every data set must read them: upright, and in RGB."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from dmlcore.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image


def read_rgb(path: Path) -> Image:
    """The image in a file, turned upright by its EXIF tag; greyscale, palette, CMYK and alpha become RGB.

    Transparent parts are laid on white. Raises DataError, which names the file, where it can't be read.
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
        raise DataError(f"{path}: the image is gone since the data set was listed.") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: not a readable image ({error}). Replace the file or remove it.") from None


@frozen(eq=False)
class ImageFiles:
    """One split of a data set whose images are files: a ready-made LabelledImages.

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
