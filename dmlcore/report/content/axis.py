"""One path of a study's grid, with the measurements at each of its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from dmlcore.api.result import Result
from dmlcore.api.values import MarginAxis
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import PointMeasurements
from dmlcore.report.content.naming import Names, setting_name, with_value
from dmlcore.report.content.recorded import averaged_recorded, recorded_of
from dmlcore.report.content.statistics import Sample, Spread, averaged
from dmlcore.text import capitalized, value_text

DIMENSION = "embedding.dim"
MARGIN = "loss.margin"

SCALES: Mapping[MarginAxis, str] = {
    "cosine": "cosine",
    "euclidean": "Euclidean distance",
    "squared_euclidean": "squared Euclidean distance",
    "degrees": "degrees",
}
"""What a loss measures its margin as → its name."""


@frozen(eq=False)
class AxisPoint:
    """One value of the path."""

    value: object
    label: str
    """The value as short text: see `Names`."""
    results: tuple[Result, ...]
    samples: Mapping[str, Sample]
    recorded: Mapping[str, Spread]

    def spread(self, name: str) -> Spread | None:
        """Return a metric with its interval, or a recorded quantity; None if it is missing here."""
        return Spread.of_sample(self.samples[name]) if name in self.samples else self.recorded.get(name)

    @property
    def number(self) -> float:
        """The value of a numeric axis."""
        assert isinstance(self.value, int | float)
        return float(self.value)


@frozen(eq=False)
class Axis:
    """A path of the grid and its values: numbers in rising order, all else in the order of the grid."""

    path: str
    points: tuple[AxisPoint, ...]
    over: tuple[str, ...] = ()
    """Labels of the points of the other paths that each value is averaged over; empty if nothing else varies."""

    @property
    def numeric(self) -> bool:
        return all(isinstance(p.value, int | float) and not isinstance(p.value, bool) for p in self.points)

    def having(self, name: str) -> list[AxisPoint]:
        """Return the points at which a quantity was recorded."""
        return [point for point in self.points if name in point.recorded]

    @property
    def title(self) -> str:
        """The name of the setting: "embedding dimension"."""
        return setting_name(self.path)

    @property
    def heading(self) -> str:
        """The title of the axis in a figure: "Embedding dimension", "Margin (cosine)"."""
        scales = {result.loss.margin_axis for point in self.points for result in point.results}
        scale = scales.pop() if self.path == MARGIN and len(scales) == 1 else None
        return capitalized(self.title) + (f" ({SCALES[scale]})" if scale else "")

    def named(self, point: AxisPoint) -> str:
        """Return a label such as "embedding dimension 64"."""
        return with_value(self.path, point.value, point.label)


def marginal_axis(material: StudyMaterial, path: str) -> Axis | None:
    """Return the axis averaged over the other paths of the grid; None if no point of these has every value.

    For a fair comparison, it uses only points of the other paths at which every value of this path was measured, and
    only seeds that all of these share.
    """
    groups = _by_other(material, path)
    values = dict.fromkeys(value for rows in groups.values() for value in rows)
    complete = {other: rows for other, rows in groups.items() if len(rows) == len(values)}
    all_seeds = [[result.seed for result in row.results] for rows in complete.values() for row in rows.values()]
    seeds = [seed for seed in all_seeds[0] if all(seed in others for others in all_seeds)] if complete else []
    if not seeds:
        return None
    points = tuple(_point(material.names, path, [rows[value] for rows in complete.values()], seeds) for value in values)
    return Axis(path, _ordered(points), tuple(other for other in complete if other))


def axes_by_other(material: StudyMaterial, path: str) -> dict[str, Axis]:
    """Return label of a point of the other paths ("" without any) → the axis there, with the values so far."""
    axes = {}
    for other, rows in _by_other(material, path).items():
        points = [
            AxisPoint(
                row.point[path],
                material.names.value(path, row.point[path]),
                row.results,
                row.samples,
                recorded_of(row.results),
            )
            for row in rows.values()
        ]
        axes[other] = Axis(path, _ordered(tuple(points)))
    return axes


def _by_other(material: StudyMaterial, path: str) -> dict[str, dict[str, PointMeasurements]]:
    """Label of a point of the other paths → the path's value as text → row."""
    groups: dict[str, dict[str, PointMeasurements]] = {}
    for row in material.rows:
        if not row.untrained and path in row.point:
            other = material.names.point({name: value for name, value in row.point.items() if name != path})
            groups.setdefault(other, {})[value_text(row.point[path])] = row
    return groups


def _point(names: Names, path: str, rows: Sequence[PointMeasurements], seeds: Sequence[int]) -> AxisPoint:
    samples = {}
    for name in rows[0].samples:
        found = [row.samples[name] for row in rows if name in row.samples]
        if len(found) == len(rows) and all(set(seeds) <= set(sample.seeds) for sample in found):
            samples[name] = averaged([sample.of_seeds(seeds) for sample in found])
    chosen = [tuple(result for result in row.results if result.seed in seeds) for row in rows]
    recorded = averaged_recorded([recorded_of(results) for results in chosen])
    value, results = rows[0].point[path], tuple(result for group in chosen for result in group)
    return AxisPoint(value, names.value(path, value), results, samples, recorded)


def _ordered(points: tuple[AxisPoint, ...]) -> tuple[AxisPoint, ...]:
    return tuple(sorted(points, key=lambda point: point.number)) if Axis("", points).numeric else points
