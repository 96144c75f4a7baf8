"""A study's report as one Markdown page."""

from __future__ import annotations

from dmlcore.api.blocks import Block, Figure, Formula, Section, Table, Text
from dmlcore.report.content.curves import curves_section
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.sections import study_sections


def render(material: StudyMaterial) -> str:
    """Return the page: every section, and the learning curves in numbers."""
    sections = study_sections(material)
    curves = curves_section(material)
    parts = [f"# {material.name}", *(_section(section) for section in [*sections, *([curves] if curves else [])])]
    return "\n\n".join(parts) + "\n"


def block_markdown(block: Block) -> str:
    """Return one block."""
    match block:
        case Text():
            return _plain(block.text)
        case Formula():
            return f"$$\n{block.latex}\n$$"
        case Table():
            return grid_markdown(block)
        case Figure():
            words = [*(panel.alt for panel in block.panels), block.caption]
            return "\n\n".join([f"**{_plain(block.title)}**", *(_plain(text) for text in words if text)])


def grid_markdown(grid: Table) -> str:
    """Return a table below its caption, with notes below."""
    rule = ["---" if column < grid.words else "---:" for column in range(len(grid.header))]
    rows = [[_cell(cell) for cell in cells] for cells in (grid.header, rule, *grid.rows)]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
    caption = [f"**{_plain(grid.caption)}**"] if grid.caption else []
    notes = ["\n".join(f"- {_plain(note)}" for note in grid.notes)] if grid.notes else []
    return "\n\n".join([*caption, table, *notes])


def _section(section: Section) -> str:
    heading = [] if section.key == "question" else [f"## {section.title}"]  # it follows the page's title
    return "\n\n".join([*heading, *(block_markdown(block) for block in section.blocks)])


def _plain(text: str) -> str:
    """Text in which stars are stars."""
    return text.replace("*", r"\*")


def _cell(text: str) -> str:
    return _plain(text).replace("|", r"\|").replace("\n", "<br>")
