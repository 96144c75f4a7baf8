"""The sections of a study's report, for notebooks and the hand-in."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from dmlcore.api.blocks import Figure, Section
from dmlcore.handin.plates import plate
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.figures.study import drawn_sections
from dmlcore.report.render.markdown import block_markdown


@frozen
class Piece:
    """One section of the report: Markdown, and figures as SVG by name."""

    key: str
    title: str
    markdown: str
    figures: Mapping[str, str]


def pieces(material: StudyMaterial) -> list[Piece]:
    """The sections of a study's report, in order, without empty ones."""
    return [_piece(section) for section in drawn_sections(material)]


def _piece(section: Section) -> Piece:
    figures = {block.key: plate(block) for block in section.blocks if isinstance(block, Figure)}
    words = [block_markdown(block) for block in section.blocks if not isinstance(block, Figure)]
    return Piece(section.key, section.title, "\n\n".join(words), figures)
