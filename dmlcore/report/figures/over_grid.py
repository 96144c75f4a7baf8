"""What changes along a grid: metrics with their intervals, and the quantities that may explain them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen
from matplotlib.axes import Axes

from dmlcore.api.blocks import Figure, Key, Panel
from dmlcore.report.content.axis import Axis, AxisPoint, axes_by_other
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import kind_of
from dmlcore.report.content.quantities import GEOMETRY, quantity
from dmlcore.report.content.statistics import Spread
from dmlcore.report.content.table import headline
from dmlcore.report.figures.axes import number_axis, row_panel
from dmlcore.report.figures.drawing import DASHES, HEIGHT, QUIET, from_zero, keys_of, panel, plain
from dmlcore.report.figures.margin import ABOVE, scale_above, second_scale
from dmlcore.text import capitalized

QUANTITIES = (
    "geometry/effective_rank",
    "geometry/dimensions_for_90_percent",
    "geometry/similarity_overlap",
    "geometry/distance_ratio",
    "geometry/alignment",
    "geometry/uniformity",
    "geometry/hubness",
    "training/active_positive_pairs",
    "training/active_negative_pairs",
    "training/active_triplets",
    "training/gradient_norm",
)
"""What may explain a metric, in the order of the figure."""


@frozen
class Curve:
    """A metric or quantity along a path, at one point of the grid's other paths (empty without any)."""

    other: str
    points: tuple[tuple[AxisPoint, Spread], ...]

    @classmethod
    def of(cls, other: str, axis: Axis, name: str) -> Curve:
        return cls(other, tuple((p, spread) for p in axis.points if (spread := p.spread(name)) is not None))

    def __str__(self) -> str:
        return f"{self.other} {', '.join(f'{point.label}: {_text(spread)}' for point, spread in self.points)}".strip()


def metric_curves(material: StudyMaterial) -> Figure | None:
    """Draw each headline metric over each path of the grid with several values."""
    caption = (
        "Bars are the intervals of the table. If they overlap widely, the difference between two points may be chance."
    )
    return _figure("metrics", "Metrics over the grid", caption, material, headline(material))


def quantity_curves(material: StudyMaterial) -> Figure | None:
    """Draw quantities of training and of the test embeddings over the grid."""
    caption = (
        "Recorded quantities over the same grid; bars are standard deviations over seeds, ↓ means lower is better."
        " Training quantities are from the last epoch, all others from the test embeddings."
    )
    return _figure("quantities", "Recorded quantities over the grid", caption, material, QUANTITIES)


def _figure(key: str, title: str, caption: str, material: StudyMaterial, names: Sequence[str]) -> Figure | None:
    """A panel for each quantity and path, in the order of the names, with a curve for each point of other paths."""
    by_path = {path: axes_by_other(material, path) for path in material.varied}
    keys = {key.label: key for key in keys_of(other for axes in by_path.values() for other in axes)}
    panels = []
    for name in names:
        for axes in by_path.values():
            curves = [Curve.of(other, axis, name) for other, axis in axes.items()]
            if found := [curve for curve in curves if len(curve.points) > 1]:
                panels.append(_panel(material, name, list(axes.values()), found, keys))
    if not panels:
        return None
    plain = kind_of(material.results[0])
    legend = [key if key.label else Key(plain, key.color) for key in keys.values()]
    if any(row.untrained for row in material.rows):
        legend.append(Key("untrained network", QUIET, 1))
    return Figure(key, title, caption, tuple(panels), tuple(legend))


def _panel(
    material: StudyMaterial, name: str, along: Sequence[Axis], found: Sequence[Curve], keys: Mapping[str, Key]
) -> Panel:
    untrained, shown = _untrained(material, name), quantity(name)
    numeric, title = all(axis.numeric for axis in along), along[0].title
    scale = second_scale(along)
    rows = list(dict.fromkeys(point.label for curve in found for point, _ in curve.points))

    def draw(axes: Axes) -> None:
        if untrained is not None:
            (axes.axhline if numeric else axes.axvline)(untrained, color=QUIET, linestyle=DASHES[1], linewidth=1.2)
        for curve in found:
            key = keys[curve.other]
            means = [spread.mean for _, spread in curve.points]
            bars = list(zip(*(_bar(spread) for _, spread in curve.points), strict=True))
            style: dict[str, Any] = {"marker": "o", "color": key.color, "capsize": 3}
            if numeric:
                numbers = [point.number for point, _ in curve.points]
                axes.errorbar(numbers, means, bars, linestyle=DASHES[key.dash], **style)
            else:
                places = [rows.index(point.label) for point, _ in curve.points]
                axes.errorbar(means, places, xerr=bars, linestyle="none", **style)
        axes.set_title(plain(capitalized(shown.heading)))
        if numeric:
            points = [point for curve in found for point, _ in curve.points]
            labels = {point.number: point.label for point in points}
            number_axis(axes, along[0].heading, labels)
            if scale is not None:
                scale_above(axes, scale, sorted(labels))
            if untrained is None and _constant([spread.mean for curve in found for _, spread in curve.points]):
                from_zero(axes)

    unique = f"{material.name} {along[0].path} {name}"
    alt = f"{capitalized(shown.label)} over {title}: {'; '.join(map(str, found))}."
    if not numeric:
        return row_panel(unique, alt, rows, draw)
    return panel(unique, alt, draw, height=HEIGHT + (0 if scale is None else ABOVE))


def _bar(spread: Spread) -> tuple[float, float]:
    """How far a point's bar goes down and up: to the bounds of its interval, or by its deviation over seeds."""
    if spread.interval is not None:
        return max(0.0, spread.mean - spread.interval.low), max(0.0, spread.interval.high - spread.mean)
    return spread.sd or 0.0, spread.sd or 0.0


def _constant(values: Sequence[float]) -> bool:
    """Whether positive values differ so little that an axis around them alone would show noise."""
    return min(values) > 0 and max(values) - min(values) < 0.02 * max(values)


def _text(spread: Spread) -> str:
    bounds = spread.interval
    return f"{spread.mean:.3g}" + ("" if bounds is None else f" [{bounds.low:.3g}, {bounds.high:.3g}]")


def _untrained(material: StudyMaterial, name: str) -> float | None:
    """A metric or quantity of the untrained network, if the grid does not change it."""
    values = [row.samples[name].mean for row in material.rows if row.untrained and name in row.samples]
    if name.startswith(GEOMETRY):
        stored = [result.baseline_geometry.get(name.removeprefix(GEOMETRY)) for result in material.results]
        values = list({round(value, 6) for value in stored if value is not None})
    return values[0] if len(values) == 1 else None
