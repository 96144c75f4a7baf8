"""The report as LaTeX for papers: text, and tables in booktabs style."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dmlcore.api.blocks import Block, Figure, Formula, Table, Text
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.figures.drawing import checked_formula
from dmlcore.report.sections import study_sections
from dmlcore.text import one_line

_MATH = r"±\pm ×\times ·\cdot −- →\rightarrow ↓\downarrow ≤\leq ≥\geq ≠\neq ≈\approx ∞\infty √\sqrt{} ²^2 °^\circ ⁺^+"
_MATH += r" ρ\rho δ\delta α\alpha"
"""Signs, each followed by its LaTeX in math mode."""

_WORDS = {"\\": "backslash", "~": "asciitilde", "^": "asciicircum", "<": "less", ">": "greater", "|": "bar"}
_WORDS |= {"`": "asciigrave"}

_OPTIONS = ("[", "*")
"""What would be an option of the line break above, without {} before it."""

_LIGATURES = re.compile("(?<=-)(?=-)|(?<=')(?=')|(?<=,)(?=,)")
"""Between two signs that TeX would set as one."""

_ESCAPES = str.maketrans(
    {sign: rf"\{sign}" for sign in "&%$#_{}"}
    | {sign: rf"\text{word}{{}}" for sign, word in _WORDS.items()}
    | {sign[0]: f"${sign[1:]}$" for sign in _MATH.split()}
    | {"–": "--", "…": r"\dots{}", "“": "``", "”": "''", "’": "'"}
)


def render(material: StudyMaterial) -> str:
    """Return all sections; they need the packages booktabs, longtable and amsmath."""
    parts = [r"% needs \usepackage{booktabs,longtable,amsmath}", rf"\section*{{{escaped(material.name)}}}"]
    for section in study_sections(material):
        parts.append(rf"\subsection*{{{escaped(section.title)}}}")
        parts += [block_latex(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def block_latex(block: Block) -> str:
    """Return one block."""
    match block:
        case Text():
            return escaped(block.text)
        case Formula():
            return _formula(block.latex)
        case Table():
            return grid_latex(block)
        case Figure():
            words = [*(panel.alt for panel in block.panels), block.caption]
            return "\n\n".join(escaped(text) for text in [block.title, *words] if text)


def grid_latex(grid: Table) -> str:
    """Return a table that can break across pages; the lines of a cell are stacked."""
    broken = grid.words - 1
    columns = "l" + r"p{0.7\textwidth}" * broken + "r" * (len(grid.header) - grid.words)
    lines = [rf"\begin{{longtable}}{{{columns}}}"]
    if grid.caption:
        lines.append(rf"\caption{{{escaped(grid.caption)}}}\\")
    lines += [r"\toprule", _row(grid.header), r"\midrule", r"\endhead", r"\bottomrule", r"\endfoot"]
    lines += [_row(row) for row in grid.rows]
    lines.append(r"\end{longtable}")
    notes = [rf"\par{{\small {escaped(note)}}}" for note in grid.notes]
    return "\n".join([*lines, *notes])


def escaped(text: str) -> str:
    """Return plain text, in one line, with LaTeX's special characters escaped."""
    return "{}".join(part.translate(_ESCAPES) for part in _LIGATURES.split(one_line(text)))


def _formula(latex: str) -> str:
    """The formula in math mode, or its source if it is none."""
    try:
        return f"\\[\n{checked_formula(latex)}\n\\]"
    except ValueError:
        return rf"\texttt{{{escaped(latex)}}}"


def _row(cells: Sequence[str]) -> str:
    row = " & ".join(map(_cell, cells)) + r" \\"
    return "{}" + row if row.startswith(_OPTIONS) else row


def _cell(text: str) -> str:
    lines = [escaped(line) for line in text.split("\n")]
    if len(lines) == 1:
        return lines[0]
    stacked = r"\\ ".join("{}" + line for line in lines)
    return rf"\shortstack[r]{{{stacked}}}"
