"""The curves of a study: each metric and each recorded quantity along each path of its grid."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from dmlcore.report.material import StudyMaterial
from dmlcore.report.table import short_name
from dmlcore.results import Result
from dmlcore.wording import point_label


@frozen
class Point:
    """One value of the path. low and high bound the interval of a metric; None where there is none."""

    x: float
    """The value of a numeric path, else the place in the order of the grid, from 0."""
    label: str
    mean: float
    low: float | None
    high: float | None
    sd: float | None
    """Sample deviation over seeds; None with one seed."""
    seeds: int


@frozen
class Series:
    """One curve."""

    name: str
    """The metric, as evaluator/metric, or the recorded quantity, as geometry/… or training/…."""
    title: str
    path: str
    """What lies along the horizontal axis."""
    other: str
    """Where the grid varies more: the point of the other paths that the curve is of; else empty."""
    numeric: bool
    """Whether x are values; else they are places of categories."""
    metric: bool
    """Whether it is a metric, with intervals; else a recorded quantity."""
    points: tuple[Point, ...]
    untrained: float | None = None
    """The metric of the untrained network, where the grid does not change it."""


def study_series(material: StudyMaterial) -> tuple[Series, ...]:
    """All curves: path by path, metrics first, then recorded quantities."""
    return tuple(series for path in material.varied for series in _along(material, path))


def _along(material: StudyMaterial, path: str) -> Iterator[Series]:
    groups: dict[str, list[Result]] = {}
    for result in material.results:
        groups.setdefault(point_label({p: v for p, v in result.point.items() if p != path}), []).append(result)
    for names, metric in ((_metrics, True), (_recorded, False)):
        for name in dict.fromkeys(name for result in material.results for name in names(result)):
            for other, results in groups.items():
                yield _series(path, other, name, metric, {id(r): names(r).get(name) for r in results}, results)


def _series(
    path: str, other: str, name: str, metric: bool, values: Mapping[int, float | None], results: Sequence[Result]
) -> Series:
    grouped: dict[str, list[float]] = {}
    given: dict[str, object] = {}
    for result in results:
        value = values[id(result)]
        if value is not None:
            label = point_label({path: result.point[path]}).partition("=")[2]
            given[label] = result.point[path]
            grouped.setdefault(label, []).append(value)
    numeric = all(isinstance(x, int | float) and not isinstance(x, bool) for x in given.values())
    points = tuple(
        Point(
            float(given[label]) if numeric else float(place),  # type: ignore[arg-type]
            label,
            statistics.fmean(found),
            min(found) if metric else None,
            max(found) if metric else None,
            statistics.stdev(found) if len(found) > 1 else None,
            len(found),
        )
        for place, (label, found) in enumerate(grouped.items())
    )
    untrained = results[0].baseline.get(name) if metric else None
    return Series(name, short_name(name), path, other, numeric, metric, points, untrained)


def _metrics(result: Result) -> Mapping[str, float]:
    return result.metrics


def _recorded(result: Result) -> Mapping[str, float]:
    last = result.curve[-1].diagnostics
    geometry = {f"geometry/{name}": value for name, value in result.geometry.items()}
    return geometry | {f"training/{name}": value for name, value in last.items()}
