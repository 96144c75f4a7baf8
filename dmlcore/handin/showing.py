"""A study's report in the pieces that notebooks and the hand-in show."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from dmlcore.handin.plates import plate
from dmlcore.report.figures.study import study_figures
from dmlcore.report.markdown import block_markdown
from dmlcore.report.material import StudyMaterial
from dmlcore.report.page import ORDER, TITLES
from dmlcore.report.sections import study_sections


@frozen
class Piece:
    """One section of the report: Markdown, and figures by name as SVG."""

    key: str
    title: str
    markdown: str
    figures: Mapping[str, str]


def pieces(material: StudyMaterial) -> list[Piece]:
    """The sections of a study's report, in order; those with nothing stored are left out."""
    sections = {section.key: section for section in study_sections(material)}
    figures = study_figures(material)
    return [
        Piece(
            key,
            sections[key].title if key in sections else TITLES[key],
            "\n\n".join(block_markdown(block) for block in sections[key].blocks) if key in sections else "",
            {figure.key: plate(figure) for figure in figures.get(key, ())},
        )
        for key in sorted({*sections, *figures}, key=ORDER.index)
    ]
