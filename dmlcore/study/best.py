"""`[best]`: the best values of finished studies, used in a later study."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Literal

from attrs import frozen

from dmlcore.api.components import option
from dmlcore.api.result import Result
from dmlcore.errors import StudyError
from dmlcore.results.store import Store
from dmlcore.study.document import Document, Origin, parse_path
from dmlcore.study.lookup import look_up
from dmlcore.study.schema import Run, StudyFile
from dmlcore.text import counted, did_you_mean, listing

BEST = "best"


@frozen
class Best:
    """Values from the grids of other studies: those of the grid point with the highest mean metric."""

    from_: tuple[Path, ...] = option(help="study files; each path in `take` is in the grid of one of them")
    take: tuple[str, ...] = option(help='paths of the values to take, such as "loss.margin"')
    metric: str = option(
        "retrieval/map_at_r", help="metric that compares grid points, as evaluator/metric; the highest mean is best"
    )
    split: Literal["test", "validation"] = option(
        "test", help='classes that the metric is measured on; "validation" needs studies with select = "validation"'
    )

    def __attrs_post_init__(self) -> None:
        if not self.from_ or not self.take:
            raise ValueError("`from` and `take` each need at least one entry")


LoadSource = Callable[[Path], StudyFile]


def with_best_values(document: Document, best: Best, load: LoadSource, store: Store | None) -> Document:
    """The document with the best values set, as found in the stored results.

    Without a store, use the first value of each grid, which is enough to check a study. Raises StudyError if no study
    varies a path, or if its runs are not finished.
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
        raise StudyError(f"best.take: {path!r} is in the grids of {names}. Keep only one of them in best.from.")
    known = [path for source in sources for path in source.grid]
    raise StudyError(
        f"best.take: no study in best.from varies {path!r}.{did_you_mean(path, known)}"
        f" Known: {listing(known) or 'none'}."
    )


def _best_point(source: StudyFile, best: Best, store: Store) -> Any:
    """The grid point with the highest mean over its finished runs; the first of equal ones."""
    values: dict[str, list[float]] = {}
    points: dict[str, Any] = {}
    for run in source.runs:
        value = _measured(run, source, best, store)
        if value is not None:
            values.setdefault(run.label, []).append(value)
            points[run.label] = run.point
    if not values:
        raise StudyError(f"best.from: every run of {source.path} failed, so there is no best value.")
    return points[max(values, key=lambda label: math.fsum(values[label]) / len(values[label]))]


def _measured(run: Run, source: StudyFile, best: Best, store: Store) -> float | None:
    """The metric of a run, or None if the run failed."""
    stored = look_up(run, store)
    if result := stored.result():
        return _metric(result, source, best)
    if stored.state == "failed":
        return None
    states = Counter(look_up(run, store).state for run in source.runs)
    outdated = f" {states['outdated']} of them are outdated: {stored.note}." if stored.state == "outdated" else ""
    damaged = f" One is damaged: {stored.note}" if stored.state == "damaged" else ""
    raise StudyError(
        f"best.from: {states['finished']} of {counted(len(source.runs), 'run')} of {source.path} are finished."
        f"{outdated}{damaged} Run the others first: dmlcore run {source.path}"
    )


def _metric(result: Result, source: StudyFile, best: Best) -> float:
    metrics: Mapping[str, float] = result.metrics
    if best.split == "validation":
        metrics = result.curve[result.protocol["epoch"]].validation or {}
    if best.metric not in metrics:
        raise StudyError(
            f"best.metric: {source.path} did not measure {best.metric!r} on the {best.split} classes."
            f" Measured: {listing(metrics) or 'nothing'}."
        )
    return metrics[best.metric]


def in_order_of_need(files: Iterable[StudyFile]) -> list[StudyFile]:
    """Sort the studies so that each follows those that its `[best]` needs."""
    by_path = {file.path.resolve(): file for file in files}
    needs = {path: [need for need in file.needs if need in by_path] for path, file in by_path.items()}
    return [by_path[path] for path in TopologicalSorter(needs).static_order()]
