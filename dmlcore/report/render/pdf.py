"""Pages of studies as PDF, through typst: the same sections, figures and pictures on A4."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib
import numpy as np
import typst
from attrs import field, frozen
from matplotlib.axes import Axes
from PIL import Image

from dmlcore.api.blocks import Figure, Formula, Key, Table, Text
from dmlcore.errors import DmlcoreError
from dmlcore.report.figures.drawing import DASHES, WIDTH, formula, panel
from dmlcore.report.figures.embedding_map import EmbeddingMap, class_colours
from dmlcore.report.figures.gallery import ClassRecall, Confusion, Gallery, Query, Retrieval
from dmlcore.report.figures.pictures import Pictures
from dmlcore.report.page import Item, Part, StudyPage

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"

BROAD = 90
"""Letters across a table, above which it is set smaller."""

TOO_BROAD = 150
"""And above which its page lies on its side."""

LONG = 40
"""Classes listed; the others are in the HTML report."""

SHOWN = 5
"""Queries of a gallery; the others are in the HTML report."""


def render(pages: Sequence[StudyPage]) -> bytes:
    """The file, all studies one after the other. Raises DmlcoreError where typst refuses it."""
    with TemporaryDirectory(prefix="dmlcore-") as name:
        folder = Path(name)
        source = _Source(folder)
        (folder / "report.typ").write_text(TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
        text = "\n".join(
            [f'#import "report.typ": *\n#show: report.with({quoted(_title(pages))})', *source.pages(pages)]
        )
        (folder / "main.typ").write_text(text, encoding="utf-8")
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"  # the figures' letters, which typst doesn't bring
        try:
            made = typst.compile(folder / "main.typ", root=folder, font_paths=[fonts], ignore_system_fonts=True)
        except (typst.TypstError, RuntimeError) as error:
            raise DmlcoreError(f"The PDF can't be made: {error}. The HTML report has the same content.") from None
        assert isinstance(made, bytes)
        return made


def quoted(text: str) -> str:
    """A typst string: no letter in it has a meaning."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{"".join(letter for letter in escaped if letter.isprintable())}"'


def _title(pages: Sequence[StudyPage]) -> str:
    return ", ".join(page.name for page in pages)


def _array(values: Iterable[str]) -> str:
    """A typst array of expressions."""
    return "(" + "".join(f"{value}, " for value in values) + ")"


@frozen
class _Source:
    """Typst markup, and the picture files that it names."""

    folder: Path
    _names: list[str] = field(factory=list)

    def pages(self, pages: Sequence[StudyPage]) -> list[str]:
        return [line for number, page in enumerate(pages) for line in self._page(page, number > 0)]

    def _page(self, page: StudyPage, later: bool) -> list[str]:
        heading = (
            f"#study({quoted(page.name)}, {quoted(page.question)}, {_array(map(quoted, page.facts))}, {_bool(later)})"
        )
        return [heading, *(line for part in page.parts for line in self._part(part, page.pictures))]

    def _part(self, part: Part, pictures: Pictures) -> list[str]:
        lines = [f"#part({quoted(part.title)})"]
        for item in part.items:
            lines += self._item(item, part.title, pictures)
        return lines

    def _item(self, item: Item, heading: str, pictures: Pictures) -> list[str]:
        match item:
            case Text():
                return [f"#words({quoted(item.text)})"]
            case Formula():
                return [self._formula(item.latex)]
            case Table():
                return [_grid(item)]
            case Figure():
                return [self._figure(item, heading)]
            case EmbeddingMap():
                return [self._map(item)]
            case Retrieval():
                return self._retrieval(item, pictures)

    def _file(self, suffix: str, content: bytes) -> str:
        name = f"{len(self._names)}{suffix}"
        self._names.append(name)
        (self.folder / name).write_bytes(content)
        return quoted(name)

    def _formula(self, latex: str) -> str:
        try:
            return f"#formula({self._file('.svg', formula(latex).svg.encode())}, {quoted(latex)})"
        except ValueError:
            return f"#words({quoted(latex)})"

    def _figure(self, figure: Figure, heading: str) -> str:
        title = "" if figure.title == heading else figure.title
        panels = _array(f"({self._file('.svg', p.svg.encode())}, {quoted(p.alt)})" for p in figure.panels)
        legend = _array(_key(key) for key in figure.legend)
        return f"#drawn({quoted(title)}, {panels}, {legend}, {quoted(figure.caption)})"

    def _map(self, drawn: EmbeddingMap) -> str:
        numbers, labels = np.unique(drawn.shown_labels, return_inverse=True)
        hues = np.array(class_colours(len(numbers)))

        def scatter(axes: Axes) -> None:
            axes.scatter(drawn.places[:, 0], drawn.places[:, 1], s=4, c=hues[labels], linewidths=0)
            axes.set_axis_off()
            axes.set_aspect("equal")

        svg = panel(drawn.title, "", scatter, left=0.12, height=WIDTH).svg
        caption = (
            f"{drawn.title}. Each of {len(drawn.rows):,} points is a test image, placed by {drawn.method};"
            f" colours are its {len(numbers)} classes. In the HTML report, points show their images."
        )
        return f"#map({self._file('.svg', svg.encode())}, {quoted(caption)})"

    def _retrieval(self, found: Retrieval, pictures: Pictures) -> list[str]:
        lines = [f"#words({quoted(found.title + '.')})"]
        if pictures.missing:
            lines.append(f"#words({quoted(pictures.missing)})")
        lines += [line for gallery in found.galleries for line in self._gallery(gallery, pictures)]
        lines.append(f"#recalls({_array(map(_recall, found.classes[:LONG]))}, {len(found.classes)})")
        if found.confusions:
            lines.append(f"#confusions({_array(self._confusion(pair, pictures) for pair in found.confusions)})")
        return lines

    def _gallery(self, gallery: Gallery, pictures: Pictures) -> list[str]:
        queries = [self._query(query, pictures) for query in gallery.queries[:SHOWN] if query.row in pictures]
        if not queries:
            return []
        return [f"#gallery({quoted(gallery.title)}, {quoted(gallery.caption)}, {_array(queries)})"]

    def _query(self, query: Query, pictures: Pictures) -> str:
        taken = "" if query.neighbors[0].right else f" taken for {query.neighbors[0].name}"
        found = _array(
            f"({self._picture(n.row, pictures)}, {_bool(n.right)}, {quoted(f'{n.similarity:.2f}')})"
            for n in query.neighbors
        )
        return f"({quoted(query.name + taken)}, {self._picture(query.row, pictures)}, {found})"

    def _confusion(self, pair: Confusion, pictures: Pictures) -> str:
        shown = _array(self._picture(row, pictures) for row in pair.rows)
        words = f"{pair.count} of {pair.images} images of {pair.name} are nearest to {pair.other}"
        return f"({shown}, {quoted(words)})"

    def _picture(self, row: int, pictures: Pictures) -> str:
        """The name of the picture's file, as JPEG, which every version of typst reads."""
        if row not in pictures:
            return "none"
        name = f"picture{row}.jpg"
        path = self.folder / name
        if not path.exists():
            image: Image.Image = pictures.image(row)
            image.save(path, "jpeg", quality=85)
        return quoted(name)


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _key(key: Key) -> str:
    dash = "none" if key.dash < 0 else ('"solid"', '"dashed"', '"dotted"', '"dash-dotted"')[key.dash % len(DASHES)]
    return f"({quoted(key.label)}, rgb({quoted(key.colour)}), {dash})"


def _recall(recall: ClassRecall) -> str:
    return f"({quoted(recall.name)}, {recall.recall:.4f}, {recall.images})"


def _widest_words(cells: Sequence[str]) -> list[int]:
    """Letters of the longest word of each cell, which breaks its lines between words."""
    return [max((len(word) for word in cell.split()), default=0) for cell in cells]


def _widest_lines(cells: Sequence[str]) -> list[int]:
    return [max((len(line) for line in cell.split("\n")), default=0) for cell in cells]


def _grid(grid: Table) -> str:
    columns = zip(_widest_words(grid.header), *map(_widest_lines, grid.rows), strict=True)
    letters = sum(max(column) + 3 for column in columns)
    size = "8.5pt" if letters <= BROAD else "7pt"
    header = _array(map(quoted, grid.header))
    rows = _array(_array(map(quoted, row)) for row in grid.rows)
    notes = _array(map(quoted, grid.notes))
    return f"#grid-table({header}, {rows}, {quoted(grid.caption)}, {notes}, {size}, {_bool(letters > TOO_BROAD)})"
