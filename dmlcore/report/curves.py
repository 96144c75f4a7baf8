"""What changes along a grid: metrics with their intervals, the geometry of the embeddings, time and memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes

from dmlcore.report.axes import GridAxis
from dmlcore.report.drawing import MUTED, QUIET, RAMP, Figure, Key, Panel, panel
from dmlcore.report.material import StudyMaterial
from dmlcore.report.series import Series, study_series
from dmlcore.report.table import short_name
from dmlcore.results import Result

GEOMETRY: Mapping[str, str] = {
    "effective_rank": "effective rank",
    "dimensions_for_90_percent": "axes that hold 90 % of the variance",
    "distance_ratio": "distance within classes / between",
    "similarity_overlap": "overlap of negative and positive pairs",
    "uniformity": "uniformity (lower: more spread)",
    "alignment": "alignment (lower: classes tighter)",
    "hubness": "hubness",
}
"""Figures of the embeddings in words, in the order in which they are shown."""


def metric_curves(material: StudyMaterial) -> Figure | None:
    """Each headline metric over each path of the grid that has several values."""
    series = [s for s in study_series(material) if len(s.points) > 1]
    if not series:
        return None
    caption = (
        "The line joins the values of the grid; bars are the intervals of the table. Where bars overlap widely, the"
        " rise or fall between two points may be chance."
    )
    baselines = _baselines(material.results)
    panels = tuple(_metric_panel(material.name, one, baselines.get(one.metric)) for one in series)
    legend = [Key("trained, with interval", RAMP[1])]
    if any(one.metric in baselines for one in series):
        legend.append(Key("untrained network", QUIET, 1))
    return Figure("metrics", "Metrics over the grid", caption, panels, tuple(legend))


def _metric_panel(study: str, series: Series, baseline: float | None) -> Panel:
    axis = GridAxis.of(series.path, [point.x for point in series.points])
    points = sorted(series.points, key=lambda point: axis.place(point.x))
    places = [axis.place(point.x) for point in points]
    means = [point.mean for point in points]
    down = [point.mean - point.low for point in points]
    up = [point.high - point.mean for point in points]

    def draw(axes: Axes) -> None:
        if baseline is not None:
            axes.axhline(baseline, color=QUIET, linestyle=(0, (6, 2)), linewidth=1.3)
        line = "o-" if axis.numeric else "o"
        axes.errorbar(places, means, [down, up], fmt=line, color=RAMP[1], capsize=4, elinewidth=1.3, capthick=1.3)
        axes.set_title(short_name(series.metric))
        axis.apply(axes)

    told = ", ".join(f"{axis.label(p.x)}: {p.mean:.3f} [{p.low:.3f}, {p.high:.3f}]" for p in points)
    name = short_name(series.metric)
    return panel(f"{study} {series.path} {series.metric}", f"{name} over {series.path}: {told}.", draw)


def _baselines(results: Sequence[Result]) -> dict[str, float]:
    """Metrics of the untrained network, where it is the same in all runs of a seed."""
    by_seed: dict[int, list[Mapping[str, float]]] = {}
    for result in results:
        by_seed.setdefault(result.seed, []).append(result.baseline)
    firsts = [group[0] for group in by_seed.values()]
    if any(other != group[0] for group in by_seed.values() for other in group):
        return {}
    return {name: sum(m[name] for m in firsts) / len(firsts) for name in firsts[0] if all(name in m for m in firsts)}


def geometry_curves(material: StudyMaterial) -> Figure | None:
    """Figures of the test embeddings over the first varied path: what moved with the metrics."""
    if not material.varied:
        return None
    path = material.varied[0]
    axis = GridAxis.of(path, [result.point[path] for result in material.results])
    if len(axis.values) < 2:
        return None
    panels = tuple(_geometry_panels(material, axis))
    caption = (
        "The same grid, measured on the embeddings themselves: dots are runs, the line is their mean. A figure that"
        " moves with a metric may explain it; one that stays flat does not."
    )
    legend = (Key("mean of the runs", RAMP[0]), Key("untrained network", QUIET, 1))
    return Figure("geometry", "Geometry of the embeddings over the grid", caption, panels, legend) if panels else None


def _geometry_panels(material: StudyMaterial, axis: GridAxis) -> Iterator[Panel]:
    for name, words in GEOMETRY.items():
        values: dict[object, list[float]] = {value: [] for value in axis.values}
        for result in material.results:
            if name in result.geometry:
                values[result.point[axis.path]].append(result.geometry[name])
        held = {value: numbers for value, numbers in values.items() if numbers}
        if len(held) > 1:
            untrained = {r.baseline_geometry[name] for r in material.results if name in r.baseline_geometry}
            yield _geometry_panel(material.name, words, axis, held, sum(untrained) / len(untrained) if untrained else None)


def _geometry_panel(
    study: str, words: str, axis: GridAxis, values: Mapping[object, Sequence[float]], untrained: float | None
) -> Panel:
    means = {value: sum(numbers) / len(numbers) for value, numbers in values.items()}

    def draw(axes: Axes) -> None:
        if untrained is not None:
            axes.axhline(untrained, color=QUIET, linestyle=(0, (6, 2)), linewidth=1.3)
        for value, numbers in values.items():
            axes.plot([axis.place(value)] * len(numbers), numbers, ".", color=MUTED, alpha=0.6, markersize=5)
        line = "o-" if axis.numeric else "o"
        axes.plot([axis.place(value) for value in means], list(means.values()), line, color=RAMP[0])
        axes.set_title(words)
        axis.apply(axes)

    told = ", ".join(f"{axis.label(value)}: {mean:.3g}" for value, mean in means.items())
    return panel(f"{study} {axis.path} {words}", f"{words} over {axis.path}: {told}.", draw)
