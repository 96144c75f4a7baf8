"""Values in dictionaries and lists, as torch and MATLAB store them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dmlcore.commands.metrics.formats.contents import array_text, of_objects
from dmlcore.errors import DataError

UNNAMED = "vectors"
"""The name of a value that is not in a dictionary or a list."""

_SINGLE = (bool, int, float, str, np.generic)


def entries(value: Any) -> dict[str, Any]:
    """The values inside a value by name: names of a dictionary in another one are joined by dots."""
    return dict(_entries(value, ""))


def _entries(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entries(item, f"{name}.{key}" if name else str(key))
    elif not name and isinstance(value, list | tuple) and not all(isinstance(item, _SINGLE) for item in value):
        for index, item in enumerate(value):
            yield from _entries(item, str(index))
    else:
        yield name or UNNAMED, value


def entry_text(value: Any) -> str:
    """Type and shape of an array, or type and length of a list."""
    if isinstance(value, np.ndarray):
        return array_text(value)
    return f"list of {len(value):,}" if isinstance(value, list | tuple) else type(value).__name__


def entry_array(value: Any, place: str) -> np.ndarray:
    """An array as it is; a list as the array of its numbers, strings or arrays. Raises DataError for anything else."""
    items = value.ravel().tolist() if isinstance(value, np.ndarray) and value.dtype == object else value
    if isinstance(items, np.ndarray):
        return items
    if not isinstance(items, list | tuple):
        raise DataError(f"{place}: {entry_text(items)}. Expected an array or a list.")
    if not items or not all(isinstance(item, np.ndarray) for item in items):
        return of_objects(items, place)
    shapes = sorted({item.shape for item in items})
    if len(shapes) > 1:
        raise DataError(f"{place}: arrays of the shapes {shapes[0]} to {shapes[-1]}. Expected the same shape for all.")
    return np.stack(items)
