"""Thumbnails of test images, cached with the study so that later reports need no images."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from attrs import field, frozen
from PIL import Image, ImageOps

from dmlcore.api.values import LabelledImages
from dmlcore.errors import DataError, PluginError
from dmlcore.report.figures.cache import keep, kept

PICTURES = "pictures.safetensors"

SIDE = 96
"""Maximum pixels of a picture's side."""


@frozen(eq=False)
class Pictures:
    """Pictures of test images by index; `missing` is the reason if some are missing."""

    files: Mapping[int, bytes] = field(factory=dict, repr=False)
    """Square WebP files."""
    missing: str = ""

    def __contains__(self, index: int) -> bool:
        return index in self.files

    def image(self, index: int) -> Image.Image:
        return Image.open(io.BytesIO(self.files[index])).convert("RGB")


def study_pictures(
    folder: Path,
    wanted: Iterable[int],
    labels: npt.NDArray[np.int64],
    class_names: Sequence[str],
    images: LabelledImages | None,
    contents: str = "",
) -> Pictures:
    """Return pictures of the wanted test images, from the study's folder or else from `images`.

    labels: (N,) and class_names are those of the images that the results were measured on; images of another data set
    are not used. contents: the digest of the files of these images, if it was recorded.
    """
    made_from = {"digest": _digest(labels, class_names), "side": str(SIDE)} | ({"data": contents} if contents else {})
    held = kept(folder / PICTURES, made_from) or {}
    files = {int(name): array.tobytes() for name, array in held.items()}
    absent = [index for index in dict.fromkeys(wanted) if index not in files]
    if not absent:
        return Pictures(files)
    if images is None:
        return Pictures(files, "The test images are not available, so there are no pictures.")
    if _digest(np.asarray(images.labels), images.class_names) != made_from["digest"]:
        return Pictures({}, "The data set has changed since the runs, so its images are not shown.")
    try:
        files |= {index: _picture(images.image(index)) for index in absent}
    except (DataError, PluginError) as error:
        return Pictures(files, f"There are no pictures: {error}")
    keep(folder / PICTURES, {str(i): np.frombuffer(data, np.uint8) for i, data in files.items()}, made_from)
    return Pictures(files)


def _picture(image: Image.Image) -> bytes:
    """The image's square center, at most SIDE pixels a side."""
    side = min(SIDE, *image.size)
    file = io.BytesIO()
    ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS).save(file, "webp", quality=82)
    return file.getvalue()


def _digest(labels: npt.NDArray[np.int64], class_names: Sequence[str]) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(labels, dtype="<i8").tobytes())
    digest.update("\n".join(class_names).encode())
    return digest.hexdigest()[:16]


@frozen(eq=False)
class Sprite:
    """Many pictures in one file: cells of equal size, row by row."""

    file: bytes = field(repr=False)
    """WebP."""
    columns: int
    rows: int
    places: Mapping[int, tuple[int, int]] = field(repr=False)
    """Index of an image → column and row of its cell."""

    @property
    def address(self) -> str:
        """The file as a data URL."""
        return "data:image/webp;base64," + base64.b64encode(self.file).decode()


def sprite(pictures: Pictures, indices: Iterable[int], side: int) -> Sprite | None:
    """Return the sprite of these pictures, with cells of at most `side` pixels; None without pictures."""
    shown = [index for index in dict.fromkeys(indices) if index in pictures]
    if not shown:
        return None
    images = [pictures.image(index) for index in shown]
    cell = min(side, max(image.width for image in images))
    columns = int(np.ceil(np.sqrt(len(shown))))
    rows = -(-len(shown) // columns)
    sheet = Image.new("RGB", (columns * cell, rows * cell), "white")
    places = {index: (place % columns, place // columns) for place, index in enumerate(shown)}
    for index, image in zip(shown, images, strict=True):
        column, row = places[index]
        sheet.paste(image.resize((cell, cell), Image.Resampling.LANCZOS), (column * cell, row * cell))
    file = io.BytesIO()
    sheet.save(file, "webp", quality=72)
    return Sprite(file.getvalue(), columns, rows, places)
