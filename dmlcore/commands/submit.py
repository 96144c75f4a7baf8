"""`dmlcore submit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dmlcore.commands.options import AUTHOR, PATH, RUNS, SET, STUDIES, TITLE, installed
from dmlcore.commands.output import say


@click.command()
@STUDIES
@SET
@RUNS
@click.option("-o", "output", type=PATH, default=Path("handin.zip"), show_default=True, help="Zip file to write.")
@AUTHOR
@TITLE
@click.option("--partial", is_flag=True, help="Pack unfinished studies too; the README lists the missing runs.")
def submit(
    studies: Sequence[Path],
    overrides: Sequence[str],
    root: Path,
    output: Path,
    author: str,
    title: str,
    partial: bool,
) -> None:
    """Pack finished studies into one zip file.

    It has the report, notebooks, tables, figures, settings and the environment. Prints what the files are for, and the
    tasks of the assignment that no study answers if at least two are answered.
    """
    from dmlcore.handin.byline import Byline
    from dmlcore.handin.libraries import need
    from dmlcore.handin.submission import submission_of
    from dmlcore.results.store import Store

    need()
    byline = Byline(author, title)
    registry = installed(studies, overrides)
    say(submission_of(studies, registry, overrides, Store(root), partial, byline).write(output))
