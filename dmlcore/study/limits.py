"""The limits of study files: beyond them, a file is a mistake, or its runs would never end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dmlcore.study.toml_mistakes import PATHS
from dmlcore.text import counted

DEEPEST = 50
"""Levels of nested arrays and tables."""

MOST_VALUES = 5_000
"""Keys and list entries of a file."""

MOST_RUNS = 2_000
"""Runs of a study: the points of its grid, times its seeds."""

INTEGERS = "an integer must be from -9223372036854775808 to 9223372036854775807 (64 bits)."

_LARGEST = 2**63


def limits_exceeded(values: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the path of each value beyond a limit, with the reason."""
    pending: list[tuple[tuple[str | int, ...], Any]] = [(above, values)]
    count = 0
    while pending:
        path, value = pending.pop()
        if len(path) > DEEPEST:
            yield path[:3], f"arrays or tables are nested too deep; at most {DEEPEST} levels are possible."
        elif isinstance(value, Mapping):
            count += len(value)
            pending += [((*path, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            count += len(value)
            pending += [((*path, index), item) for index, item in enumerate(value)]
        elif type(value) is int and not -_LARGEST <= value < _LARGEST:
            yield path, INTEGERS
    if count > MOST_VALUES:
        yield above, f"{counted(count, 'value')}; a study has at most {MOST_VALUES:,}, and at most {MOST_RUNS:,} runs."


def name_fault(name: str) -> str:
    """Return why a text can't be the name of a folder in the results folder; empty if it can."""
    if name != name.strip() or name.startswith(".") or any(c in "/\\" or not c.isprintable() for c in name):
        return "A name has no slash, backslash or control character, no dot at its start and no space at its ends."
    return f"A name has at most {LONGEST_NAME} bytes." if len(name.encode()) > LONGEST_NAME else ""


LONGEST_NAME = 200
"""Bytes of a study's name; most file systems allow 255."""


def path_fault(text: str) -> str:
    """Return why a text can't be a path; empty if it can."""
    if max(map(len, re.split(r"[/\\]", text))) > 255 or len(text) > 4_000:
        return "a path has at most 4,000 characters, and 255 between two slashes."
    control = next((character for character in text if ord(character) < 32), None)
    if control == "\0":
        return "a path has no NUL character."
    if control is not None:
        return f"a path has no control character such as {control!r}. {PATHS}"
    return ""


def too_many_runs(points: int, seeds: int) -> str:
    """Return what to do about a study with too many runs; empty if it is within the limit."""
    runs = points * seeds
    if runs <= MOST_RUNS:
        return ""
    return (
        f"{counted(points, 'grid point')} × {counted(seeds, 'seed')} = {counted(runs, 'run')}; a study has at most"
        f" {MOST_RUNS:,}. Vary fewer values, or divide the grid among several study files."
    )
