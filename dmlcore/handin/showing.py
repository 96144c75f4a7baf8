"""A study's report in the pieces that notebooks and the hand-in show."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from dmlcore.handin.figures import figures
from dmlcore.handin.printing import print_markdown
from dmlcore.report.markdown import markdown_report, notes, results_table
from dmlcore.report.material import StudyMaterial
from dmlcore.report.table import short_name, study_table


@frozen
class Piece:
    """One section of the report: Markdown, and figures by name as SVG."""

    key: str
    title: str
    markdown: str
    figures: Mapping[str, str]


def pieces(material: StudyMaterial) -> list[Piece]:
    """The sections of a study's report, in order; those with nothing stored are left out."""
    if not material.results:
        return []
    return [
        Piece("table", "Results", results_table(material.results), {}),
        Piece("learning", "Learning curves", "", figures(material)),
        Piece("protocol", "What the numbers mean", notes(material.results), {}),
    ]


def write_report(materials: Sequence[StudyMaterial], paths: Sequence[Path]) -> None:
    """Writes one report over all studies, in the format of each path's suffix: .pdf, .html, .md, .tex, .csv."""
    for path in paths:
        if path.suffix == ".csv":
            _write_csv(materials, path)
        else:
            print_markdown("\n\n".join(_page(material) for material in materials), path)


def _page(material: StudyMaterial) -> str:
    return markdown_report(material.name, material.question, material.results, material.unfinished, material.failures)


def _write_csv(materials: Sequence[StudyMaterial], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for table in (study_table(material.results) for material in materials if material.results):
            writer.writerow(["run", *map(short_name, table.columns), "seeds"])
            for row in table.rows:
                writer.writerow([row.label, *(row.metrics.get(column, "") for column in table.columns), row.seeds])
