"""`dmlcore notebook`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dmlcore.commands.options import AUTHOR, PATH, RUNS, SET, STUDY, installed, open_studies
from dmlcore.commands.output import say


@click.command()
@STUDY
@SET
@RUNS
@click.option("-o", "output", type=PATH, help="Notebook to write.  [default: the study's name, .ipynb]")
@AUTHOR
@click.option("--execute", is_flag=True, help="Execute the notebook here; finished runs are not repeated.")
@click.option("--pdf", is_flag=True, help="Also write a PDF next to the notebook.")
def notebook(
    study: Path, overrides: Sequence[str], root: Path, output: Path | None, author: str, execute: bool, pdf: bool
) -> None:
    """Write a study as a notebook for Jupyter or Colab."""
    from dmlcore.handin.byline import Byline
    from dmlcore.handin.libraries import need
    from dmlcore.handin.notebook import write_notebook
    from dmlcore.handin.printing import print_notebook
    from dmlcore.study.load import load_study

    need()
    if execute:
        (file,), *_ = open_studies([study], overrides, root)
    else:
        file = load_study(study, installed([study], overrides), overrides)
    path = output or Path(f"{file.study.name}.ipynb")
    write_notebook(file, overrides, path, root if execute else None, byline=Byline(author))
    say(f"Notebook: {path}")
    if pdf:
        print_notebook(path, path.with_suffix(".pdf"))
        say(f"PDF: {path.with_suffix('.pdf')}")
