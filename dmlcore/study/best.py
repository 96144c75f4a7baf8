"""`[best]`: the best values of finished studies, used in a later study."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Literal

from attrs import frozen

from dmlcore.api.components import option
from dmlcore.api.result import Result
from dmlcore.errors import StudyError
from dmlcore.results.choices import Choice, Rival
from dmlcore.results.store import Store
from dmlcore.study.document import Document, Origin
from dmlcore.study.grid import with_value_at_every_point
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


def with_best_values(
    document: Document, best: Best, load: LoadSource, store: Store | None
) -> tuple[Document, tuple[Choice, ...]]:
    """The document with the best values set, as found in the stored results, and how each was chosen.

    Without a store, use the first value of each grid, which is enough to check a study; then there are no choices.
    Raises StudyError if no study varies a path, or if its runs are not finished.
    """
    sources = [load(path) for path in best.from_]
    choices = []
    for path in best.take:
        source = _varying(path, sources)
        value = source.grid[path][0]
        if store is not None:
            choices.append(_choice(path, source, best, store))
            value = choices[-1].value
        document = with_value_at_every_point(document, path, value, Origin(source.path, ("grid", path)))
    return document, tuple(choices)


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


def _choice(path: str, source: StudyFile, best: Best, store: Store) -> Choice:
    """The value of the grid point with the highest mean over its finished runs; the first of equal ones."""
    points: dict[str, Mapping[str, Any]] = {}
    results: dict[str, list[Result]] = {}
    for run in source.runs:
        points[run.label] = run.point
        results.setdefault(run.label, []).extend(_finished(run, source, store))
    rivals = [_rival(points[label], [_metric(result, source, best) for result in results[label]]) for label in points]
    if not any(results.values()):
        raise StudyError(f"best.from: every run of {source.path} failed, so there is no best value.")
    winner = max(rivals, key=lambda rival: -math.inf if rival.mean is None else rival.mean)
    protocol = next(result.protocol for found in results.values() for result in found)
    return Choice(
        path=path,
        value=winner.point[path],
        study=source.study.name,
        metric=best.metric,
        split=best.split,
        classes=protocol.get(f"{best.split}_classes"),
        rivals=tuple(rivals),
    )


def _rival(point: Mapping[str, Any], values: Sequence[float]) -> Rival:
    return Rival(
        point=point,
        mean=statistics.fmean(values) if values else None,
        sd=statistics.stdev(values) if len(values) > 1 else None,
        runs=len(values),
    )


def _finished(run: Run, source: StudyFile, store: Store) -> list[Result]:
    """The result of a run; none if the run failed."""
    stored = look_up(run, store)
    if result := stored.result():
        return [result]
    if stored.state == "failed":
        return []
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
