"""The table of a study for the terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table as RichTable

from dmlcore.report.content.table import BEST, ResultTable, short_name
from dmlcore.text import duration


def rich_table(table: ResultTable, title: str) -> RichTable:
    """The study's table, drawn by rich."""
    drawn = RichTable(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    if any(spread.best for row in table.rows for spread in row.metrics.values()):
        drawn.caption, drawn.caption_justify = f"{BEST} differs from every other row", "left"
    drawn.add_column("run", overflow="fold")
    for column in table.columns:
        drawn.add_column(short_name(column), justify="right")
    drawn.add_column("seeds", justify="right")
    drawn.add_column("time a run", justify="right")
    for row in table.rows:
        cells = [str(row.metrics.get(column, "–")) for column in table.columns]
        time = "–" if row.seconds is None else duration(row.seconds)
        drawn.add_row(row.label, *cells, str(row.seeds), time, style="dim" if row.seconds is None else None)
    return drawn
