"""Tables for the terminal: of a study, and of the metrics of saved embeddings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from dmlcore.report.content.quantities import MISSING, cell, column, decimals, label, signed
from dmlcore.report.content.statistics import BEST
from dmlcore.report.content.table import OPTIMISTIC, ResultTable, table_grid
from dmlcore.text import value_text

BY = "_by_"
"""Separates a metric's name from the codebase that defines it."""


def rich_table(table: ResultTable, title: str) -> Table:
    """Return the study's table: means and deviations."""
    grid = table_grid(table, intervals=False)
    drawn = _table(grid.header, words=1)
    drawn.title, drawn.title_justify, drawn.title_style = title, "left", "bold"
    drawn.columns[0].overflow = "fold"
    if any(spread.best for row in table.rows for spread in row.metrics.values()):
        drawn.caption, drawn.caption_justify = f"{BEST} differs from every other row", "left"
    for row, cells in zip(table.rows, grid.rows, strict=True):
        name = re.sub(r",(?=\S)", ", ", cells[0])  # breaks between the options of a component
        drawn.add_row(name, *cells[1:], style="dim" if row.seconds is None else None)
    return drawn


def runs_table(rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> Table:
    """Return a row per run, with its grid values and these metrics; finished runs are bright."""
    hidden = ("run", "seconds", "reason", "note", *metrics)
    words = list(dict.fromkeys(name for row in rows for name in row if name not in hidden and "/" not in name))
    table = _table([*words, *map(label, metrics)], words=len(words))
    columns = [column(name, [row.get(name) for row in rows]) for name in metrics]
    for place, row in enumerate(rows):
        cells = [value_text(row[name]) if name in row else "" for name in words]
        numbers = [shown[place] for shown in columns]
        table.add_row(*cells, *numbers, style=None if row["state"] == "finished" else "dim")
    return table


def metrics_table(metrics: Mapping[str, float]) -> Table:
    """Return a row per metric, named evaluator/metric, with a second value where ties matter."""
    tied = any(name.endswith(OPTIMISTIC) for name in metrics)
    table = _table(["evaluator", "metric", "value", *(["optimistic ties"] if tied else [])])
    last = ""
    for name, value in metrics.items():
        if name.endswith(OPTIMISTIC):
            continue
        evaluator = name.partition("/")[0]
        if evaluator != last:
            table.add_section()
        optimistic = metrics.get(name + OPTIMISTIC)
        cells = (label(name), cell(name, value), "" if optimistic is None else cell(name, optimistic))
        table.add_row("" if evaluator == last else evaluator, *cells)
        last = evaluator
    return table


def comparison_table(metrics: Mapping[str, float]) -> Table:
    """Return metrics named evaluator/metric_by_codebase below the same metric of ours, with the difference."""
    ours = {name.rpartition("/")[2]: value for name, value in metrics.items() if BY not in name}
    theirs: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        metric, by, codebase = name.rpartition("/")[2].partition(BY)
        if by:
            theirs.setdefault(metric, {})[codebase] = value
    table = _table(["metric", "by", "value", "difference"])
    for metric in (metric for metric in dict.fromkeys([*ours, *theirs]) if metric in theirs):
        own = ours.get(metric)
        table.add_section()
        table.add_row(label(f"dmlcore/{metric}"), "dmlcore", MISSING if own is None else decimals(own), style="bold")
        for codebase, value in theirs[metric].items():
            table.add_row("", codebase, decimals(value), "" if own is None else signed(value - own))
    return table


def _table(header: Sequence[str], words: int = 2) -> Table:
    """An empty table: columns of words, then of numbers."""
    table = Table(box=SIMPLE_HEAD)
    for index, heading in enumerate(header):
        table.add_column(heading, justify="left" if index < words else "right")
    return table
