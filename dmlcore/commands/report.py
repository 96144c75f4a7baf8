"""`dmlcore report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmlcore.commands.options import AUTHOR, PATH, RUNS, SET, STUDIES, TITLE, installed
from dmlcore.commands.output import console, echo, say, show_remarks

if TYPE_CHECKING:
    from dmlcore.report.content.material import StudyMaterial
    from dmlcore.results.store import Store
    from dmlcore.study.data_sets import DataSets
    from dmlcore.study.schema import StudyFile

OWN_FILES = ("report.html", "report.md", "results.csv", "tables.tex")
"""Files written into a study's folder."""

LONGEST = 80
"""Characters of overrides in the name of a file."""


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
    "  [default: one report per study, in the folder of its runs; with --set, its name has the values]",
)
@AUTHOR
@TITLE
@SET
@RUNS
def report(
    studies: Sequence[Path], outputs: Sequence[Path], title: str, author: str, overrides: Sequence[str], root: Path
) -> None:
    """Show tables and write reports of stored results.

    Damaged results are named and omitted; the exit code is then 3.
    """
    from dmlcore.engine.plan.stored import study_material
    from dmlcore.errors import ResultsError
    from dmlcore.report.render.writing import check_format, write_report
    from dmlcore.results.store import Store
    from dmlcore.study.data_sets import DataSets
    from dmlcore.study.load import load_study

    for path in outputs:
        check_format(path)
    registry, store, data_sets = installed(studies, overrides), Store(root), DataSets()
    files = [load_study(path, registry, overrides, store, data_sets) for path in studies]
    if outputs:
        materials = [study_material(file, store, data_sets) for file in files]
        for file, material in zip(files, materials, strict=True):
            _show(file, material, store)
        write_report(materials, outputs, title, author)
        for path in outputs:
            say(f"Report: {path}")
    else:
        materials = [show_report(file, store, data_sets, overrides, OWN_FILES, title, author) for file in files]
    if any(material.all_damaged for material in materials):
        raise SystemExit(ResultsError.exit_code)


def show_report(
    file: StudyFile,
    store: Store,
    data_sets: DataSets,
    overrides: Sequence[str] = (),
    names: Sequence[str] = ("report.html", "report.md"),
    title: str = "",
    author: str = "",
) -> StudyMaterial:
    """Shows the study's table and writes its report into the folder of its runs; returns what was stored.

    With overrides of the study, the names of the files carry them: the report of the study itself stays.
    """
    from dmlcore.engine.plan.stored import study_material
    from dmlcore.report.render.writing import write_report
    from dmlcore.study.overrides import settings_of

    material, settings = study_material(file, store, data_sets), settings_of(file.path, overrides)
    paths = [store.study(file.study.name) / _with_overrides(name, settings) for name in names]
    _show(file, material, store)
    write_report([material], paths, title, author)
    say(f"Report: {paths[0]}")
    return material


def _with_overrides(name: str, overrides: Sequence[str]) -> str:
    """ "report.html" → "report.training.epochs=10.html"; a digest is the end of a long name."""
    if not overrides:
        return name
    from dmlcore.api.stored import canonical_digest

    words = "_".join("".join(c if c.isalnum() or c in "=.+-" else " " for c in text) for text in overrides)
    words = "-".join(words.split()).replace("=-", "=")
    if len(words) > LONGEST:
        words = f"{words[:LONGEST]}_{canonical_digest(list(overrides))[:8]}"
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{words}.{suffix}"


def _show(file: StudyFile, material: StudyMaterial, store: Store) -> None:
    """Prints the table, what is damaged, the failures and the warnings."""
    from rich.text import Text

    from dmlcore.engine.plan.stored import remarks
    from dmlcore.report.content.table import study_table
    from dmlcore.report.render.terminal import rich_table

    screen = console()
    if material.results:
        screen.print(rich_table(study_table(material), material.question or material.name))
    for label, reason in material.all_damaged.items():
        echo(f"Damaged: {label}: {reason}", err=True)
    for label, reason in material.failures.items():
        screen.print(Text.assemble(("failed", "red"), f" {label}: {reason}"))
    show_remarks(screen, [remark for remark in remarks(file, store) if remark.state != "damaged"])
    warnings = [text for result in material.results for text in result.warnings]
    for text in dict.fromkeys([*warnings, *material.added.failures]):
        screen.print(Text.assemble(("note", "yellow"), f" {text}"))
