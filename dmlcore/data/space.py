"""Disk space, checked before it is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

from dmlcore.errors import DataError
from dmlcore.text import byte_size


def require_space(folder: Path, needed: int, purpose: str) -> None:
    """Raises DataError where the disk of a folder, which need not exist, has fewer than `needed` bytes free."""
    free = shutil.disk_usage(next(place for place in (folder, *folder.absolute().parents) if place.is_dir())).free
    if free < needed:
        raise DataError(
            f"{folder}: {purpose} needs {byte_size(needed)}, but only {byte_size(free)} are free on that disk."
            " Free some space, or choose another folder with --root."
        )
