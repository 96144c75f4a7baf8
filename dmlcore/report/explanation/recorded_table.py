"""Recorded quantities at each value of a setting, as one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dmlcore.api.blocks import Table
from dmlcore.report.content.axis import Axis
from dmlcore.report.content.quantities import full_label, quantity
from dmlcore.report.content.statistics import spread_cells


def recorded_table(axis: Axis, names: Sequence[str], caption: str) -> Iterator[Table]:
    """Return a row per value, with the quantities that were recorded at two values or more; none without any."""
    shown = [name for name in names if len(axis.having(name)) > 1]
    if not shown:
        return
    columns = [spread_cells(name, [point.recorded.get(name) for point in axis.points]) for name in shown]
    rows = tuple((point.label, *(column[place] for column in columns)) for place, point in enumerate(axis.points))
    notes = dict.fromkeys(note for name in shown if (note := quantity(name).note))
    yield Table((axis.title, *map(full_label, shown)), rows, caption, tuple(notes))
