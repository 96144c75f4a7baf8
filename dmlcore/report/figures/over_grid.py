"""What changes along a grid: metrics with their intervals, and the quantities that may explain them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from dmlcore.api.blocks import Figure, Key, Panel
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import GEOMETRY, TRAINING, quantity
from dmlcore.report.content.series import Point, Series
from dmlcore.report.content.table import headline
from dmlcore.report.figures.axes import number_axis, row_panel
from dmlcore.report.figures.drawing import DASHES, QUIET, keys_of, panel

QUANTITIES = (
    *(
        f"{GEOMETRY}{name}"
        for name in (
            "effective_rank",
            "dimensions_for_90_percent",
            "similarity_overlap",
            "distance_ratio",
            "alignment",
            "uniformity",
            "hubness",
        )
    ),
    *(
        f"{TRAINING}{name}"
        for name in ("active_positive_pairs", "active_negative_pairs", "active_triplets", "gradient_norm")
    ),
)
"""What may explain a metric, in the order of the figure."""


def metric_curves(material: StudyMaterial, series: Sequence[Series]) -> Figure | None:
    """Draw each headline metric over each path of the grid with several values."""
    caption = (
        "Bars are the intervals of the table. If they overlap widely, the difference between two points may be chance."
    )
    return _figure("metrics", "Metrics over the grid", caption, material, series, headline(material))


def quantity_curves(material: StudyMaterial, series: Sequence[Series]) -> Figure | None:
    """Draw quantities of training and of the test embeddings over the grid."""
    caption = (
        "Recorded quantities over the same grid; bars are standard deviations over seeds, ↓ means lower is better."
        " Training quantities are from the last epoch, all others from the test embeddings. A quantity that changes"
        " with a metric may explain it; one that stays constant does not."
    )
    return _figure("quantities", "Recorded quantities over the grid", caption, material, series, QUANTITIES)


def _figure(
    key: str, title: str, caption: str, material: StudyMaterial, series: Sequence[Series], names: Sequence[str]
) -> Figure | None:
    """A panel for each path and quantity, in the order of the names, with a curve for each point of other paths."""
    groups: dict[tuple[str, str], list[Series]] = {}
    for curve in series:
        if curve.name in names and len(curve.points) > 1:
            groups.setdefault((curve.path, curve.name), []).append(curve)
    keys = {key.label: key for key in keys_of(curve.other for curve in series)}
    panels = tuple(
        _panel(material, curves, keys)
        for _, curves in sorted(groups.items(), key=lambda group: names.index(group[0][1]))
    )
    legend = [key if key.label else Key("trained", key.colour) for key in keys.values()]
    return Figure(key, title, caption, panels, (*legend, Key("untrained network", QUIET, 1))) if panels else None


def _panel(material: StudyMaterial, curves: Sequence[Series], keys: Mapping[str, Key]) -> Panel:
    first = curves[0]
    untrained = first.untrained if first.metric else _untrained(material, first.name)
    labels = {point.x: point.label for series in curves for point in series.points}
    metric = quantity(first.name)
    title = metric.label if first.metric else metric.heading

    def draw(axes: Axes) -> None:
        if untrained is not None:
            line = axes.axhline if first.numeric else axes.axvline
            line(untrained, color=QUIET, linestyle=DASHES[1], linewidth=1.2)
        for series in curves:
            key = keys[series.other]
            places, means = [p.x for p in series.points], [p.mean for p in series.points]
            ends = [[down for down, _ in map(_bar, series.points)], [up for _, up in map(_bar, series.points)]]
            if first.numeric:
                dash = DASHES[key.dash]
                axes.errorbar(places, means, ends, marker="o", linestyle=dash, color=key.colour, capsize=3)
            else:
                axes.errorbar(means, places, xerr=ends, marker="o", linestyle="none", color=key.colour, capsize=3)
        axes.set_title(title)
        if first.numeric:
            number_axis(axes, first.path, labels)

    shown = "; ".join(f"{series.other} {_points_text(series)}".strip() for series in curves)
    name, alt = f"{material.name} {first.path} {first.name}", f"{metric.label} over {first.path}: {shown}."
    return panel(name, alt, draw) if first.numeric else row_panel(name, alt, [labels[x] for x in sorted(labels)], draw)


def _bar(point: Point) -> tuple[float, float]:
    """How far a point's bar goes down and up: to the bounds of its interval, or by its deviation over seeds."""
    if point.low is not None and point.high is not None:
        return max(0.0, point.mean - point.low), max(0.0, point.high - point.mean)
    return point.sd or 0.0, point.sd or 0.0


def _points_text(series: Series) -> str:
    return ", ".join(
        f"{p.label}: {p.mean:.3g}" + ("" if p.low is None else f" [{p.low:.3g}, {p.high:.3g}]") for p in series.points
    )


def _untrained(material: StudyMaterial, name: str) -> float | None:
    """A quantity of the untrained networks' embeddings, if it is the same for all runs."""
    key = name.removeprefix(GEOMETRY)
    values = {round(r.baseline_geometry[key], 6) for r in material.results if key in r.baseline_geometry}
    return values.pop() if len(values) == 1 else None
