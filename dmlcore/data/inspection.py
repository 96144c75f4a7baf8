"""One image, inspected as a file and as a picture."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from dmlcore.api.decoding import decode, opened
from dmlcore.api.depth import Samples, Scale, eight_bits, largest_value, samples_of
from dmlcore.api.drives import read_bytes
from dmlcore.api.images import ImageFiles
from dmlcore.api.values import LabelledImages
from dmlcore.errors import DataError, DriveError

if TYPE_CHECKING:
    from PIL.Image import Image

ORIENTATION = 0x0112
HASH_SIZE = (9, 8)
"""Columns and rows that a picture is shrunk to; 8 × 8 differences of adjacent pixels give 64 bits."""
FLAT = 8
"""An image is flat where its lightest and darkest shrunk pixels differ by fewer than this of 256 gray levels."""


@frozen
class Look:
    """What an image looks like."""

    problem: str = ""
    """Why it can't be read; then the rest is empty."""
    mode: str = "RGB"
    """How the file holds its pixels: "L" is grayscale."""
    turned: bool = False
    """Its EXIF tag asks to rotate or mirror it."""
    size: tuple[int, int] = (0, 0)
    """Width and height in pixels, as the file has them."""
    digest: bytes = b""
    """Differs between all different files (or pixels, of a generated image)."""
    difference_hash: int | None = None
    """Similar for images that look similar; None for a flat image, since its hash would be random."""
    samples: Samples | None = None
    """How the file stores samples of more than 8 bits."""
    scale: Scale | None = None
    """How these become 8 bits."""
    largest: float = 0.0
    """The largest of these, of the upper 8 bits if the image is in color."""


def look(images: LabelledImages, index: int) -> Look:
    """Inspect one image of a data set; safe in threads where its images are files. Raises DriveError."""
    if isinstance(images, ImageFiles):
        try:
            return _look_at_file(images, index)
        except DriveError:
            raise
        except DataError as error:
            return Look(problem=error.problem.removeprefix(f"{images.paths[index]}: "))
    try:
        image = images.image(index)
        return Look("", image.mode, False, image.size, _digest(image.tobytes()), difference_hash(image))
    except (Exception, SystemExit) as error:  # a plugin may raise any
        return Look(problem=str(error) or type(error).__name__)


def _look_at_file(images: ImageFiles, index: int) -> Look:
    from PIL import ImageOps

    path, reading = images.paths[index], images.reading
    content = read_bytes(path)
    with opened(path, content, reading.max_megapixels) as image:
        mode, size = image.mode, image.size
        samples = samples_of(image)
        if samples is None:
            image.draft("L", (8 * HASH_SIZE[0], 8 * HASH_SIZE[1]))  # decodes the whole JPEG, but small
            decode(image)
            small = image
        else:
            small = eight_bits(image, content, path, samples, reading)
        turned = image.getexif().get(ORIENTATION, 1) in range(2, 9)
        upright = ImageOps.exif_transpose(small) if turned else small
        seen = Look("", mode, turned, size, _digest(content), difference_hash(upright))
        return (
            evolve(seen, samples=samples, scale=reading.scale(samples), largest=largest_value(image))
            if samples
            else seen
        )


def difference_hash(image: Image) -> int | None:
    """64 bits, row by row: whether a pixel of the 9 × 8 grayscale image is lighter than the pixel to its left.

    None where all are about the same.
    """
    import numpy as np
    from PIL.Image import Resampling

    gray = np.asarray(image.convert("L").resize(HASH_SIZE, Resampling.LANCZOS)).astype(int)
    if np.ptp(gray) < FLAT:
        return None
    return int.from_bytes(np.packbits(gray[:, 1:] > gray[:, :-1]).tobytes(), "big")


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
