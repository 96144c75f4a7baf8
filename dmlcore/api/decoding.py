"""Opening image files by Pillow: their formats, the limit of their size, and what is said of damaged ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmlcore.errors import DamagedDataError, DataError, DmlcoreError
from dmlcore.text import counted

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = frozenset(
    {"AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "QOI", "TGA", "TIFF", "WEBP"}
)
"""Pillow's formats of still photographs."""

CODECS = {"AVIF": "avif", "JPEG2000": "jpg_2000", "WEBP": "webp"}
"""Formats that a build of Pillow may lack → Pillow's name of the codec."""

HEIF_SUFFIXES = (".heic", ".heif", ".hif")
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
BITS_PER_SAMPLE, PLANAR_CONFIGURATION, SAMPLE_FORMAT = 258, 284, 339
"""Tags of TIFF."""

MAX_MEGAPIXELS = 300.0
"""The default limit of an image; Pillow needs 4 bytes for a pixel."""

REDUCED_ABOVE = 89_478_485
"""Images of more pixels are reduced while or after they are decoded, to at most this number. It is the number above
which Pillow warns; crops of larger images would warn, too."""

_PILLOW_LIMIT = threading.Lock()


def readable_suffixes() -> frozenset[str]:
    """Return the suffixes of the image files that can be read here, in lower case, such as ".jpg".

    Those of HEIC are included only if pillow-heif is installed.
    """
    from PIL import Image, features

    known = Image.registered_extensions()
    formats = {name for name in FORMATS & {*Image.OPEN, "MPO"} if name not in CODECS or features.check(CODECS[name])}
    suffixes = {suffix for suffix, name in known.items() if name in formats}
    return frozenset(suffixes | (set(HEIF_SUFFIXES) if _has_heif() else set()))


def _has_heif() -> bool:
    return find_spec("pillow_heif") is not None


@contextmanager
def opened(path: Path, content: bytes, max_megapixels: float) -> Iterator[Image]:
    """Open an image, not decoded yet; errors inside the block become DataErrors that name the file.

    Raises DataError for an image above the limit.
    """
    try:
        with _open(path, content) as image:
            _check_size(path, image.size, max_megapixels)
            yield image
    except DmlcoreError:
        raise
    except MemoryError:
        raise DataError(f"{path}: not enough memory to decode the image.", "Reduce it, or training.workers.") from None
    except Exception as error:  # Pillow raises a dozen kinds on damaged files
        reason = str(error).partition(" <_io")[0]  # Pillow's name of a file in memory
        raise DamagedDataError(
            f"{path}: can't read the image ({reason or type(error).__name__}).", "Replace or remove the file."
        ) from None


def reduced(image: Image) -> Image:
    """Return an image, perhaps not decoded yet, with at most `REDUCED_ABOVE` pixels.

    JPEG and JPEG 2000 are decoded at a reduced scale; of other formats, a pixel is the mean of a square of pixels.
    """
    from PIL import Image

    if image.width * image.height <= REDUCED_ABOVE:
        return image
    _decode_reduced(image)
    decode(image)
    factor = 1
    while image.width * image.height > REDUCED_ABOVE * factor**2:
        factor += 1
    if factor == 1:
        return image
    if image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return Image.Image.reduce(image, factor)


def _open(path: Path, content: bytes) -> Image:
    from PIL import UnidentifiedImageError

    try:
        return _with_planes(_unlimited_open(content))
    except UnidentifiedImageError:
        if content[4:8] == b"ftyp" and content[8:12] in HEIF_BRANDS:
            return _open_heif(path, content)
        if content[:4] in TIFF_MARKS and (kind := _kind_of_tiff(content)):
            raise DataError(
                f"{path}: Pillow can't read a TIFF of {kind}.", "Convert it, for example to a PNG of 16 bits."
            ) from None
        raise


def _open_heif(path: Path, content: bytes) -> Image:
    if not _has_heif():
        raise DataError(f"{path}: reading HEIC images needs pillow-heif.", "    pip install 'dmlcore[heif]'")
    import pillow_heif

    pillow_heif.register_heif_opener()
    return _unlimited_open(content)


def _with_planes(image: Image) -> Image:
    """The image, with uncompressed planes of 16 bits read as such: Pillow takes them for planes of 8 bits."""
    tags: Any = getattr(image, "tag_v2", {})
    if tags.get(PLANAR_CONFIGURATION) == 2 and 16 in tags.get(BITS_PER_SAMPLE, ()):
        order = "L" if tags.prefix == b"II" else "B"
        tiles: Any = image.tile  # type: ignore[attr-defined]  # of image files
        image.tile = [  # type: ignore[attr-defined]
            type(tile)(*tile[:3], (f"{tile[3][0]};16{order}", *tile[3][1:])) if tile[0] == "raw" else tile
            for tile in tiles
        ]
    return image


def _kind_of_tiff(content: bytes) -> str:
    """ "3 samples of 32-bit float", from the first page of a TIFF file; empty if it is damaged."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    try:
        header = content[: 16 if 43 in content[2:4] else 8]
        tags, file = ImageFileDirectory_v2(header), BytesIO(content)
        file.seek(tags.next)
        tags.load(file)
        bits, formats = tags.get(BITS_PER_SAMPLE, (1,)), tags.get(SAMPLE_FORMAT, (1,))
    except Exception:  # as for images, Pillow raises many kinds
        return ""
    kind = {2: " signed", 3: " float", 5: " complex", 6: " complex"}.get(formats[0], "")
    return f"{counted(len(bits), 'sample')} of {bits[0]}-bit{kind}" if max(bits) > 8 else ""


def decode(image: Image) -> None:
    """Decode an opened image of any size; large ones one at a time, since they need much memory."""
    if image.width * image.height <= REDUCED_ABOVE:
        image.load()
        return
    with _unlimited():
        image.load()


def _unlimited_open(content: bytes) -> Image:
    from PIL import Image

    with _unlimited():
        return Image.open(BytesIO(content))


@contextmanager
def _unlimited() -> Iterator[None]:
    """Suspend Pillow's own limit of the size: it is one for the whole process, and its error names no file."""
    from PIL import Image

    with _PILLOW_LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _check_size(path: Path, size: tuple[int, int], max_megapixels: float) -> None:
    megapixels = size[0] * size[1] / 1e6
    if megapixels > max_megapixels:
        raise DataError(
            f"{path}: the image has {size[0]:,} × {size[1]:,} pixels, {megapixels:,.0f} megapixels. The limit is"
            f" {max_megapixels:,g}.",
            "Reduce or remove the image, or raise the limit: dataset.max_megapixels of image_folder.",
        )


def _decode_reduced(image: Image) -> None:
    """Ask for the largest scale of 1/2, 1/4 and 1/8 with at most `REDUCED_ABOVE` pixels, where the format has them."""
    power = next((n for n in range(4) if image.width * image.height <= REDUCED_ABOVE * 4**n), 3)
    if image.format in ("JPEG", "MPO"):
        image.draft(image.mode, (image.width >> power, image.height >> power))
    elif image.format == "JPEG2000":
        image.reduce = power  # type: ignore[method-assign, assignment]  # an attribute of this format
