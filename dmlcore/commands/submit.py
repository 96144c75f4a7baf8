"""`dmlcore submit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dmlcore.commands.options import PATH, RUNS, SET, STUDIES, installed
from dmlcore.commands.output import say


@click.command()
@STUDIES
@SET
@RUNS
@click.option("-o", "output", type=PATH, default=Path("handin.zip"), show_default=True, help="Zip file to write.")
@click.option("--partial", is_flag=True, help="Pack unfinished studies too; the README lists the missing runs.")
def submit(studies: Sequence[Path], overrides: Sequence[str], root: Path, output: Path, partial: bool) -> None:
    """Pack finished studies into one zip file.

    It has the report, notebooks, tables, figures, settings and the environment.
    """
    from dmlcore.handin.libraries import need
    from dmlcore.handin.submission import submission_of
    from dmlcore.results.store import Store

    need()
    say(submission_of(studies, installed(studies, overrides), overrides, Store(root), partial).write(output))
