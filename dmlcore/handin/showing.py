"""The sections of a study's report, for notebooks and the hand-in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from dmlcore.api.blocks import Figure, Section
from dmlcore.handin.plates import plate
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.figures.study import study_figures
from dmlcore.report.render.markdown import block_markdown
from dmlcore.report.sections import TITLES, place, study_sections


@frozen
class Piece:
    """One section of the report: Markdown, and figures as SVG by name."""

    key: str
    title: str
    markdown: str
    figures: Mapping[str, str]


def pieces(material: StudyMaterial) -> list[Piece]:
    """The sections of a study's report, in order, without empty ones."""
    sections = {section.key: section for section in study_sections(material)}
    figures = study_figures(material)
    return [
        _piece(sections.get(key) or Section(TITLES[key], ()), key, figures.get(key, ()))
        for key in sorted(dict.fromkeys([*sections, *figures]), key=place)
    ]


def _piece(section: Section, key: str, figures: Sequence[Figure]) -> Piece:
    own = [block for block in section.blocks if isinstance(block, Figure)]
    words = [block_markdown(block) for block in section.blocks if not isinstance(block, Figure)]
    return Piece(key, section.title, "\n\n".join(words), {figure.key: plate(figure) for figure in [*own, *figures]})
