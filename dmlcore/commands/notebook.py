"""`dmlcore notebook`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dmlcore.commands.options import PATH, RUNS, SET, installed


@click.command()
@click.argument("study", type=PATH)
@SET
@RUNS
@click.option("-o", "output", type=PATH, help="The notebook to write.  [default: the study's name, .ipynb]")
@click.option("--execute", is_flag=True, help="Run it here; finished runs are not made again.")
@click.option("--pdf", is_flag=True, help="Write it as PDF too, beside the notebook.")
def notebook(study: Path, overrides: Sequence[str], root: Path, output: Path | None, execute: bool, pdf: bool) -> None:
    """Write a study as a notebook that runs anywhere: Colab, Jupyter, or here."""
    from dmlcore.handin.libraries import need
    from dmlcore.handin.making import make_notebook
    from dmlcore.handin.printing import print_notebook
    from dmlcore.study.load import load_study

    need()
    file = load_study(study, installed([study], overrides), overrides)
    path = output or Path(f"{file.study.name}.ipynb")
    make_notebook(file, overrides, path, root if execute else None)
    click.echo(f"Notebook: {path}")
    if pdf:
        print_notebook(path, path.with_suffix(".pdf"))
        click.echo(f"PDF: {path.with_suffix('.pdf')}")
