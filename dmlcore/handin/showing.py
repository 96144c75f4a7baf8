"""The sections of a study's report, for notebooks and the hand-in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from dmlcore.api.blocks import Block, Figure
from dmlcore.handin.outputs import Page, Picture
from dmlcore.handin.plates import plate
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.explanation.answer import answer_of
from dmlcore.report.explanation.batch_size import minimum_sentence
from dmlcore.report.figures.study import drawn_sections
from dmlcore.report.render.markdown import block_markdown, inline, paragraphs


@frozen
class Piece:
    """One section of the report."""

    key: str
    title: str
    items: Sequence[Page | Picture]
    """In the order of the section; a picture follows its title and precedes its caption."""

    @property
    def pictures(self) -> list[Picture]:
        return [item for item in self.items if isinstance(item, Picture)]


def pieces(material: StudyMaterial) -> list[Piece]:
    """The sections of a study's report, in order, without empty ones."""
    return [Piece(each.key, each.title, pages(each.blocks, each.title)) for each in drawn_sections(material)]


def pages(blocks: Iterable[Block], title: str) -> list[Page | Picture]:
    """The blocks of a section as Markdown and pictures; blocks without a picture in between are one page."""
    shown: list[Page | Picture] = []
    words: list[str] = []
    for block in blocks:
        if not isinstance(block, Figure):
            words.append(block_markdown(block))
            continue
        if block.title != title:
            words.append(f"**{inline(block.title)}**")
        if words:
            shown.append(Page("\n\n".join(words)))
        shown.append(Picture(block.key, plate(block)))
        words = [paragraphs(block.caption)] if block.caption else []
    return [*shown, Page("\n\n".join(words))] if words else shown


def answer_text(material: StudyMaterial) -> str:
    """The answer of a study as Markdown: its verdict, figures and reason, and what its probe found; may be empty."""
    answer, probe = answer_of(material), material.probe
    parts = []
    if answer is not None:
        parts.append(f"**{inline(answer.verdict)}**")
        parts.append(paragraphs(" ".join(filter(None, (answer.figures, answer.reason)))))
    if probe is not None:
        parts.append(paragraphs(minimum_sentence(probe)))
    return "\n\n".join(parts)
