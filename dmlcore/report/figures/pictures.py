"""Thumbnails of test images, cached with the study so that later reports need no images."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from attrs import field, frozen
from PIL import Image, ImageOps

from dmlcore.api.images import ImageFiles
from dmlcore.api.values import LabelledImages
from dmlcore.errors import DataError, PluginError
from dmlcore.report.figures.cache import keep, kept

PICTURES = "pictures.safetensors"

NAMES = "names"
"""Key of the names of images in that file, as JSON; files of older versions have none."""

SIDE = 96
"""Maximum pixels of a picture's side."""


@frozen(eq=False)
class Pictures:
    """Pictures of test images by index; `missing` is the reason if some are missing."""

    files: Mapping[int, bytes] = field(factory=dict, repr=False)
    """Square WebP files."""
    missing: str = ""
    names: Mapping[int, str] = field(factory=dict, repr=False)
    """Names of the files of images; of other images, their class and number in it."""

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
    files = {int(name): array.tobytes() for name, array in held.items() if name != NAMES}
    names = _stored_names(held.get(NAMES))
    absent = [index for index in dict.fromkeys(wanted) if index not in files or index not in names]
    if not absent:
        return Pictures(files, names=names)
    if images is None:
        missing = any(index not in files for index in absent)
        reason = "The test images are not available, so there are no pictures." if missing else ""
        return Pictures(files, reason, names)
    if _digest(np.asarray(images.labels), images.class_names) != made_from["digest"]:
        return Pictures({}, "The data set has changed since the runs, so its images are not shown.")
    try:
        files |= {index: _picture(images.image(index)) for index in absent if index not in files}
    except (DataError, PluginError) as error:
        return Pictures(files, f"There are no pictures: {error}", names)
    every = image_names(images)
    names |= {index: every[index] for index in absent}
    arrays = {str(index): np.frombuffer(data, np.uint8) for index, data in files.items()}
    keep(folder / PICTURES, arrays | {NAMES: np.frombuffer(json.dumps(names).encode(), np.uint8)}, made_from)
    return Pictures(files, names=names)


def image_names(images: LabelledImages) -> list[str]:
    """Return the name of each image's file, or its class and number in it."""
    if isinstance(images, ImageFiles):
        return [path.name for path in images.paths]
    seen = [0] * len(images.class_names)
    names = []
    for label in images.labels:
        seen[label] += 1
        names.append(f"{images.class_names[label]} {seen[label]}")
    return names


def _stored_names(held: npt.NDArray[np.uint8] | None) -> dict[int, str]:
    return {} if held is None else {int(index): name for index, name in json.loads(held.tobytes()).items()}


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
