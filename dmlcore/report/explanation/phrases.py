"""Figures in words, the same in every explanation."""

from __future__ import annotations

from collections.abc import Sequence

from dmlcore.report.content.axis import Axis, AxisPoint
from dmlcore.report.content.recorded import in_words, number
from dmlcore.report.content.statistics import Comparison, Sample, interval

BEYOND = 2.0
"""So many deviations over seeds a recorded quantity must move to be said to move."""


def level(sample: Sample) -> str:
    """ "0.6123 ± 0.0040 [0.581, 0.643]"."""
    bounds = interval(sample)
    parts = [f"{sample.mean:.4f}", f"± {sample.sd:.4f}" if sample.sd is not None else "", str(bounds or "")]
    return " ".join(part for part in parts if part)


def difference(test: Comparison, p: float | None = None) -> str:
    """ "+0.0213 [0.010, 0.033], p = 0.002"; `p` stands for the test's own where it was adjusted."""
    return f"{signed(test.difference)} {test.interval}, {p_value(test.p if p is None else p)}"


def p_value(p: float) -> str:
    """ "p = 0.012"."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


def p_cell(p: float) -> str:
    """The same for a column headed p: "0.012"."""
    return p_value(p).removeprefix("p ").removeprefix("= ")


def signed(value: float) -> str:
    """Four signed decimals, without a minus before zeros."""
    return f"{round(value, 4) + 0.0:+.4f}".replace("-", "−")


def recorded_values(points: Sequence[AxisPoint], name: str) -> list[float]:
    """One quantity at each point; every point has it."""
    return [point.recorded[name].mean for point in points]


def having(axis: Axis, name: str) -> list[AxisPoint]:
    """The points at which a quantity was recorded."""
    return [point for point in axis.points if name in point.recorded]


def course(axis: Axis, name: str) -> str | None:
    """How a recorded quantity runs along a numeric axis, with its ends, its turn, and its seed noise.

    None where fewer than two points have it.
    """
    points = having(axis, name)
    if len(points) < 2:
        return None
    values = recorded_values(points, name)
    first, last = points[0], points[-1]
    ends = f"{number(values[0])} at {axis.named(first)} to {number(values[-1])} at {axis.named(last)}"
    ordered = sorted(values)
    if number(ordered[0]) == number(ordered[-1]):
        text = f"The {in_words(name)} is {number(values[0])} at every value"
    elif (noise := _deviation(points, name)) is not None and ordered[-1] - ordered[0] <= BEYOND * noise:
        text = f"The {in_words(name)} moves no more than seeds move it, between {number(ordered[0])} and"
        text = f"{text} {number(ordered[-1])}"
    elif values == ordered:
        text = f"The {in_words(name)} rises from {ends}"
    elif values == ordered[::-1]:
        text = f"The {in_words(name)} falls from {ends}"
    else:
        low, high = points[values.index(ordered[0])], points[values.index(ordered[-1])]
        text = (
            f"The {in_words(name)} goes from {ends}, not steadily: it is lowest at {axis.named(low)}"
            f" ({number(ordered[0])}) and highest at {axis.named(high)} ({number(ordered[-1])})"
        )
    return f"{text}{_noise(points, name)}."


def _noise(points: Sequence[AxisPoint], name: str) -> str:
    deviation = _deviation(points, name)
    return "" if deviation is None else f" (deviation over seeds at most {number(deviation)})"


def _deviation(points: Sequence[AxisPoint], name: str) -> float | None:
    deviations = [sd for point in points if (sd := point.recorded[name].sd) is not None]
    return max(deviations, default=None)
