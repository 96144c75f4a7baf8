"""Images with more than 8 bits per sample: one scale for a data set, decided from its files or by an option.

An integer sample v becomes round(255 · v / white). By default, white is 2^n - 1 for the smallest n of 8, 10, 12, 14,
16, 24 and 32 that holds the values of up to 64 of the data set's images, evenly spaced: cameras of 12 bits store values
up to 4,095 in 16 bits. A TIFF tag of the largest sample value that is 2^n - 1 counts as a value. PNG's sBIT does not
count, since samples of a PNG fill their range whatever it says. For float samples, white is the smallest of 1, 255,
1023, 4095, 16383 and 65535 that holds the values.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from dmlcore.api.decoding import BITS_PER_SAMPLE, MAX_MEGAPIXELS, PLANAR_CONFIGURATION, SAMPLE_FORMAT, decode, opened
from dmlcore.api.drives import read_bytes
from dmlcore.errors import DataError, DmlcoreError, DriveError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

SAMPLED = 64
"""The most images that decide the scale."""
DEPTHS = (8, 10, 12, 14, 16, 24, 32)
FLOAT_WHITES = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)
OVERSHOOT = 0.1
"""Float values beyond black or white by at most this share of white are clipped: resampling produces such values."""

PHOTOMETRIC, MAX_SAMPLE, LARGEST_SAMPLE = 262, 281, 341
"""Tags of TIFF."""

ROWS = 2**22
"""Pixels that are scaled at once, which bounds the memory."""


@frozen
class Samples:
    """How a file stores the samples of its pixels, if not in 8 bits."""

    bits: int
    kind: Literal["unsigned", "signed", "float"]

    @property
    def full(self) -> int:
        """The largest value of the type of integers."""
        return int(2 ** (self.bits - (self.kind == "signed")) - 1)

    def __str__(self) -> str:
        return f"{self.bits}-bit{'' if self.kind == 'unsigned' else f' {self.kind}'}"


@frozen
class Scale:
    """The value of white, and how it was decided."""

    white: float
    reason: str


@frozen
class Reading:
    """How the image files of a data set are read, the same way for all."""

    max_megapixels: float = MAX_MEGAPIXELS
    """Larger images are an error."""
    depth: int | None = None
    """White of integers of more than 8 bits is 2^depth - 1; None for a decision by the files."""
    sample: tuple[Path, ...] = ()
    """The files that decide; without any, white is the largest value of the type, and 1 for float samples."""

    @classmethod
    def of(cls, paths: Sequence[Path], *, depth: int | None = None, max_megapixels: float = MAX_MEGAPIXELS) -> Reading:
        """The way to read a data set of these files, of both splits. No file is opened before it is needed."""
        count = min(SAMPLED, len(paths))
        ordered = sorted(paths) if count < len(paths) else paths
        return cls(max_megapixels, depth, tuple(ordered[i * len(paths) // count] for i in range(count)))

    def scale(self, samples: Samples) -> Scale:
        """The scale of all files of the data set that have such samples. Raises DataError for unusual float values."""
        largest = self._largest.get(samples)
        if samples.kind == "float":
            if largest is None:
                return Scale(1.0, "the range of float samples")
            return Scale(_float_white(largest), self._by_values)
        if self.depth is not None:
            return Scale(min(2**self.depth - 1, samples.full), f"depth = {self.depth}")
        if largest is None:
            return Scale(samples.full, "the largest value of the type")
        whites = [white for depth in DEPTHS if (white := 2**depth - 1) < samples.full]
        return Scale(next((white for white in whites if white >= largest), samples.full), self._by_values)

    @property
    def _by_values(self) -> str:
        return f"by the values of {len(self.sample):,} images" if len(self.sample) > 1 else "by its values"

    @cached_property
    def _largest(self) -> dict[Samples, float]:
        """The largest value of the files that decide, by the type of their samples."""
        found: dict[Samples, float] = {}
        for path in self.sample:
            try:
                with opened(path, read_bytes(path), self.max_megapixels) as image:
                    samples = samples_of(image)
                    if samples is not None:
                        value = max(largest_value(image), _stated(image))
                        found[samples] = max(value, found.get(samples, 0))
            except DriveError:
                raise
            except DmlcoreError:  # raised again when the image itself is read
                continue
        return found


def samples_of(image: Image) -> Samples | None:
    """The type of the samples of an image that is not decoded yet; None for at most 8 bits."""
    if image.mode == "F":
        return Samples(32, "float")
    if image.mode.startswith("I"):
        tags = _tags(image)
        signed = _first(tags.get(SAMPLE_FORMAT)) == 2
        return Samples(int(_first(tags.get(BITS_PER_SAMPLE)) or 16), "signed" if signed else "unsigned")
    return Samples(16, "unsigned") if ";16" in _raw_mode(image) else None


def largest_value(image: Image) -> float:
    """The largest value of an image that `samples_of` has a type for; decodes it.

    Of a color image, Pillow reads the upper 8 of 16 bits: then it is the largest value with these.
    """
    import numpy as np

    if image.mode == "F" or image.mode.startswith("I"):
        return float(np.nan_to_num(_values(image)).max())
    decode(image)
    bands: Any = image.getextrema()
    return float(max(high for _, high in bands[: 3 if image.mode == "RGBA" else None]) * 256 + 255)


def eight_bits(image: Image, content: bytes, path: Path, samples: Samples, reading: Reading) -> Image:
    """An image with 8 bits per sample, from one that is not decoded yet.

    content: that of the file. Raises DataError for values beyond black or white.
    """
    from PIL import Image

    scale = reading.scale(samples)
    if image.mode == "F" or image.mode.startswith("I"):
        values = _values(image)
        _check_range(path, values, samples, scale)
        transparent = image.info.get("transparency")
        inverted = _first(_tags(image).get(PHOTOMETRIC)) == 0
        pixels = _scaled(values, scale.white, inverted)
        if isinstance(transparent, int):
            pixels[values == transparent] = 255
        gray = Image.fromarray(pixels)
        gray.info = {key: value for key, value in image.info.items() if key != "transparency"}
        return gray
    if scale.white == samples.full and _only_upper_half(image):
        return image
    return _color(image, content, path, samples, scale)


def _color(image: Image, content: bytes, path: Path, samples: Samples, scale: Scale) -> Image:
    """A color image of 16 bits."""
    import numpy as np
    from PIL import Image

    values = _sixteen_bits(image, content, path)
    colors, alpha = (values[..., :3], values[..., 3]) if image.mode == "RGBA" else (values, None)
    _check_range(path, colors, samples, scale)
    bands = [_scaled(colors[..., band], scale.white, inverted=False) for band in range(colors.shape[-1])]
    if alpha is not None:
        bands.append(_scaled(alpha, scale.white if alpha.max() <= scale.white else samples.full, inverted=False))
    merged = Image.merge(image.mode, [Image.fromarray(np.ascontiguousarray(band)) for band in bands])
    merged.info = dict(image.info)
    return merged


def _sixteen_bits(image: Image, content: bytes, path: Path) -> np.ndarray:
    """(h, w, bands) uint16: a color image that is not decoded yet. Pillow reads one half of the bits at a time."""
    import numpy as np

    raw = _raw_mode(image)
    if _only_upper_half(image):
        raise DataError(
            f"{path}: can't read less than 16 bits from compressed planes or with premultiplied alpha.",
            "Save the image without alpha, and the bands of each pixel together.",
        )
    decode(image)
    with opened(path, content, sys.float_info.max) as other:
        tiles: Any = other.tile  # type: ignore[attr-defined]  # of image files
        other.tile = [  # type: ignore[attr-defined]
            _with_raw_mode(tile, "RGBA" if raw.startswith("LA") else _other_half(_raw_mode_of(tile))) for tile in tiles
        ]
        decode(other)
        lower = np.asarray(other, np.uint16)
    if raw.startswith("LA"):  # read as four bands: both halves of gray, and of alpha
        return (256 * lower[..., 0::2] + lower[..., 1::2])[..., [0, 0, 0, 1]]
    return 256 * np.asarray(image, np.uint16) + lower


def _only_upper_half(image: Image) -> bool:
    """Whether Pillow can read only the upper 8 of 16 bits: it divides them by alpha, or libtiff separates the bands."""
    by_libtiff = any(tile[0] == "libtiff" for tile in getattr(image, "tile", ()))
    return _raw_mode(image).startswith("RGBa") or (by_libtiff and _tags(image).get(PLANAR_CONFIGURATION) == 2)


def _scaled(values: np.ndarray, white: float, inverted: bool) -> np.ndarray:
    """uint8, of the same shape (h, w, …): black is 0 and white 255, or the other way round if inverted."""
    import numpy as np

    pixels = np.empty(values.shape, np.uint8)
    step = max(1, ROWS // max(1, values[0].size))
    for start in range(0, len(values), step):
        shares = np.clip(values[start : start + step].astype(np.float64) / white, 0, 1)
        pixels[start : start + step] = np.rint(255 * (1 - shares if inverted else shares))
    return pixels


def _values(image: Image) -> np.ndarray:
    """(h, w): the samples of a gray image; decodes it."""
    import numpy as np

    tags = _tags(image)
    decode(image)
    values = np.asarray(image)
    unsigned = _first(tags.get(BITS_PER_SAMPLE)) == 32 and _first(tags.get(SAMPLE_FORMAT)) in (None, 1)
    return values.view(np.uint32) if unsigned and values.dtype == np.int32 else values


def _check_range(path: Path, values: np.ndarray, samples: Samples, scale: Scale) -> None:
    import numpy as np

    if samples.kind == "float" and not np.isfinite(values).all():
        raise DataError(f"{path}: float pixels are NaN or infinite. Replace them by numbers.")
    low, high = float(values.min()), float(values.max())
    slack = OVERSHOOT * scale.white if samples.kind == "float" else 0.0
    if -slack <= low and high <= scale.white + slack:
        return
    raise DataError(
        f"{path}: {samples} pixels from {low:,g} to {high:,g}, but black is 0 and white {scale.white:,g} for all"
        f" {samples} images of the data set ({scale.reason}).",
        "Rescale this image."
        if samples.kind == "float" or low < 0
        else f"Rescale this image, or set dataset.depth of image_folder, such as {int(high).bit_length()}.",
    )


def _float_white(largest: float) -> float:
    return next((white for white in FLOAT_WHITES if largest <= white * (1 + OVERSHOOT)), FLOAT_WHITES[-1])


def _stated(image: Image) -> float:
    """The largest value by a tag, if it is 2^n - 1, else 0: any other value is a statistic of the pixels."""
    tags = _tags(image)
    stated = [_first(tags.get(tag)) for tag in (MAX_SAMPLE, LARGEST_SAMPLE)]
    return max((float(value) for value in stated if value in {2**depth - 1 for depth in DEPTHS}), default=0.0)


def _tags(image: Image) -> Any:
    """The tags of a TIFF file; empty for other formats."""
    return getattr(image, "tag_v2", {})


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and value else value


def _raw_mode(image: Image) -> str:
    """Pillow's name of how the file stores pixels, such as "RGB;16B"; empty for formats without one."""
    return next((_raw_mode_of(tile) for tile in getattr(image, "tile", ())), "")


def _raw_mode_of(tile: Any) -> str:
    args = tile[3][0] if isinstance(tile[3], tuple) and tile[3] else tile[3]
    return args if isinstance(args, str) else ""


def _with_raw_mode(tile: Any, raw: str) -> Any:
    codec, extents, offset, args = tile
    return type(tile)(codec, extents, offset, (raw, *args[1:]) if isinstance(args, tuple) else raw)


def _other_half(raw: str) -> str:
    """The raw mode that reads the lower 8 bits where `raw` reads the upper ones: that of the other byte order."""
    order = {"N": sys.byteorder[0].upper()}.get(raw[-1], raw[-1])
    return raw[:-1] + {"B": "L", "L": "B"}[order]
