"""What a report is made of: blocks that every format draws in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from attrs import field, frozen


def _words(_block: Any, attribute: Any, value: Any) -> None:
    """attrs' own message would show the whole field."""
    if not isinstance(value, str):
        raise TypeError(f"{attribute.name} must be text, not {value!r}")


@frozen
class Text:
    """One paragraph of plain sentences, each with its figures in it."""

    text: str = field(validator=_words)


@frozen
class Formula:
    """A formula on a line of its own: LaTeX without dollar signs, in the part that matplotlib's mathtext draws."""

    latex: str = field(validator=_words)


@frozen
class Table:
    """A table of texts: the first column is of words, the others of numbers. A cell may have lines, parted by \n.

    Raises TypeError where a cell is no text, and ValueError where there is no column, or a row has more or fewer cells
    than the header.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = field(default="", validator=_words)
    notes: Sequence[str] = ()
    """Footnotes."""

    def __attrs_post_init__(self) -> None:
        if not self.header:
            raise ValueError("a table needs a header: one cell a column")
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"a row has {len(row)} cells under {len(self.header)} headings: {row!r}")
        for cell in chain(self.header, *self.rows, self.notes):
            if not isinstance(cell, str):
                raise TypeError(f"a cell of a table must be text, not {cell!r}")


@frozen
class Panel:
    """One picture of a figure, and what it shows in words."""

    svg: str
    alt: str


@frozen
class Key:
    """One line of a figure's legend."""

    label: str
    colour: str
    dash: int = 0
    """Which of DASHES."""


@frozen
class Figure:
    """Panels side by side under one title; `plot` makes one."""

    key: str
    title: str
    caption: str
    """What to look at."""
    panels: tuple[Panel, ...]
    legend: tuple[Key, ...] = ()


Block = Text | Formula | Table | Figure


def _check_blocks(_section: Any, _attribute: Any, blocks: Sequence[object]) -> None:
    for block in blocks:
        if not isinstance(block, Block):
            raise TypeError(f"a section is made of Text, Formula, Table and plot(), not of {block!r}")


@frozen
class Section:
    """Blocks under a heading."""

    title: str = field(validator=_words)
    blocks: Sequence[Block] = field(validator=_check_blocks)
    key: str = ""
    """Names the section for those who put something beside it, whatever its title."""
