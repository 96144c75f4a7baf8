"""What a report made once and needs again: kept beside the results where that is possible."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors import SafetensorError

from dmlcore.errors import DmlcoreError
from dmlcore.results.store import load_tensors, save_tensors

Arrays = Mapping[str, npt.NDArray[Any]]


def keep(path: Path, arrays: Arrays, made_from: Mapping[str, str]) -> None:
    """Stores arrays, and what they were made from; results that may only be read are left as they are."""
    with suppress(OSError, SafetensorError):  # the library has its own error where it can't write
        save_tensors(path, arrays, made_from)


def kept(path: Path, made_from: Mapping[str, str]) -> Arrays | None:
    """What was kept; None where nothing was, it is damaged, or it was made from something else."""
    try:
        arrays, stored = load_tensors(path)
    except DmlcoreError:
        return None
    return arrays if all(stored.get(name) == value for name, value in made_from.items()) else None
