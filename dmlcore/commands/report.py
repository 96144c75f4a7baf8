"""`dmlcore report`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmlcore.commands.options import RUNS, SET, STUDIES, installed

if TYPE_CHECKING:
    from dmlcore.store import Store
    from dmlcore.study.schema import Run, StudyFile


@click.command()
@STUDIES
@SET
@RUNS
def report(studies: Sequence[Path], overrides: Sequence[str], root: Path) -> None:
    """Show the table of studies and write report.md, from stored results alone."""
    from dmlcore.store import Store
    from dmlcore.study.load import load_study

    registry, store = installed(), Store(root)
    for path in studies:
        show_report(load_study(path, registry, overrides, store), store)


def show_report(file: StudyFile, store: Store) -> Path:
    """Shows the study's table and writes report.md, from what is stored."""
    from rich.console import Console
    from rich.text import Text

    from dmlcore.report import markdown
    from dmlcore.report.material import gather
    from dmlcore.report.table import study_table
    from dmlcore.report.terminal import rich_table
    from dmlcore.store import write_atomically

    study = file.study
    runs = {_label(run): run.name for run in file.runs}
    source = file.path.read_text(encoding="utf-8")
    material = gather(store, study.name, study.question, source, tuple(file.grid), runs)
    console = Console(width=None if sys.stdout.isatty() else 120)
    if material.results:
        console.print(rich_table(study_table(material), study.question or study.name))
    for label, reason in material.failures.items():
        console.print(Text.assemble(("failed", "red"), f" {label}: {reason}"))
    for text in dict.fromkeys(text for result in material.results for text in result.warnings):
        console.print(Text.assemble(("note", "yellow"), f" {text}"))
    path = store.study(study.name) / "report.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda scratch: scratch.write_text(markdown.render(material), encoding="utf-8"))
    console.print(f"Report: {path}", highlight=False, soft_wrap=True)
    return path


def _label(run: Run) -> str:
    return " ".join(part for part in (run.label, f"seed={run.seed}") if part)
