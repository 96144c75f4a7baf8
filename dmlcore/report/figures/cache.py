"""Cache of what a report computes once and needs again, stored with the results if possible."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy.typing as npt

from dmlcore.errors import DmlcoreError, StorageError
from dmlcore.results.store import load_tensors, save_tensors

Arrays = Mapping[str, npt.NDArray[Any]]

CHECKSUM = "checksum"
"""Key of the sha256 of the arrays; files of older versions have none."""


def keep(path: Path, arrays: Arrays, made_from: Mapping[str, str]) -> None:
    """Store arrays with a record of their input; do nothing if the results are read-only."""
    with suppress(StorageError):
        save_tensors(path, arrays, {**made_from, CHECKSUM: _checksum(arrays)})


def kept(path: Path, made_from: Mapping[str, str]) -> Arrays | None:
    """Return the stored arrays; None if there are none, they are damaged, or their input differs."""
    try:
        arrays, stored = load_tensors(path)
    except DmlcoreError:
        return None
    if stored.get(CHECKSUM, "") not in ("", _checksum(arrays)):
        return None
    return arrays if all(stored.get(name) == value for name, value in made_from.items()) else None


def _checksum(arrays: Arrays) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape} ".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
