"""Pages of studies as PDF, through typst: the same sections, figures and pictures on A4."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib
import numpy as np
import typst
from attrs import asdict, evolve, frozen
from matplotlib.axes import Axes

from dmlcore.api.blocks import Figure, Formula, Key, Panel, Table, Text
from dmlcore.errors import DmlcoreError
from dmlcore.report.figures.drawing import WIDTH, formula, panel
from dmlcore.report.figures.embedding_map import EmbeddingMap, class_colors
from dmlcore.report.figures.gallery import Confusion, Neighbor, Query, Retrieval, short_file
from dmlcore.report.page import Item, StudyPage
from dmlcore.text import visible

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"

BROAD = 90
"""Characters across a table above which it is set smaller."""

NOWHERE = "http://127.0.0.1:9"
"""An address that answers no request."""

TOO_BROAD = 150
"""Characters across a table above which its page is in landscape."""

LONG = 40
"""Classes listed; the others are in the HTML report."""

SHOWN = 5
"""Queries of a gallery; the others are in the HTML report."""

LINES = ("solid", "dashed", "dotted", "dash-dotted")
"""Names in typst of the line styles of legends."""

Json = Mapping[str, Any]


def render(pages: Sequence[StudyPage]) -> bytes:
    """Return the file with all studies one after the other. Raises DmlcoreError if typst fails."""
    with TemporaryDirectory(prefix="dmlcore-") as name:
        folder = Path(name)
        shutil.copyfile(TEMPLATE, folder / "main.typ")
        content = shown([_Page(page, folder, str(number)).content() for number, page in enumerate(pages)])
        (folder / "pages.json").write_text(json.dumps(content), encoding="utf-8")
        try:
            return compiled(folder / "main.typ")
        except (typst.TypstError, RuntimeError) as error:
            raise DmlcoreError(f"The PDF can't be created: {error}. The HTML report has the same content.") from None


def compiled(page: Path, timestamp: int | None = None) -> bytes:
    """Return the PDF of a typst file, which may read others of its folder, and nothing from the network."""
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"  # those of the figures, which typst does not include
    with _offline():
        file = typst.compile(page, root=page.parent, font_paths=[fonts], ignore_system_fonts=True, timestamp=timestamp)
    assert isinstance(file, bytes)
    return file


@contextmanager
def _offline() -> Iterator[None]:
    """Typst downloads the packages that a page imports, which no option prevents; a proxy that does not exist does."""
    proxies = {"HTTPS_PROXY": NOWHERE, "https_proxy": NOWHERE, "NO_PROXY": "", "no_proxy": ""}
    before = {name: os.environ.get(name) for name in proxies}
    os.environ.update(proxies)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def shown(value: Any) -> Any:
    """Return plain JSON with invisible characters by their codes. The template takes all of it for text."""
    match value:
        case str():
            return visible(value)
        case dict():
            return {key: shown(part) for key, part in value.items()}
        case list() | tuple():
            return [shown(part) for part in value]
    return value


@frozen
class _Page:
    """A page as plain JSON, which the template draws, and its picture files."""

    page: StudyPage
    root: Path
    name: str
    """Of the folder of its pictures."""

    def content(self) -> Json:
        (self.root / self.name).mkdir()
        parts = [
            {"title": part.title, "items": [self._item(item, part.title) for item in part.items]}
            for part in self.page.parts
        ]
        return {"name": self.page.name, "question": self.page.question, "facts": self.page.facts, "parts": parts}

    def _item(self, item: Item, heading: str) -> Json:
        match item:
            case Text():
                return {"kind": "words", "text": item.text}
            case Formula():
                return self._formula(item.latex)
            case Table():
                return _table(item)
            case Figure():
                title = "" if item.title == heading else item.title
                return {"kind": "figure", **asdict(item, value_serializer=self._plain), "title": title}
            case EmbeddingMap():
                return self._map(item)
            case Retrieval():
                return self._retrieval(item)

    def _plain(self, owner: object, field: Any, value: Any) -> Any:
        """A value in a figure or a gallery, with files for pictures and names for dashes."""
        match owner:
            case Panel() if field.name == "svg":
                return self._svg(value)
            case Key() if field.name == "dash":
                return None if value < 0 else LINES[value % len(LINES)]
            case Query() | Neighbor() if field.name == "row":
                return self._picture(value)
            case Query() | Neighbor() if field.name == "file":
                return short_file(value)
            case Confusion() if field.name == "rows":
                return [self._picture(row) for row in value]
        return value

    def _svg(self, svg: str) -> str:
        """The path of a new file."""
        path = f"{self.name}/{len(list((self.root / self.name).glob('*.svg')))}.svg"
        (self.root / path).write_text(svg, encoding="utf-8")
        return path

    def _picture(self, row: int) -> str | None:
        """The path of a picture as JPEG, which every version of typst reads; None if there is no picture."""
        if row not in self.page.pictures:
            return None
        path = f"{self.name}/{row}.jpg"
        if not (self.root / path).exists():
            self.page.pictures.image(row).save(self.root / path, "jpeg", quality=85)
        return path

    def _formula(self, latex: str) -> Json:
        try:
            return {"kind": "formula", "file": self._svg(formula(latex).svg), "latex": latex}
        except ValueError:
            return {"kind": "words", "text": latex}

    def _map(self, drawn: EmbeddingMap) -> Json:
        numbers, labels = np.unique(drawn.shown_labels, return_inverse=True)
        hues = np.array(class_colors(len(numbers)))

        def scatter(axes: Axes) -> None:
            axes.scatter(drawn.places[:, 0], drawn.places[:, 1], s=4, c=hues[labels], linewidths=0)
            axes.set_axis_off()
            axes.set_aspect("equal")

        caption = (
            f"{drawn.title}. Each of the {len(drawn.rows):,} points is a test image, placed by {drawn.method}; colors"
            f" are the {len(numbers)} classes. The HTML report shows the image of each point."
        )
        svg = panel(drawn.title, "", scatter, left=0.12, height=WIDTH).svg
        return {"kind": "map", "file": self._svg(svg), "caption": caption}

    def _retrieval(self, found: Retrieval) -> Json:
        pictures = self.page.pictures
        galleries = [
            evolve(gallery, queries=tuple(query for query in gallery.queries[:SHOWN] if query.row in pictures))
            for gallery in found.galleries
        ]
        shown = evolve(found, galleries=tuple(g for g in galleries if g.queries), classes=found.classes[:LONG])
        content = asdict(shown, value_serializer=self._plain)
        return {"kind": "retrieval", **content, "missing": pictures.missing, "whole": len(found.classes)}


def _table(table: Table) -> Json:
    """The table, with whether it is small or in landscape; cells of numbers break only at line breaks."""
    letters = 0
    for place, (head, *cells) in enumerate(zip(table.header, *table.rows, strict=True)):
        lines = [part for cell in cells for part in (cell.split() if 0 < place < table.words else cell.split("\n"))]
        letters += max(map(len, [*head.split(), *lines]), default=0) + 3
    return {"kind": "table", **asdict(table), "small": letters > BROAD, "landscape": letters > TOO_BROAD}
