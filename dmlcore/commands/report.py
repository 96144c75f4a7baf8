"""`dmlcore report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmlcore.commands.options import PATH, RUNS, SET, STUDIES, installed
from dmlcore.commands.output import console, say

if TYPE_CHECKING:
    from dmlcore.report.content.material import StudyMaterial
    from dmlcore.results.store import Store
    from dmlcore.study.schema import StudyFile

OWN_FILES = ("report.html", "report.md", "results.csv", "tables.tex")
"""Files written into a study's folder."""


@click.command()
@STUDIES
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=PATH,
    metavar="FILE",
    help="Write one report on all studies: .html, .pdf, .md, .csv or .tex. Repeatable."
    "  [default: one report per study, in the folder of its runs]",
)
@SET
@RUNS
def report(studies: Sequence[Path], outputs: Sequence[Path], overrides: Sequence[str], root: Path) -> None:
    """Show tables and write reports of stored results.

    Damaged results are named and omitted; the exit code is then 3.
    """
    from dmlcore.engine.plan.stored import study_material
    from dmlcore.errors import ResultsError
    from dmlcore.report.render.writing import check_format, write_report
    from dmlcore.results.store import Store
    from dmlcore.study.load import load_study

    for path in outputs:
        check_format(path)
    registry, store = installed(studies, overrides), Store(root)
    files = [load_study(path, registry, overrides, store) for path in studies]
    if outputs:
        materials = [study_material(file, store) for file in files]
        for material in materials:
            _show(material)
        write_report(materials, outputs)
        for path in outputs:
            say(f"Report: {path}")
    else:
        materials = [show_report(file, store, OWN_FILES) for file in files]
    if any(material.all_damaged for material in materials):
        raise SystemExit(ResultsError.exit_code)


def show_report(file: StudyFile, store: Store, names: Sequence[str] = ("report.html", "report.md")) -> StudyMaterial:
    """Shows the study's table and writes its report into the folder of its runs; returns what was stored."""
    from dmlcore.engine.plan.stored import study_material
    from dmlcore.report.render.writing import write_report

    material = study_material(file, store)
    paths = [store.study(file.study.name) / name for name in names]
    _show(material)
    write_report([material], paths)
    say(f"Report: {paths[0]}")
    return material


def _show(material: StudyMaterial) -> None:
    """Prints the table, what is damaged, the failures and the warnings."""
    from rich.text import Text

    from dmlcore.report.content.table import study_table
    from dmlcore.report.render.terminal import rich_table

    screen = console()
    if material.results:
        screen.print(rich_table(study_table(material), material.question or material.name))
    for label, reason in material.all_damaged.items():
        click.echo(f"Damaged: {label}: {reason}", err=True)
    for label, reason in material.failures.items():
        screen.print(Text.assemble(("failed", "red"), f" {label}: {reason}"))
    warnings = [text for result in material.results for text in result.warnings]
    for text in dict.fromkeys([*warnings, *material.added.failures]):
        screen.print(Text.assemble(("note", "yellow"), f" {text}"))
