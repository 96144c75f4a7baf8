"""Reproducible zip files, checked before they replace others: the same files give the same bytes."""

from __future__ import annotations

import re
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath, PureWindowsPath

from dmlcore.errors import StorageError
from dmlcore.results.store import write_atomically
from dmlcore.text import listing

_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest date of the zip format."""

_PAGE = re.compile(rb"/Type\s*/Page\b")
"""A page of a PDF, in the uncompressed objects that typst writes."""


def pack(folder: Path, path: Path) -> dict[str, int]:
    """Write all files below `folder` as one zip, sorted by name, atomically.

    Return name → number of pages, which is 0 for all but PDFs. Raises StorageError if the zip, opened again, is not as
    `checked` expects.
    """
    files = sorted((file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file())
    pages: dict[str, int] = {}

    def write(scratch: Path) -> None:
        with zipfile.ZipFile(scratch, "w") as archive:
            for name, file in files:
                entry = zipfile.ZipInfo(name, _DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = 3  # Unix, wherever it is packed
                entry.external_attr = 0o100644 << 16
                archive.writestr(entry, file.read_bytes())
        pages.update(checked(scratch))

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, write)
    return pages


def checked(path: Path) -> dict[str, int]:
    """Return name → number of pages, which is 0 for all but PDFs, of a zip.

    Raises StorageError if a file is damaged, a PDF has no pages, or names are absolute, lead out of the folder that the
    zip is unpacked to, or are equal where letter case does not matter.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        damaged = archive.testzip()
        problems = [f"{damaged} is damaged"] * bool(damaged)
        problems += [f"{name!r} can't be unpacked" for name in names if not _below(name)]
        known = Counter(unicodedata.normalize("NFC", name).casefold() for name in names)
        problems += [f"{name!r} is there {count} times" for name, count in known.items() if count > 1]
        pages = {name: _pages(archive.read(name)) if name.endswith(".pdf") else 0 for name in names if not damaged}
    problems += [f"{name} is no PDF with pages" for name, count in pages.items() if name.endswith(".pdf") and not count]
    if problems:
        raise StorageError(f"{path}: the zip is not as it was packed: {listing(problems)}.")
    return pages


def _below(name: str) -> bool:
    """Whether the file is unpacked below the folder, on every system."""
    return (
        not PurePosixPath(name).is_absolute()
        and ".." not in PureWindowsPath(name).parts
        and not (PureWindowsPath(name).anchor)
    )


def _pages(pdf: bytes) -> int:
    return len(_PAGE.findall(pdf)) if pdf.startswith(b"%PDF-") else 0
