"""Which files of a folder are images, and which are the litter of photo programs and file servers."""

from __future__ import annotations

from functools import cache

from dmlcore import readable_suffixes

image_suffixes = cache(readable_suffixes)

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


def suffix_of(name: str) -> str:
    """The suffix of a file name in lower case, with its dot; empty without one."""
    before, dot, after = name.rpartition(".")
    return f"{dot}{after.lower()}" if before else ""


def is_image(name: str) -> bool:
    """Whether a file is an image, by its name; hidden files never are."""
    return not name.startswith(".") and suffix_of(name) in image_suffixes()
