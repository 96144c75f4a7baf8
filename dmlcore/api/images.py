"""Image files, read upright and in RGB, as every data set must read them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from dmlcore.api.decoding import opened, reduced
from dmlcore.api.decoding import readable_suffixes as readable_suffixes
from dmlcore.api.depth import Reading, eight_bits, samples_of
from dmlcore.api.drives import read_bytes

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image


def read_rgb(path: Path, reading: Reading | None = None) -> Image:
    """Read an image file, rotated upright by its EXIF tag and converted to RGB with 8 bits from any mode.

    The background of transparent parts is white. `reading` limits the size and scales images of more than 8 bits.
    Raises DataError, which names the file, if it is missing or can't be opened, and DamagedDataError if it is damaged.
    """
    reading = reading or Reading()
    content = read_bytes(path)
    with opened(path, content, reading.max_megapixels) as image:
        samples = samples_of(image)
        return _rgb(image if samples is None else eight_bits(image, content, path, samples, reading))


def _rgb(image: Image) -> Image:
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(reduced(image))
    if upright.mode == "RGB":
        upright.load()
        return upright
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        ground = Image.new("RGBA", upright.size, "white")
        return Image.alpha_composite(ground, upright).convert("RGB")
    return upright.convert("RGB")


def absolute(paths: Iterable[Path]) -> list[str]:
    """Return absolute paths as text; `Path.absolute` takes seconds for 120,000 paths."""
    here = os.getcwd()  # noqa: PTH109
    return [os.path.join(here, path) for path in paths]  # noqa: PTH118


@frozen(eq=False)
class ImageFiles:
    """A split of a data set of image files; implements LabelledImages.

    labels: (N,) int64, indices into class_names. root: the folder that the names of files are relative to. notes: what
    a user should know of how the files were read. `reading` is how all files of the data set are read; if it may have
    images of more than 8 bits, give both splits the same `Reading.of` the files of both.
    """

    paths: Sequence[Path]
    labels: np.ndarray
    class_names: Sequence[str]
    root: Path | None = None
    """The folder that the names of the files are relative to; by default the innermost one that contains them all."""
    notes: Sequence[str] = ()
    reading: Reading = field(factory=Reading)

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
        return read_rgb(self.paths[index], self.reading)
