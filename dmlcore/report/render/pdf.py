"""A report as PDF, through typst: the same sections, figures and pictures on A4."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
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
from dmlcore.report.front import UNANSWERED
from dmlcore.report.page import Item, Part, Report, StudyPage
from dmlcore.text import counted, visible

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"

NOWHERE = "http://127.0.0.1:9"
"""An address that answers no request."""

LONG = 9
"""Classes listed; the others are in the HTML report."""

SHOWN = 4
"""Queries of the first gallery; the others are in the HTML report."""

TABLED = ("costs",)
"""Sections with a table that has the numbers of their figures, which are in the HTML report."""

NEIGHBORS = 5
"""Neighbors of a query."""

CONFUSED = 6
"""Confused pairs of classes."""

TITLE = 60
"""Most characters of the title in the footer."""

WORD = 24
"""Letters that a cell of a table never breaks; longer words also break after punctuation."""

LETTERS = 4.6
"""Points of the height of letters in figures, at least."""

TEXT_WIDTH = 475
"""Points of the width of the text without the space between four panels."""

LINES = ("solid", "dashed", "dotted", "dash-dotted")
"""Names in typst of the line styles of legends."""

Json = Mapping[str, Any]


def render(report: Report) -> bytes:
    """Return the file: the answers, chapters and appendices of all studies. Raises DmlcoreError if typst fails."""
    with TemporaryDirectory(prefix="dmlcore-") as name:
        folder = Path(name)
        shutil.copyfile(TEMPLATE, folder / "main.typ")
        pages = [_Page(page, folder, str(number)).content() for number, page in enumerate(report.pages)]
        content = shown({"front": _front(report), "pages": pages})
        (folder / "report.json").write_text(json.dumps(content), encoding="utf-8")
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


def _front(report: Report) -> Json:
    front = report.front
    questions = [page.question or page.name for page in report.pages]
    return {
        "title": front.title,
        "short": front.title if len(front.title) <= TITLE else f"{front.title[: TITLE - 1]}…",
        "author": front.author,
        "heading": report.heading,
        "answers": [
            {
                "question": question,
                "verdict": answer.verdict if answer else "",
                "rest": f"{answer.figures} {answer.reason}".strip() if answer else UNANSWERED,
            }
            for question, answer in zip(questions, front.answers, strict=bool(front.answers))
        ],
        "items": [_block(block) for block in front.blocks],
        "protocol": [_block(block) for block in front.protocol if isinstance(block, Text | Table)],
    }


@frozen
class _Page:
    """A page as plain JSON, which the template draws, and its picture files."""

    page: StudyPage
    root: Path
    name: str
    """Of the folder of its pictures."""

    def content(self) -> Json:
        (self.root / self.name).mkdir()
        return {
            "name": self.page.name,
            "question": self.page.question,
            "facts": self.page.facts,
            "chapter": [self._part(part) for part in self.page.chapter],
            "appendix": [self._part(part) for part in self.page.appendix],
        }

    def _part(self, part: Part) -> Json:
        items = [item for item in part.items if not (isinstance(item, Figure) and part.key in TABLED)]
        if part.appendix:
            items = [_one_row(item) if isinstance(item, Figure) else item for item in items]
        return {"title": part.title, "items": [self._item(item, part.title) for item in items]}

    def _item(self, item: Item, heading: str) -> Json:
        match item:
            case Text():
                return _words(item)
            case Formula():
                return self._formula(item.latex)
            case Table():
                return _table(item)
            case Figure():
                title = "" if item.title == heading else item.title
                plain = asdict(item, value_serializer=self._plain)
                return {"kind": "figure", **plain, "title": title, "columns": _columns(item)}
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
            drawn = formula(latex).svg
            return {"kind": "formula", "file": self._svg(drawn), "points": _width(drawn), "latex": latex}
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
            evolve(gallery, queries=tuple(_first(query) for query in gallery.queries[:SHOWN] if query.row in pictures))
            for gallery in found.galleries[:1]
        ]
        shown = evolve(
            found,
            galleries=tuple(gallery for gallery in galleries if gallery.queries),
            classes=found.classes[:LONG],
            confusions=found.confusions[:CONFUSED],
        )
        content = asdict(shown, value_serializer=self._plain)
        return {"kind": "retrieval", **content, "missing": pictures.missing, "whole": len(found.classes)}


def _first(query: Query) -> Query:
    return evolve(query, neighbors=query.neighbors[:NEIGHBORS])


def _block(block: Text | Table) -> Json:
    return _words(block) if isinstance(block, Text) else _table(block)


def _words(block: Text) -> Json:
    return {"kind": "words", "text": block.text}


def _table(table: Table) -> Json:
    """The table, with whether the words of each column flow; the lines of other columns stay whole."""
    columns = list(zip(*table.rows, strict=True)) if table.rows else [()] * len(table.header)
    longest = [max((len(line) for cell in cells for line in cell.split("\n")), default=0) for cells in columns]
    return {
        "kind": "table",
        **asdict(table),
        "header": [_breakable(cell) for cell in table.header],
        "rows": [[_breakable(cell) for cell in row] for row in table.rows],
        "flowing": [place < table.words or length > WORD for place, length in enumerate(longest)],
    }


def _breakable(cell: str) -> str:
    """The cell with places to break in words of more than WORD letters: after punctuation, or else within."""
    return re.sub(rf"\S{{{WORD},}}", lambda word: _parts(word[0]), cell)


def _parts(word: str) -> str:
    parts = re.findall(rf"[^,(=/_.]{{0,{WORD - 1}}}[,(=/_.]|[^,(=/_.]{{1,{WORD}}}", word)
    return "\u200b".join(parts)


def _one_row(figure: Figure) -> Figure:
    columns = _columns(figure)
    more = len(figure.panels) - columns
    caption = f"{figure.caption} The HTML report has {counted(more, 'more panel')}." if more > 0 else figure.caption
    return evolve(figure, panels=figure.panels[:columns], caption=caption)


def _columns(figure: Figure) -> int:
    """As many panels in a row, from four to two, as leave most letters legible."""
    letters = median(_letters(panel.svg) for panel in figure.panels)
    return next((columns for columns in (4, 3) if letters * TEXT_WIDTH / columns >= LETTERS), 2)


def _letters(svg: str) -> float:
    """The median height of a panel's letters as a share of its width."""
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", svg)]
    return median(sizes or [0.0]) / _width(svg)


def _width(svg: str) -> float:
    """The width of a picture in points."""
    found = re.search(r'viewBox="0 0 ([\d.]+)', svg)
    assert found is not None
    return float(found[1])
