"""`dmlcore report`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmlcore.commands.options import PATH, RUNS, SET, STUDIES, installed

if TYPE_CHECKING:
    from rich.console import Console

    from dmlcore.report.content.material import StudyMaterial
    from dmlcore.results.store import Store
    from dmlcore.study.schema import StudyFile

OWN_FILES = ("report.html", "report.md", "results.csv", "tables.tex")
"""What is written into a study's own folder."""


@click.command()
@STUDIES
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=PATH,
    metavar="FILE",
    help="Write all studies into this file: .html, .pdf, .md, .csv or .tex. Repeatable."
    " Left out: each study's report is written into the folder of its runs.",
)
@SET
@RUNS
def report(studies: Sequence[Path], outputs: Sequence[Path], overrides: Sequence[str], root: Path) -> None:
    """Show the tables of studies and write their reports, from stored results alone."""
    from dmlcore.engine.plan.stored import study_material
    from dmlcore.report.render.writing import check_format, write_report
    from dmlcore.results.store import Store
    from dmlcore.study.load import load_study

    for path in outputs:
        check_format(path)
    registry, store = installed(studies, overrides), Store(root)
    files = [load_study(path, registry, overrides, store) for path in studies]
    if not outputs:
        for file in files:
            show_report(file, store, OWN_FILES)
        return
    materials = [study_material(file, store) for file in files]
    for material in materials:
        _show(material)
    write_report(materials, outputs)
    for path in outputs:
        _say(f"Report: {path}")


def show_report(file: StudyFile, store: Store, names: Sequence[str] = ("report.html", "report.md")) -> None:
    """Shows the study's table and writes its report into the folder of its runs, from what is stored."""
    from dmlcore.engine.plan.stored import study_material
    from dmlcore.report.render.writing import write_report

    material = study_material(file, store)
    paths = [store.study(file.study.name) / name for name in names]
    _show(material)
    write_report([material], paths)
    _say(f"Report: {paths[0]}")


def _show(material: StudyMaterial) -> None:
    """The table, failures and warnings, on the terminal."""
    from rich.text import Text

    from dmlcore.report.content.table import study_table
    from dmlcore.report.render.terminal import rich_table

    console = _console()
    if material.results:
        console.print(rich_table(study_table(material), material.question or material.name))
    for label, reason in material.failures.items():
        console.print(Text.assemble(("failed", "red"), f" {label}: {reason}"))
    told = [text for result in material.results for text in result.warnings]
    for text in dict.fromkeys([*told, *material.added.failures]):
        console.print(Text.assemble(("note", "yellow"), f" {text}"))


def _say(text: str) -> None:
    _console().print(text, highlight=False, soft_wrap=True)


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)
