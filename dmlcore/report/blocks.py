"""What a report is made of: blocks that every format draws in its own way."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen


@frozen
class Text:
    """One paragraph of plain sentences, each with its figures in it."""

    text: str


@frozen
class Formula:
    """A formula on a line of its own: LaTeX without dollar signs, in the part that matplotlib's mathtext draws."""

    latex: str


@frozen
class Grid:
    """A table of texts: the first column is of words, the others of numbers. A cell may have lines, parted by \n."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    notes: tuple[str, ...] = ()
    """Footnotes."""


Block = Text | Formula | Grid


@frozen
class Section:
    """Blocks under a heading."""

    title: str
    blocks: Sequence[Block]
    key: str = ""
    """Names the section for those who put something beside it, whatever its title."""
