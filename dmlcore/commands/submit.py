"""`dmlcore submit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dmlcore.commands.options import PATH, RUNS, SET, STUDIES, installed


@click.command()
@STUDIES
@SET
@RUNS
@click.option("-o", "output", type=PATH, default=Path("handin.zip"), show_default=True, help="The zip to write.")
@click.option("--partial", is_flag=True, help="Hand in what is there, and say what is missing.")
def submit(studies: Sequence[Path], overrides: Sequence[str], root: Path, output: Path, partial: bool) -> None:
    """Pack finished studies into one zip: report, notebooks, tables, figures, settings, environment."""
    from dmlcore.handin.libraries import need
    from dmlcore.handin.submission import look_over
    from dmlcore.results.store import Store

    need()
    click.echo(look_over(studies, installed(studies, overrides), overrides, Store(root), partial).write(output))
