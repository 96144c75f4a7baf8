"""The curves of a study: each metric and each recorded quantity along each path of its grid."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from dmlcore.report.content.axis import Axis, AxisPoint, axes_by_other
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import PointMeasurements
from dmlcore.report.content.quantities import full_label, label
from dmlcore.report.content.statistics import interval
from dmlcore.report.content.table import full_columns


@frozen
class Point:
    """One value of the path; low and high are the bounds of a metric's interval, None without one."""

    x: float
    """The value of a numeric path, else the position in the order of the grid, from 0."""
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
    """The horizontal axis."""
    other: str
    """The point of the grid's other paths; empty if there are none."""
    numeric: bool
    """Whether x are values; else they are positions of categories."""
    metric: bool
    """Whether it is a metric, with intervals, or a recorded quantity."""
    points: tuple[Point, ...]
    untrained: float | None = None
    """The metric of the untrained network, unless the grid changes it."""


def study_series(material: StudyMaterial) -> tuple[Series, ...]:
    """Return all curves path by path: the metrics of the full table, then recorded quantities."""
    if not material.results:
        return ()
    metrics = full_columns(material)
    curves: list[Series] = []
    for path in material.varied:
        axes = axes_by_other(material, path)
        curves += [s for name in metrics for other, axis in axes.items() for s in _metric(material, axis, other, name)]
        quantities = dict.fromkeys(name for axis in axes.values() for p in axis.points for name in p.recorded)
        curves += [s for name in quantities for other, axis in axes.items() for s in _recorded(axis, other, name)]
    return tuple(curves)


def _metric(material: StudyMaterial, axis: Axis, other: str, name: str) -> Iterator[Series]:
    points = []
    for place, point in enumerate(axis.points):
        if (sample := point.samples.get(name)) is not None:
            bounds = interval(sample)
            low, high = (None, None) if bounds is None else (bounds.low, bounds.high)
            points.append(Point(_x(axis, place), point.label, sample.mean, low, high, sample.sd, len(sample.seeds)))
    if points:
        untrained = _untrained(material.rows, name)
        yield Series(name, label(name), axis.path, other, axis.numeric, True, tuple(points), untrained)


def _recorded(axis: Axis, other: str, name: str) -> Iterator[Series]:
    points = tuple(
        Point(_x(axis, place), point.label, figure.mean, None, None, figure.sd, len(point.results))
        for place, point in enumerate(axis.points)
        if (figure := point.recorded.get(name)) is not None
    )
    if points:
        yield Series(name, full_label(name), axis.path, other, axis.numeric, False, points)


def _x(axis: Axis, place: int) -> float:
    point: AxisPoint = axis.points[place]
    return point.number if axis.numeric else float(place)


def _untrained(rows: tuple[PointMeasurements, ...], name: str) -> float | None:
    untrained = [row for row in rows if row.untrained and name in row.samples]
    return untrained[0].samples[name].mean if len(untrained) == 1 else None
