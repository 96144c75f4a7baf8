"""The grid of a study: the product of the values for dotted paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from dmlcore.host.describe import shown
from dmlcore.study.document import Document, Origin, parse_path, value_at
from dmlcore.study.structure import Problem

GRID = "grid"

NOT_VARIED = ("seeds", "name", "schema", "question", "observers", "sections")
"""Top-level keys of a study that don't change its runs."""


def read_grid(document: Document) -> tuple[dict[str, tuple[Any, ...]], list[Problem]]:
    """The grid as dotted path → values, and its problems."""
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
            problems.append(Problem((GRID, path), "the path of an option that changes a run", f'"{path}"'))
        else:
            grid[path] = tuple(values)
    return grid, problems


def points(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, int]]:
    """Every point of the grid, as path → index of its value; a single empty point without a grid."""
    for indices in product(*(range(len(values)) for values in grid.values())):
        yield dict(zip(grid, indices, strict=True))


def with_value_at_every_point(document: Document, path: str, value: Any, origin: Origin) -> Document:
    """The document with a value set, also in those tables of its grid that would replace it and don't set it.

    A table of the grid without the table above the value stays as it is: a loss without a miner has no miner's margin.
    Raises StudyError if a path leads through a plain value.
    """
    keys = parse_path(path)
    document = document.with_value(keys, value, origin)
    for above, tables in read_grid(document)[0].items():
        depth = len(parse_path(above))
        if parse_path(above) != keys[:depth] or depth == len(keys):
            continue
        for index, table in enumerate(tables):
            inner = value_at(table, keys[depth:-1])
            if isinstance(inner, Mapping) and keys[-1] not in inner:
                document = document.with_value((GRID, above, index, *keys[depth:]), value, origin)
    return document


def at_point(document: Document, point: Mapping[str, int]) -> Document:
    """The document with the values of a point set. Raises StudyError if a path leads through a plain value."""
    for path, index in point.items():
        place = Origin(document.origin((GRID, path)).file, (GRID, path, index))
        document = document.with_value(parse_path(path), document.values[GRID][path][index], place)
    return document
