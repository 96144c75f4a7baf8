"""A report as one Markdown page, in CommonMark with the tables and formulas of GitHub and Jupyter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from attrs import evolve

from dmlcore.api.blocks import Block, Figure, Formula, Section, Table, Text
from dmlcore.report.content.curves import curves_section
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.explanation.answer import Answer
from dmlcore.report.figures.drawing import checked_formula
from dmlcore.report.front import UNANSWERED, Front
from dmlcore.report.sections import PLACES, in_appendix, own_blocks, study_sections
from dmlcore.text import one_line

_MARKUP = re.compile(
    r"(?P<entity>&)(?=#?\w+;)|(?P<tex>[\\$])"
    r"|[`*~]|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|\](?=[\[({:])|(?<=!)\[|^\[(?=[ xX]\])"
)
"""What can be markup within a line: entities, TeX, code, emphasis (not the underscores within a word), tags, links."""

_BLOCK = re.compile(r"^(?:[-+#>=|:]|\d{1,9}(?=[.)](?: |$)))", re.MULTILINE)
"""What can make a line more than a line of a paragraph: a list, a heading, a quote, a table, a rule."""


def render(front: Front, materials: Sequence[StudyMaterial]) -> str:
    """Return the page: the answers, a chapter for each study, and their appendices with learning curves in numbers."""
    parts = [heading(1, front.title), *([inline(front.author)] if front.author else [])]
    parts += _single(materials[0]) if len(materials) == 1 else _several(front, materials)
    return "\n\n".join(parts) + "\n"


def _single(material: StudyMaterial) -> Iterator[str]:
    chapter, appendix = _sections(material)
    for section in [*chapter, *appendix]:
        yield from _section(section, 2)


def _several(front: Front, materials: Sequence[StudyMaterial]) -> Iterator[str]:
    yield heading(2, "Answers")
    for number, (material, answer) in enumerate(zip(materials, front.answers, strict=True), start=1):
        yield from _answer(f"Chapter {number}", material, answer)
    yield from map(block_markdown, front.blocks)
    parted = [tuple(map(_own, _sections(material))) for material in materials]
    for number, (material, (chapter, _)) in enumerate(zip(materials, parted, strict=True), start=1):
        yield heading(2, f"Chapter {number}: {material.name}")
        for section in chapter:
            yield from _section(section, 3)
    if front.protocol:
        yield heading(2, "Appendix to all chapters")
        yield from _section(Section(PLACES["protocol"].title, front.protocol), 3)
    for number, (material, (_, appendix)) in enumerate(zip(materials, parted, strict=True), start=1):
        if appendix:
            yield heading(2, f"Appendix to chapter {number}: {material.name}")
        for section in appendix:
            yield from _section(section, 3)


def _own(sections: Sequence[Section]) -> list[Section]:
    own = [evolve(section, blocks=own_blocks(section.key, section.blocks)) for section in sections]
    return [section for section in own if section.blocks]


def _answer(chapter: str, material: StudyMaterial, answer: Answer | None) -> Iterator[str]:
    yield f"**{inline(material.question or material.name)}**"
    found = [answer.verdict, answer.figures, answer.reason] if answer else [UNANSWERED]
    yield paragraphs(" ".join(filter(None, [*found, f"({chapter})"])))


def _sections(material: StudyMaterial) -> tuple[list[Section], list[Section]]:
    """Those of the chapter and those of the appendix."""
    sections = study_sections(material)
    curves = curves_section(material)
    chapter = [section for section in sections if not in_appendix(section.key)]
    return chapter, [*(s for s in sections if in_appendix(s.key)), *([curves] if curves else [])]


def block_markdown(block: Block) -> str:
    """Return one block."""
    match block:
        case Text():
            return paragraphs(block.text)
        case Formula():
            return _formula(block.latex)
        case Table():
            return grid_markdown(block)
        case Figure():
            words = [*(panel.alt for panel in block.panels), block.caption]
            return "\n\n".join([f"**{inline(block.title)}**", *(paragraphs(text) for text in words if text)])


def grid_markdown(grid: Table) -> str:
    """Return a table below its caption, with notes below."""
    rule = "| " + " | ".join("---" if column < grid.words else "---:" for column in range(len(grid.header))) + " |"
    header, *rows = ["| " + " | ".join(map(_cell, cells)) + " |" for cells in (grid.header, *grid.rows)]
    caption = [f"**{inline(grid.caption)}**"] if grid.caption else []
    notes = ["\n".join(f"- {_block(inline(note))}" for note in grid.notes)] if grid.notes else []
    return "\n\n".join([*caption, "\n".join([header, rule, *rows]), *notes])


def heading(level: int, title: str) -> str:
    """Return a heading; `title` is plain text."""
    text = re.sub(r"#(?=#*$)", r"\\#", inline(title))
    return f"{'#' * level} {text}"


def paragraphs(text: str) -> str:
    """Return plain text as Markdown that shows the same text, in paragraphs as it has empty lines."""
    lines = [inline(line) for line in text.split("\n")]
    return _block(re.sub(r"\n{2,}", "\n\n", "\n".join(lines)).strip("\n"))


def inline(text: str) -> str:
    """Return plain text as Markdown that shows the same text, in one line."""
    return _MARKUP.sub(_escape, one_line(text))


def code(text: str) -> str:
    """Return plain text as code in one line."""
    words = one_line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", words)), default=0))
    room = " " if words.startswith("`") or words.endswith("`") or not words else ""
    return f"{fence}{room}{words}{room}{fence}"


def _escape(found: re.Match[str]) -> str:
    if found["entity"]:
        return "&amp;"
    # alone in an element: MathJax, which reads the finished page, must not find a pair of signs in one text
    return rf"<span>\{found[0]}</span>" if found["tex"] else rf"\{found[0]}"


def _block(lines: str) -> str:
    """Lines of escaped text, none of which begins a block."""
    return _BLOCK.sub(lambda start: start[0] + "\\" if start[0].isdecimal() else rf"\{start[0]}", lines)


def _formula(latex: str) -> str:
    """The formula in math mode, or its source if it is none."""
    try:
        line = checked_formula(latex)
    except ValueError:
        return code(latex)
    no_link_or_tag = re.sub(r"\](?=[\[(:])|<(?=[A-Za-z/!?])|!(?=\[)", r"\g<0> ", line)  # where nobody reads the math
    return f"$$\n{no_link_or_tag}\n$$"


def _section(section: Section, level: int) -> Iterator[str]:
    if section.key != "question":  # it follows the title
        yield heading(level, section.title)
    yield from map(block_markdown, section.blocks)


def _cell(text: str) -> str:
    return "<br>".join(inline(line).replace("|", r"\|") for line in text.split("\n"))
