"""Metrics over the values of a grid, for figures."""

from __future__ import annotations

from attrs import frozen

from dmlcore.report.material import StudyMaterial


@frozen
class SeriesPoint:
    """One value of the grid, and a metric there with its interval."""

    x: object
    mean: float
    low: float
    high: float


@frozen
class Series:
    """A metric over one path of the grid."""

    path: str
    metric: str
    points: tuple[SeriesPoint, ...]


def study_series(material: StudyMaterial) -> tuple[Series, ...]:
    """A series for each varied path and headline metric."""
    series = []
    for path in material.varied:
        for metric in material.results[0].headline if material.results else ():
            values: dict[object, list[float]] = {}
            for result in material.results:
                values.setdefault(result.point[path], []).append(result.metrics[metric])
            points = tuple(SeriesPoint(x, sum(v) / len(v), min(v), max(v)) for x, v in values.items())
            series.append(Series(path, metric, points))
    return tuple(series)
