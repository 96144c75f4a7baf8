"""The words and tables of a study's report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dmlcore.report.blocks import Formula, Grid, Section, Text
from dmlcore.report.material import StudyMaterial
from dmlcore.report.table import short_name, study_table
from dmlcore.wording import duration


def study_sections(material: StudyMaterial) -> list[Section]:
    """Sections in the order of the page; those without content are left out."""
    return [section for section in _sections(material) if section.blocks]


def _sections(material: StudyMaterial) -> Iterator[Section]:
    yield Section("Question", [Text(material.question)] if material.question else [], "question")
    if material.results:
        yield Section("Results", [_results(material)], "results")
        formula = material.results[0].loss.formula
        yield Section("Explanation", [Formula(formula)] if formula else [], "explanation")
    yield Section("Failed", _listed(material.failures), "failures")
    yield Section("Still to be made", [Text(label) for label in material.unfinished], "unfinished")


def _results(material: StudyMaterial) -> Grid:
    table = study_table(material.results)
    header = ("run", *map(short_name, table.columns), "seeds", "time a run")
    rows = tuple(
        (
            row.label,
            *(str(row.metrics.get(column, "–")) for column in table.columns),
            str(row.seeds),
            "–" if row.seconds is None else duration(row.seconds),
        )
        for row in table.rows
    )
    return Grid(header, rows)


def _listed(reasons: Mapping[str, str]) -> list[Text]:
    return [Text(f"{label}: {reason}") for label, reason in reasons.items()]
