"""A console on which text from outside is text."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from dmlcore.text import visible


class Screen(Console):
    """A console without markup and emoji codes that shows invisible characters by their codes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Called for every string, such as the cell of a table."""
        return super().render_str(visible(text), **options)

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(self._seen(item) if isinstance(item, Text) else item for item in objects), **options)

    def _seen(self, text: Text) -> Text:
        """The same text with its styles."""
        return Text.assemble(*((visible(part.text), part.style or "") for part in text.render(self)))
