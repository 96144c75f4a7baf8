"""Metrics of saved embeddings for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table

from dmlcore.report.content.table import short_name

OPTIMISTIC = "_optimistic"
"""Ends the name of a metric with ties counted for the query."""

BY = "_by_"
"""Stands between a metric's name and whose definition it follows."""


def metrics_table(metrics: Mapping[str, float]) -> Table:
    """Metrics named evaluator/metric, one a row; where ties matter, both numbers stand side by side."""
    tied = any(name.endswith(OPTIMISTIC) for name in metrics)
    table = _table("evaluator", "metric", "value", *(["ties for the query"] if tied else []))
    told = ""
    for name, value in metrics.items():
        if name.endswith(OPTIMISTIC):
            continue
        evaluator = name.partition("/")[0]
        if evaluator != told:
            table.add_section()
        optimistic = metrics.get(name + OPTIMISTIC)
        cells = (short_name(name), _number(value), "" if optimistic is None else _number(optimistic))
        table.add_row("" if evaluator == told else evaluator, *cells)
        told = evaluator
    return table


def comparison_table(metrics: Mapping[str, float]) -> Table:
    """Metrics named evaluator/metric_by_codebase under the same metric of ours, with the difference."""
    ours = {name.rpartition("/")[2]: value for name, value in metrics.items() if BY not in name}
    theirs: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        metric, by, codebase = name.rpartition("/")[2].partition(BY)
        if by:
            theirs.setdefault(metric, {})[codebase] = value
    table = _table("metric", "by", "value", "difference")
    for metric in (metric for metric in dict.fromkeys([*ours, *theirs]) if metric in theirs):
        own = ours.get(metric)
        table.add_section()
        table.add_row(short_name(metric), "dmlcore", "–" if own is None else f"{own:.4f}", style="bold")
        for codebase, value in theirs[metric].items():
            table.add_row("", codebase, f"{value:.4f}", "" if own is None else _difference(value - own))
    return table


def _table(*columns: str) -> Table:
    """An empty table: two columns of words, then numbers."""
    table = Table(box=SIMPLE_HEAD)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < 2 else "right")
    return table


def _difference(value: float) -> str:
    """Four signed decimals, without a minus before zeros."""
    return f"{round(value, 4) + 0.0:+.4f}"


def _number(value: float) -> str:
    """Four decimals; counts as whole numbers."""
    return f"{value:,.0f}" if value > 1 and value == int(value) else f"{value:.4f}"
