"""Who hands in what: the author and the title of a hand-in."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from dmlcore.text import one_line


@frozen
class Byline:
    """The author and the title; empty if not stated."""

    author: str = field(default="", converter=one_line)
    title: str = field(default="", converter=one_line)

    @property
    def options(self) -> list[str]:
        """The words that give them on the command line."""
        given = {"--author": self.author, "--title": self.title}
        return [word for option, text in given.items() if text for word in (option, text)]

    def metadata(self, study: str) -> dict[str, Any]:
        """The title and the authors of a study's notebook, as its format has them."""
        authors = {"authors": [{"name": self.author}]} if self.author else {}
        return {"title": f"{self.title}: {study}" if self.title else study, **authors}


NOBODY = Byline()
"""Without author and title."""
