"""Which files of a folder are images, and which are the litter of photo programs and file servers."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

PHOTO_FORMATS = frozenset(
    {"AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "QOI", "TGA", "TIFF", "WEBP"}
)
"""Pillow's names of the formats of still pictures. It also reads icons, fonts, vector graphics, video and scientific
data, which are no photographs."""

CODECS = {"AVIF": "avif", "JPEG2000": "jpg_2000", "WEBP": "webp"}
"""Formats that a build of Pillow may lack → Pillow's name of the codec."""

HEIF_LIBRARY = "pillow-heif"
HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})

LITTER = frozenset(
    {
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        ".ds_store",
        ".thumbnails",
        "@eadir",
        "@recently-snapshot",
        "@recycle",
        "__macosx",
        "desktop.ini",
        "ehthumbs.db",
        "lost+found",
        "picasa.ini",
        "system volume information",
        "thumbs.db",
    }
)
"""Files and folders of photo programs, file servers and operating systems, in lower case: thumbnails, removed and
internal files."""


@cache
def image_suffixes() -> frozenset[str]:
    """The suffixes, in lower case, of the photo formats that the installed Pillow reads."""
    from PIL import Image, features

    Image.init()
    formats = {name for name in PHOTO_FORMATS & Image.OPEN.keys() if name not in CODECS or features.check(CODECS[name])}
    suffixes = {suffix for suffix, name in Image.EXTENSION.items() if name in formats}
    return frozenset(suffixes | (HEIF_SUFFIXES if find_spec("pillow_heif") else set()))


def suffix_of(name: str) -> str:
    """The suffix of a file name in lower case, with its dot; empty without one."""
    before, dot, after = name.rpartition(".")
    return f"{dot}{after.lower()}" if before else ""


def is_image(name: str) -> bool:
    """Whether a file is an image, by its name; hidden files never are."""
    return not name.startswith(".") and suffix_of(name) in image_suffixes()
