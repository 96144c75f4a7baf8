"""Reproducible zip files: the same files give the same bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path

from dmlcore.results.store import write_atomically

_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest date of the zip format."""


def pack(folder: Path, path: Path) -> list[str]:
    """Write all files below `folder` as one zip, sorted by name, atomically; return their names."""
    files = sorted((file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file())

    def write(scratch: Path) -> None:
        with zipfile.ZipFile(scratch, "w") as archive:
            for name, file in files:
                entry = zipfile.ZipInfo(name, _DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = 3  # Unix, wherever it is packed
                entry.external_attr = 0o100644 << 16
                archive.writestr(entry, file.read_bytes())

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, write)
    return [name for name, _ in files]
