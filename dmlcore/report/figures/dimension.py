"""The embedding dimension: how many of the offered dimensions are used."""

from __future__ import annotations

from matplotlib.axes import Axes

from dmlcore.api.blocks import Figure, Key
from dmlcore.report.content.axis import DIMENSION, AxisPoint, marginal_axis
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import GEOMETRY, label, number
from dmlcore.report.figures.axes import number_axis
from dmlcore.report.figures.drawing import DASHES, QUIET, RAMP, panel

USED = {f"{GEOMETRY}effective_rank": RAMP[1], f"{GEOMETRY}dimensions_for_90_percent": RAMP[5]}
"""Measure of the dimensions in use → its color."""


def dimension_figure(material: StudyMaterial) -> Figure | None:
    """Draw the dimensions in use over those offered; None unless they were recorded at several dimensions."""
    axis = marginal_axis(material, DIMENSION) if DIMENSION in material.varied else None
    if axis is None or not axis.numeric:
        return None
    lines = {name: points for name in USED if len(points := axis.having(name)) > 1}
    if not lines:
        return None
    keys = {name: Key(label(name), USED[name], place) for place, name in enumerate(lines)}
    offered = Key("all offered dimensions", QUIET, 2)

    def draw(axes: Axes) -> None:
        ends = [axis.points[0].number, axis.points[-1].number]
        axes.plot(ends, ends, color=offered.color, linestyle=DASHES[offered.dash], linewidth=1.2)
        for name, points in lines.items():
            key, values = keys[name], [point.recorded[name] for point in points]
            deviations = [spread.sd or 0.0 for spread in values]
            axes.errorbar(
                [point.number for point in points],
                [spread.mean for spread in values],
                deviations,
                color=key.color,
                linestyle=DASHES[key.dash],
                marker="o",
                capsize=3,
            )
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_title("Dimensions in use")
        number_axis(axes, axis.heading, {point.number: point.label for point in axis.points})

    def described(name: str, points: list[AxisPoint]) -> str:
        values = (f"{point.label}: {number(point.recorded[name].mean)}" for point in points)
        return f"{label(name)} at {', '.join(values)}"

    alt = "; ".join(described(name, points) for name, points in lines.items())
    caption = (
        "Dimensions in use against dimensions offered, on test images; bars are standard deviations over seeds. Below"
        " the diagonal, some of the offered dimensions have little variance. Where a curve is flat, more dimensions are"
        " not used."
    )
    shown = panel(f"{material.name} dimensions", f"{alt}.", draw)
    return Figure("dimensions", "Used and offered dimensions", caption, (shown,), (*keys.values(), offered))
