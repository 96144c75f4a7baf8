"""What a file of any format has in it: named arrays, read on demand."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from attrs import frozen

from dmlcore.errors import DataError
from dmlcore.text import MANY, listing

SHOWN_ROWS = 5
"""Number of rows that a message lists."""


@frozen
class Contents:
    """The named arrays of a file, read on demand."""

    path: Path
    noun: str
    """What the format calls an array: "array", "tensor", "column"."""
    names: Sequence[str]
    describe: Callable[[str], str]
    read: Callable[[str], np.ndarray]
    """Return the array of a name, (N,) or (N, D)."""
    only: str | None = None
    """The name of the array of a file that has a single one without a name, and therefore any meaning."""
    class_names: tuple[str, ...] = ()
    numbers: Collection[str] = ()
    """The columns of a table that have one number in each row."""
    matrix: Callable[[Sequence[str]], np.ndarray] | None = None
    """Return several columns of numbers as one array (N, D)."""
    counted: bool = False
    """Whether the names are only the positions of columns, since the file has none."""
    taken: str | None = None
    """The name of the labels, if they are in this file."""
    lines: Callable[[], Sequence[int]] | None = None
    """Return the line of each row of a text file; None where a row has only its index, from 0."""

    @property
    def free(self) -> Sequence[str]:
        """The names that can be those of the vectors."""
        return [name for name in self.names if name != self.taken]

    def groups(self) -> Mapping[str, Sequence[str]]:
        """Columns that are numbered from 0 or 1 without a gap, by what their names have in common: "e*" → e0, e1, …"""
        numbered: dict[str, dict[int, str]] = {}
        for name in self.free:
            match = re.fullmatch(r"(.*?)(\d{1,9})", name)
            if match and name in self.numbers:
                numbered.setdefault(f"{match[1]}*", {})[int(match[2])] = name
        return {
            pattern: [columns[number] for number in sorted(columns)]
            for pattern, columns in numbered.items()
            if len(columns) > 1 and max(columns) - min(columns) == len(columns) - 1 and min(columns) < 2
        }

    def columns(self, pattern: str) -> Sequence[str]:
        """The columns of numbers of a group, or those that match a pattern with `*`, in natural order."""
        found = [name for name in self.free if name in self.numbers and fnmatchcase(name, pattern)]
        return self.groups().get(pattern) or sorted(found, key=_natural)

    def inventory(self) -> str:
        """A sentence that lists what is in the file."""
        groups = self.groups()
        grouped = {column for columns in groups.values() for column in columns}
        single = [name for name in self.names if name not in grouped]
        parts = [f"{name} ({self.describe(name)})" for name in single[:MANY]]
        parts += [f"… ({len(single) - MANY:,} more)"] if len(single) > MANY else []
        parts += [f"{columns[0]} … {columns[-1]} ({len(columns):,} numbers)" for columns in groups.values()]
        plural = "s" if len(self.names) > 1 else ""
        unnamed = ", counted from 0: it has no line of names" if self.counted else ""
        return f"The file has the {self.noun}{plural} {listing(parts)}{unnamed}." if parts else "The file is empty."

    def places(self, rows: np.ndarray) -> str:
        """The first of some rows (M,), given by their indices: "rows: 3, 4", or with the lines of a text file."""
        shown = [int(row) for row in rows[:SHOWN_ROWS]]
        more = ", …" if len(rows) > SHOWN_ROWS else ""
        if self.lines is None:
            return f"rows: {listing(map(str, shown))}{more}"
        lines = self.lines()
        return f"rows, in lines {listing(str(lines[row]) for row in shown)}{more}"


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts e2 before e10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def array_text(array: np.ndarray) -> str:
    """Type and shape: "float32 (4, 3)"."""
    return f"{array.dtype} {array.shape}"


def of_objects(values: Iterable[object], place: str) -> np.ndarray:
    """The array of Python values that are all strings or all numbers. Raises DataError for anything else."""
    items = list(values)
    if items and all(isinstance(item, str) for item in items):
        return np.array(items, dtype=str)
    if not all(isinstance(item, bool | int | float | np.number | np.bool_) for item in items):
        types = sorted({type(item).__name__ for item in items})
        raise DataError(f"{place}: values of the type {' and '.join(types)}. Expected only numbers, or only strings.")
    return np.array(items)


def unsafe(place: str, convert: str) -> DataError:
    """The error for Python objects in a file, which are never loaded; `convert` is Python code that saves arrays."""
    return DataError(
        f"{place} has Python objects (a pickle); loading them can run any code.",
        f"If you trust the file, convert it: {one_line(convert)}",
    )


def saving(target: Path, values: str) -> str:
    """Python code that saves the vectors and the labels of a dictionary as .npz."""
    return f"numpy.savez({target.as_posix()!r}, vectors={values}['vectors'], labels={values}['labels'])"


def one_line(code: str) -> str:
    """The shell command that runs a line of Python."""
    return f"python -c {shlex.quote(code)}" if re.search(r'["$`\\!]', code) else f'python -c "{code}"'
