"""`[best]`: values that finished studies found to be the best, taken into a later study."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Literal

from attrs import frozen

from dmlcore.api.components import option
from dmlcore.api.result import Result
from dmlcore.errors import StudyError
from dmlcore.results.store import Store
from dmlcore.study.document import Document, Origin, parse_path
from dmlcore.study.schema import Run, StudyFile
from dmlcore.text import counted, did_you_mean, listing

BEST = "best"


@frozen
class Best:
    """Values to take from the grids of other studies: those of the grid point with the highest mean metric."""

    from_: tuple[Path, ...] = option(help="the study files whose results are compared, each by its own grid")
    take: tuple[str, ...] = option(help="the paths whose values are taken; each is in the grid of one of the studies")
    metric: str = option("retrieval/map_at_r", help="what is compared, as evaluator/metric; the highest mean is best")

    split: Literal["test", "validation"] = option(
        "test", help='classes that the metric is of; "validation" needs studies with select = "validation"'
    )

    def __attrs_post_init__(self) -> None:
        if not self.from_ or not self.take:
            raise ValueError("from and take need at least one entry each")


LoadSource = Callable[[Path], StudyFile]


def with_best_values(document: Document, best: Best, load: LoadSource, store: Store | None) -> Document:
    """The document with the best values set, as far as the stored results tell them.

    Without a store, the first value of each grid stands for the best one: enough to look a study over.
    Raises StudyError where no study varies a path, or its runs are not finished.
    """
    sources = [load(path) for path in best.from_]
    for path in best.take:
        source = _varying(path, sources)
        value = source.grid[path][0] if store is None else _best_point(source, best, store)[path]
        document = document.with_value(parse_path(path), value, Origin(source.path, ("grid", path)))
    return document


def _varying(path: str, sources: Iterable[StudyFile]) -> StudyFile:
    found = [source for source in sources if path in source.grid]
    if len(found) == 1:
        return found[0]
    if found:
        names = listing(str(source.path) for source in found)
        raise StudyError(f"best.take: {path!r} is in the grids of {names}; take it from one of them.")
    known = [path for source in sources for path in source.grid]
    raise StudyError(
        f"best.take: {path!r} is in no grid of best.from.{did_you_mean(path, known)} Known: {listing(known) or 'none'}."
    )


def _best_point(source: StudyFile, best: Best, store: Store) -> Any:
    """The grid point of the highest mean over its finished runs; of equals, the first."""
    values: dict[str, list[float]] = {}
    points: dict[str, Any] = {}
    for run in source.runs:
        value = _measured(run, source, best, store)
        if value is not None:
            values.setdefault(run.label, []).append(value)
            points[run.label] = run.point
    if not values:
        raise StudyError(f"best.from: every run of {source.path} failed, so it has no best value.")
    return points[max(values, key=lambda label: math.fsum(values[label]) / len(values[label]))]


def _measured(run: Run, source: StudyFile, best: Best, store: Store) -> float | None:
    """The metric of a run; None where its training failed."""
    folder = store.run(run.study.name, run.name)
    if folder.finished:
        return _metric(folder.result(), source, best)
    if folder.failure() is not None:
        return None
    finished = sum(store.run(run.study.name, run.name).finished for run in source.runs)
    raise StudyError(
        f"best.from: {finished} of {counted(len(source.runs), 'run')} of {source.path} are finished."
        f" Make them first: dmlcore run {source.path}"
    )


def _metric(result: Result, source: StudyFile, best: Best) -> float:
    selected = result.curve[result.protocol["epoch"]]
    metrics = result.metrics if best.split == "test" else selected.validation or {}
    if best.metric not in metrics:
        raise StudyError(
            f"best.metric: {best.metric!r} was not measured on the {best.split} classes by {source.path}."
            f" Measured: {listing(metrics) or 'nothing'}."
        )
    return metrics[best.metric]


def in_order_of_need(files: Iterable[StudyFile]) -> list[StudyFile]:
    """The studies so that each comes after those that its `[best]` needs, else as they were given."""
    by_path = {file.path.resolve(): file for file in files}
    needs = {path: [need for need in file.needs if need in by_path] for path, file in by_path.items()}
    return [by_path[path] for path in TopologicalSorter(needs).static_order()]
