"""`dmlcore notebook`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dmlcore.commands.options import PATH, RUNS, SET, STUDY, installed
from dmlcore.commands.output import say


@click.command()
@STUDY
@SET
@RUNS
@click.option("-o", "output", type=PATH, help="Notebook to write.  [default: the study's name, .ipynb]")
@click.option("--execute", is_flag=True, help="Execute the notebook here; finished runs are not repeated.")
@click.option("--pdf", is_flag=True, help="Also write a PDF next to the notebook.")
def notebook(study: Path, overrides: Sequence[str], root: Path, output: Path | None, execute: bool, pdf: bool) -> None:
    """Write a study as a notebook for Jupyter or Colab."""
    from dmlcore.handin.libraries import need
    from dmlcore.handin.notebook import write_notebook
    from dmlcore.handin.printing import print_notebook
    from dmlcore.study.load import load_study

    need()
    file = load_study(study, installed([study], overrides), overrides)
    path = output or Path(f"{file.study.name}.ipynb")
    write_notebook(file, overrides, path, root if execute else None)
    say(f"Notebook: {path}")
    if pdf:
        print_notebook(path, path.with_suffix(".pdf"))
        say(f"PDF: {path.with_suffix('.pdf')}")
