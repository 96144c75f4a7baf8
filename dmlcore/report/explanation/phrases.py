"""Figures as text, the same in every explanation."""

from __future__ import annotations

import math

from dmlcore.report.content.axis import Axis, AxisPoint
from dmlcore.report.content.quantities import decimals, signed, typeset
from dmlcore.report.content.statistics import Comparison, Sample, interval


def level(sample: Sample) -> str:
    """Return text such as "0.6123 ± 0.0040 [0.581, 0.643]"."""
    bounds = interval(sample)
    parts = [decimals(sample.mean), f"± {decimals(sample.sd)}" if sample.sd is not None else "", str(bounds or "")]
    return " ".join(part for part in parts if part)


def difference(test: Comparison) -> str:
    """Return text such as "+0.0213 [0.010, 0.033], p = 0.002"; of large differences with fewer decimals."""
    low, high = test.interval.low, test.interval.high
    size = max(abs(low), abs(high), 1e-9)
    if size < 1:
        return f"{signed(test.difference)} {test.interval}, {p_value(test.p)}"
    digits = max(0, 2 - math.floor(math.log10(size)))
    bounds = typeset(f"[{low:.{digits}f}, {high:.{digits}f}]")
    return f"{signed(test.difference, digits)} {bounds}, {p_value(test.p)}"


def p_value(p: float) -> str:
    """Return text such as "p = 0.012"."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


def p_cell(p: float) -> str:
    """Return a p-value for a column: "0.012", "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def where(axis: Axis, point: AxisPoint) -> str:
    """Return text such as "at margin 0.5" or "with triplet, semihard"."""
    return f"{'at' if axis.numeric else 'with'} {axis.named(point)}"
