"""What a notebook shows: Markdown and SVG."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Page:
    """Markdown that a notebook can show."""

    markdown: str

    def __repr__(self) -> str:
        return self.markdown

    def _repr_markdown_(self) -> str:
        return self.markdown


@frozen
class Picture:
    """An SVG figure that a notebook can show."""

    name: str
    svg: str = field(repr=False)

    def _repr_svg_(self) -> str:
        return self.svg
