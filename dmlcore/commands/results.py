"""`dmlcore results`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from dmlcore.commands.options import RUNS, SET, STUDIES, open_studies
from dmlcore.commands.output import console, echo, show_remarks


@click.command()
@STUDIES
@SET
@RUNS
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with an object per row.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header.")
def results(studies: Sequence[Path], overrides: Sequence[str], root: Path, as_json: bool, as_csv: bool) -> None:
    """Print stored results, one row per run.

    A row has the state of the run, its grid values and its metrics. Rows in the state "untrained" are the network
    before training. JSON and CSV have every metric with all its digits; the table has the main ones. The exit code is 3
    if a result is damaged.
    """
    from dmlcore.engine.plan.stored import remarks, result_rows
    from dmlcore.errors import ResultsError
    from dmlcore.report.render.csv import csv_text
    from dmlcore.report.render.terminal import runs_table

    if as_json and as_csv:
        raise click.UsageError("Give --json or --csv, not both.")
    files, _, store, _ = open_studies(studies, overrides, root)
    studies_rows = [result_rows(file, store) for file in files]
    rows = [row for rows, _ in studies_rows for row in rows]
    damaged = [row for row in rows if row["state"] == "damaged"]
    for row in damaged:
        echo(f"Damaged: {row['run']}: {row['reason']}", err=True)
    if as_json:
        echo(json.dumps(rows, indent=1, ensure_ascii=False))
    elif as_csv:
        echo(csv_text(rows), nl=False)
    else:
        metrics = list(dict.fromkeys(name for _, headline in studies_rows for name in headline))
        screen = console(requested=True)
        screen.print(runs_table(rows, metrics))
        show_remarks(screen, [remark for file in files for remark in remarks(file, store)])
    if damaged:
        raise SystemExit(ResultsError.exit_code)
