"""A study's grid: the product of the values given for dotted paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from dmlcore.host.describe import shown
from dmlcore.study.document import Document, Origin, parse_path
from dmlcore.study.structure import Problem

GRID = "grid"

NOT_VARIED = ("seeds", "name", "schema", "question", "observers", "sections")
"""Keys of the study's top that change no run."""


def read_grid(document: Document) -> tuple[dict[str, tuple[Any, ...]], list[Problem]]:
    """The grid as dotted path → values, and what is wrong with it."""
    table = document.values.get(GRID, {})
    if not isinstance(table, Mapping):
        return {}, [Problem((GRID,), 'a table, such as "loss.margin" = [0.1, 0.2]', shown(table))]
    grid: dict[str, tuple[Any, ...]] = {}
    problems: list[Problem] = []
    for path, values in table.items():
        if isinstance(values, Mapping):
            hint = f'Write the path in quotes: "{path}.{next(iter(values), "option")}" = […].'
            problems.append(Problem((GRID, path), "a list of values", "a table", hint))
        elif not isinstance(values, list) or not values:
            problems.append(Problem((GRID, path), "a list with at least one value", shown(values)))
        elif path.partition(".")[0] in NOT_VARIED:
            problems.append(Problem((GRID, path), "a path whose value changes a run", f'"{path}"'))
        else:
            grid[path] = tuple(values)
    return grid, problems


def points(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, int]]:
    """Every point of the grid, as path → index of its value; one empty point without a grid."""
    for indices in product(*(range(len(values)) for values in grid.values())):
        yield dict(zip(grid, indices, strict=True))


def at_point(document: Document, point: Mapping[str, int]) -> Document:
    """The document with a point's values set. Raises StudyError where a path leads through no table."""
    for path, index in point.items():
        place = Origin(document.origin((GRID, path)).file, (GRID, path, index))
        document = document.with_value(parse_path(path), document.values[GRID][path][index], place)
    return document
