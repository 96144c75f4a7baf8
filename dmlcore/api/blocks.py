"""The blocks of a report, which every format draws in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from attrs import field, frozen


def _words(_block: Any, attribute: Any, value: Any) -> None:
    """The message of attrs would show the whole field."""
    if not isinstance(value, str):
        raise TypeError(f"{attribute.name} must be a string. Got {value!r}")


@frozen
class Text:
    """One paragraph of plain text."""

    text: str = field(validator=_words)


@frozen
class Formula:
    """A displayed formula: LaTeX without dollar signs, in the subset that matplotlib's mathtext draws."""

    latex: str = field(validator=_words)


@frozen
class Table:
    """A table of strings: the first `words` columns have words, the others numbers. \n starts a new line in a cell.

    Raises TypeError if a cell is not a string, and ValueError if there is no column or a row has more or fewer cells
    than the header.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = field(default="", validator=_words)
    notes: Sequence[str] = ()
    """Footnotes."""
    words: int = 1
    """How many columns have words, from the left; all but the first break between words."""
    folded: bool = False
    """Whether a page may show the table closed, under its caption; print and text show it."""

    def __attrs_post_init__(self) -> None:
        if not self.header:
            raise ValueError("a table needs a header with one cell per column")
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"Expected {len(self.header)} cells, one per column. Got {len(row)}: {row!r}")
        for cell in chain(self.header, *self.rows, self.notes):
            if not isinstance(cell, str):
                raise TypeError(f"a table cell must be a string. Got {cell!r}")


@frozen
class Panel:
    """One picture of a figure, and its text alternative."""

    svg: str
    alt: str


@frozen
class Key:
    """One entry of a figure's legend."""

    label: str
    color: str
    dash: int = 0
    """Which of DASHES."""


@frozen
class Figure:
    """Panels side by side under one title; `plot` returns one."""

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
            raise TypeError(f"a section consists of Text, Formula, Table and plot(). Got {block!r}")


@frozen
class Section:
    """Blocks under a heading."""

    title: str = field(validator=_words)
    blocks: Sequence[Block] = field(validator=_check_blocks)
    key: str = ""
    """Identifies the section, whatever its title."""
