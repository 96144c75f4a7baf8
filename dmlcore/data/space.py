"""Disk space, looked at before it is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

from dmlcore.errors import DataError
from dmlcore.text import byte_size


def require_space(folder: Path, needed: int, purpose: str) -> None:
    """Raises DataError where the disk of a folder, made or not, has fewer bytes free than are needed."""
    made = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    free = shutil.disk_usage(made).free
    if free < needed:
        raise DataError(
            f"{folder}: {purpose} needs {byte_size(needed)}, but {byte_size(free)} are free on that disk."
            " Free some, or choose another place with --root."
        )
