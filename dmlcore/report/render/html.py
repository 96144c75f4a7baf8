"""A report as one self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dmlcore.api.blocks import Panel
from dmlcore.report.figures.drawing import GROUND, INK, MUTED, RULE, formula, in_tags
from dmlcore.report.figures.embedding_map import EmbeddingMap, class_colors
from dmlcore.report.figures.gallery import Retrieval, short_file
from dmlcore.report.figures.pictures import Pictures, Sprite, sprite
from dmlcore.report.front import UNANSWERED
from dmlcore.report.page import Item, Report, StudyPage
from dmlcore.text import visible

ROLES = {INK: "var(--ink)", MUTED: "var(--muted)", RULE: "var(--rule)", GROUND: "var(--ground)"}
"""Colors of figures that follow those of the page, light or dark."""

MAP_SIDE = 56
GALLERY_SIDE = 96
"""Pixels of a picture in each sprite."""


def render(report: Report) -> str:
    """Return the file: the answers, chapters and appendices of all studies, and a table of contents."""
    environment = Environment(
        loader=PackageLoader("dmlcore.report.render"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"themed": themed, "formula": formula_svg, "lines": _lines, "short_file": short_file}
    environment.globals |= {"kind": kind, "map_of": _map_of, "sprite_of": _sprite_of, "cell": _cell, "dash": _DASHES}
    sheets: dict[str, str] = {}  # the address of a sprite → its class: studies of the same images share one
    environment.globals["sheet"] = lambda sprite: sheets.setdefault(sprite.address, f"sheet-{len(sheets)}")
    script = environment.get_template("report.js").render()
    return environment.get_template("report.html").render(
        pages=report.pages,
        front=report.front,
        heading=report.heading,
        unanswered=UNANSWERED,
        sheets=sheets,
        style=Markup(environment.get_template("report.css").render()),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


_DASHES = ("", "6 2", "2 1.5", "6 2 1.5 2")


def kind(item: Item) -> str:
    """Return the name of the template's macro that draws an item."""
    return type(item).__name__.lower()


def themed(panel: Panel) -> Markup:
    """Return a panel's picture in the colors of the page, labelled by its text."""

    def in_roles(tag: str) -> str:
        return re.sub("#[0-9a-f]{6}", lambda color: ROLES.get(color[0], color[0]), tag)

    svg = in_tags(panel.svg, in_roles)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg)
    return _named(svg, panel.alt)


def formula_svg(latex: str) -> Markup:
    """Return a formula as a picture, or its LaTeX source if mathtext can't draw it."""
    try:
        drawn = formula(latex)
    except ValueError:
        return Markup("<code>{}</code>").format(visible(latex))
    return _named(drawn.svg.replace(INK, "currentColor"), latex)


def _named(svg: str, alt: str) -> Markup:
    label = Markup('<svg role="img" aria-label="{}"').format(visible(alt))
    return Markup(svg.replace("<svg", label, 1))


def _lines(cell: str) -> Markup:
    return Markup("<br>").join(visible(cell).split("\n"))


def _shown(value: object) -> object:
    """A value of the template; text that is not markup shows invisible characters by their codes."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _sprite_of(page: StudyPage, item: EmbeddingMap | Retrieval) -> Sprite | None:
    side = MAP_SIDE if isinstance(item, EmbeddingMap) else GALLERY_SIDE
    return sprite(page.pictures, map(int, item.rows), side)


def _cell(sprite: Sprite, row: int) -> str:
    """The CSS position of a picture in its sprite; empty if it has none."""
    if row not in sprite.places:
        return ""
    column, line = sprite.places[row]
    across, down = (100 * part / max(1, whole - 1) for part, whole in ((column, sprite.columns), (line, sprite.rows)))
    return f"{across:.3f}% {down:.3f}%"


def _map_of(drawn: EmbeddingMap, pictures: Pictures, shown: Sprite | None) -> Mapping[str, object]:
    """The input of the map's script: positions in thousandths, classes by number, cells of the sprite."""
    numbers, labels = np.unique(drawn.shown_labels, return_inverse=True)
    return {
        "points": [
            {
                "x": round(10 * float(x) * 100, 1),
                "y": round(10 * float(1 - y) * 100, 1),
                "label": int(label),
                "cell": _cell(shown, int(row)) if shown else "",
            }
            for (x, y), label, row in zip(drawn.places, labels, drawn.rows, strict=True)
        ],
        "classes": [visible(drawn.class_names[number]) for number in numbers],
        "colors": class_colors(len(numbers)),
    }
