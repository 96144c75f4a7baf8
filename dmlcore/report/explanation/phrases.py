"""Figures as text, the same in every explanation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dmlcore.api.blocks import Text
from dmlcore.report.content.axis import Axis, AxisPoint
from dmlcore.report.content.quantities import decimals, full_label, number, signed
from dmlcore.report.content.statistics import Comparison, Sample, interval

BEYOND = 2.0
"""Standard deviations over seeds that a recorded quantity must change by to count as changing."""


def level(sample: Sample) -> str:
    """Return text such as "0.6123 ± 0.0040 [0.581, 0.643]"."""
    bounds = interval(sample)
    parts = [decimals(sample.mean), f"± {decimals(sample.sd)}" if sample.sd is not None else "", str(bounds or "")]
    return " ".join(part for part in parts if part)


def difference(test: Comparison) -> str:
    """Return text such as "+0.0213 [0.010, 0.033], p = 0.002"."""
    return f"{signed(test.difference)} {test.interval}, {p_value(test.p)}"


def p_value(p: float) -> str:
    """Return text such as "p = 0.012"."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


def p_cell(p: float) -> str:
    """Return a p-value for a column: "0.012", "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def recorded_values(points: Sequence[AxisPoint], name: str) -> list[float]:
    """Return one quantity at each point; every point has it."""
    return [point.recorded[name].mean for point in points]


def courses(axis: Axis, *names: str) -> Iterator[Text]:
    """Describe the quantities that were recorded at two points or more."""
    yield from (Text(course(axis, name)) for name in names if len(axis.having(name)) > 1)


def course(axis: Axis, name: str) -> str:
    """Describe a recorded quantity along a numeric axis: its ends, its turn, and its seed noise."""
    points = axis.having(name)
    values = recorded_values(points, name)
    low, high = min(values), max(values)
    noise = max((sd for point in points if (sd := point.recorded[name].sd) is not None), default=None)
    ends = f"from {number(values[0])} at {axis.named(points[0])} to {number(values[-1])} at {axis.named(points[-1])}"
    if number(low) == number(high):
        text = f"is {number(values[0])} at every value"
    elif noise is not None and high - low <= BEYOND * noise:
        text = f"stays between {number(low)} and {number(high)}, a change within the seed noise"
    elif values == sorted(values):
        text = f"rises {ends}"
    elif values == sorted(values, reverse=True):
        text = f"falls {ends}"
    else:
        text = f"goes {ends}, but not steadily: it is lowest at {axis.named(points[values.index(low)])}"
        text += f" ({number(low)}) and highest at {axis.named(points[values.index(high)])} ({number(high)})"
    spread = "" if noise is None else f" (standard deviation over seeds at most {number(noise)})"
    return f"The {full_label(name)} {text}{spread}."
