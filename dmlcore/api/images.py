"""Image files, read upright and in RGB, as every data set must read them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from dmlcore.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image


def read_rgb(path: Path) -> Image:
    """Read an image file, rotated upright by its EXIF tag and converted to RGB from any mode.

    The background of transparent parts is white. Raises DataError, which names the file, if it can't be read.
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
        raise DataError(f"{path}: can't read the image ({error}). Replace or remove the file.") from None


def absolute(paths: Iterable[Path]) -> list[str]:
    """Return absolute paths as text; `Path.absolute` takes seconds for 120,000 paths."""
    here = os.getcwd()  # noqa: PTH109
    return [os.path.join(here, path) for path in paths]  # noqa: PTH118


@frozen(eq=False)
class ImageFiles:
    """A split of a data set of image files; implements LabelledImages.

    labels: (N,) int64, indices into class_names.
    """

    paths: Sequence[Path]
    labels: np.ndarray
    class_names: Sequence[str]
    root: Path | None = None
    """The folder that the names of the files are relative to; by default the innermost one that contains them all."""

    def __attrs_post_init__(self) -> None:
        if len(self.paths) != len(self.labels):
            raise ValueError(f"{len(self.paths)} paths but {len(self.labels)} labels")

    @property
    def names(self) -> list[str]:
        """The path of each file relative to `root`, with slashes: the same in a copy of the data set elsewhere."""
        if not self.paths:
            return []
        paths = absolute(self.paths)
        root = str(self.root.absolute()) if self.root else os.path.commonpath(set(map(os.path.dirname, paths)))
        inside = root.rstrip(os.sep) + os.sep
        below = (path[len(inside) :] if path.startswith(inside) else os.path.relpath(path, root) for path in paths)
        return [path.replace(os.sep, "/") for path in below]

    def image(self, index: int) -> Image:
        """The image at `index`, upright and in RGB."""
        return read_rgb(self.paths[index])
