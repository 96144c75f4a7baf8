"""What changes along a grid: metrics with their intervals, and the quantities that may explain them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from dmlcore.api.blocks import Figure, Key, Panel
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.series import Point, Series
from dmlcore.report.figures.axes import grid_axis
from dmlcore.report.figures.drawing import DASHES, QUIET, RAMP, colours, panel

QUANTITIES: Mapping[str, str] = {
    "geometry/effective_rank": "effective rank",
    "geometry/dimensions_for_90_percent": "axes that hold 90 % of variance",
    "geometry/similarity_overlap": "overlap of test pairs",
    "geometry/distance_ratio": "distance within classes / between",
    "geometry/alignment": "alignment (low: tight classes)",
    "geometry/uniformity": "uniformity (low: spread out)",
    "geometry/hubness": "hubness",
    "training/active_positive_pairs": "active positive pairs, last epoch",
    "training/active_negative_pairs": "active negative pairs, last epoch",
    "training/active_triplets": "active triplets, last epoch",
    "training/gradient_norm": "norm of the gradient, last epoch",
}
"""What may explain a metric, in few words, in the order in which it is shown."""


def metric_curves(material: StudyMaterial, series: Sequence[Series]) -> Figure | None:
    """Each headline metric over each path of the grid that has several values."""
    headline = dict.fromkeys(name for result in material.results for name in result.headline)
    panels = _panels(material, series, {name: name.rpartition("/")[2].replace("_at_", "@") for name in headline})
    caption = (
        "Bars are the intervals of the table. Where they overlap widely, the rise or fall between two points may be"
        " chance."
    )
    return Figure("metrics", "Metrics over the grid", caption, panels, _legend(series)) if panels else None


def quantity_curves(material: StudyMaterial, series: Sequence[Series]) -> Figure | None:
    """Quantities recorded in training and of the test embeddings over the grid: what moved with the metrics."""
    panels = _panels(material, series, QUANTITIES)
    caption = (
        "The same grid, and what was recorded beside the metrics; bars are deviations over seeds. A quantity that moves"
        " with a metric may explain it; one that stays flat does not."
    )
    title = "What moved along the grid"
    return Figure("quantities", title, caption, panels, _legend(series)) if panels else None


def _panels(material: StudyMaterial, series: Sequence[Series], titles: Mapping[str, str]) -> tuple[Panel, ...]:
    """A panel for each path and quantity, in the order of the titles, with a curve for each point of other paths."""
    groups: dict[tuple[str, str], list[Series]] = {}
    for curve in series:
        if curve.name in titles and len(curve.points) > 1:
            groups.setdefault((curve.path, curve.name), []).append(curve)
    order = list(titles)
    keys = {key.label: key for key in _curves(series)}
    return tuple(
        _panel(material, titles[name], curves, keys)
        for (_, name), curves in sorted(groups.items(), key=lambda group: order.index(group[0][1]))
    )


def _panel(material: StudyMaterial, title: str, curves: Sequence[Series], keys: Mapping[str, Key]) -> Panel:
    first = curves[0]
    untrained = first.untrained if first.metric else _untrained(material, first.name)
    labels = {point.x: point.label for series in curves for point in series.points}

    def draw(axes: Axes) -> None:
        if untrained is not None:
            axes.axhline(untrained, color=QUIET, linestyle=DASHES[1], linewidth=1.2)
        for series in curves:
            key = keys[series.other]
            places, means = [p.x for p in series.points], [p.mean for p in series.points]
            ends = [[down for down, _ in map(_bar, series.points)], [up for _, up in map(_bar, series.points)]]
            line = DASHES[key.dash] if series.numeric else "none"
            axes.errorbar(places, means, ends, marker="o", linestyle=line, color=key.colour, capsize=3)
        axes.set_title(title)
        grid_axis(axes, first.path, labels, first.numeric)

    told = "; ".join(f"{series.other} {_told(series)}".strip() for series in curves)
    return panel(f"{material.name} {first.path} {first.name}", f"{title} over {first.path}: {told}.", draw)


def _bar(point: Point) -> tuple[float, float]:
    """How far a point's bar goes down and up: to the bounds of its interval, or by its deviation over seeds."""
    if point.low is not None and point.high is not None:
        return max(0.0, point.mean - point.low), max(0.0, point.high - point.mean)
    return point.sd or 0.0, point.sd or 0.0


def _told(series: Series) -> str:
    return ", ".join(
        f"{p.label}: {p.mean:.3g}" + ("" if p.low is None else f" [{p.low:.3g}, {p.high:.3g}]") for p in series.points
    )


def _untrained(material: StudyMaterial, name: str) -> float | None:
    """A quantity of the untrained networks' embeddings, where it is the same for all runs."""
    key = name.removeprefix("geometry/")
    values = {round(r.baseline_geometry[key], 6) for r in material.results if key in r.baseline_geometry}
    return values.pop() if len(values) == 1 else None


def _curves(series: Sequence[Series]) -> list[Key]:
    """One key for each point of the other paths, as the series name them."""
    others = list(dict.fromkeys(curve.other for curve in series))
    found = colours(len(others)) if len(others) > 1 else [RAMP[1]] * len(others)
    return [
        Key(other, colour, place % len(DASHES)) for place, (other, colour) in enumerate(zip(others, found, strict=True))
    ]


def _legend(series: Sequence[Series]) -> tuple[Key, ...]:
    keys = [key if key.label else Key("trained", key.colour) for key in _curves(series)]
    return (*keys, Key("untrained network", QUIET, 1))
