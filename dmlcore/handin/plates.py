"""A figure's panels and legend as one SVG, to use on its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from math import ceil

from dmlcore.api.blocks import Figure, Key
from dmlcore.report.figures.drawing import DASHES, WIDTH
from dmlcore.text import visible

BROADEST = 4 * 72 * WIDTH
"""Points across a row of panels, at most."""

LINE = 16.0
"""Height of a line of the legend, in points."""

LETTER = 5.4
"""Mean width of the legend's letters, in points."""

_SIZE = re.compile(r'width="([\d.]+)pt" height="([\d.]+)pt"')


def plate(figure: Figure) -> str:
    """One SVG with the figure's panels, in as few rows as fit, on a white background, and the legend below."""
    panels = [panel.svg for panel in figure.panels]
    sizes = [_size(panel) for panel in panels]
    wide = max(width for width, _ in sizes)
    high = max(height for _, height in sizes)
    rows = ceil(len(panels) / max(1, BROADEST // wide))
    columns = ceil(len(panels) / rows)
    total = wide * columns
    placed = [_placed(panel, wide * (i % columns), high * (i // columns)) for i, panel in enumerate(panels)]
    lines, bottom = _legend(figure.legend, total, rows * high)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{total:g}pt"'
        f' height="{bottom:g}pt" viewBox="0 0 {total:g} {bottom:g}">'
        f'<rect width="{total:g}" height="{bottom:g}" fill="white"/>{"".join([*placed, *lines])}</svg>'
    )


def _size(panel: str) -> tuple[float, float]:
    found = _SIZE.search(panel)
    assert found is not None, "matplotlib writes the size in points"
    return float(found[1]), float(found[2])


def _placed(panel: str, left: float, top: float) -> str:
    """The panel's element at a position; its lengths are in points, as those of the plate."""
    element = panel[panel.index("<svg") :]
    return _SIZE.sub(rf'x="{left:g}" y="{top:g}" width="\1" height="\2"', element, count=1)


def _legend(keys: Sequence[Key], width: float, top: float) -> tuple[list[str], float]:
    """The legend's lines from `top` on, in as many columns as fit, and the position of their end."""
    if not keys:
        return [], top
    column = 40 + LETTER * max(len(key.label) for key in keys)
    columns = max(1, min(len(keys), int(width // column)))
    left = (width - columns * column) / 2
    lines = [_key(key, left + column * (i % columns), top + LINE * (i // columns + 0.5)) for i, key in enumerate(keys)]
    return lines, top + LINE * (-(-len(keys) // columns) + 0.5)


def _key(key: Key, left: float, middle: float) -> str:
    """A line and its label; the label alone, with its first character in the color, if it begins with a sign."""
    if key.dash < 0:
        sign = f'<tspan fill="{key.color}">{escape(visible(key.label[:1]))}</tspan>{escape(visible(key.label[1:]))}'
        return _words(sign, left, middle)
    lengths = DASHES[key.dash][1] if key.dash else ()
    dashes = f' stroke-dasharray="{" ".join(f"{length:g}" for length in lengths)}"' if lengths else ""
    line = f'<path d="M{left:g} {middle:g}h20" stroke="{key.color}" stroke-width="1.8"{dashes}/>'
    return line + _words(escape(visible(key.label)), left + 26, middle)


def _words(words: str, left: float, middle: float) -> str:
    return f'<text x="{left:g}" y="{middle + 3:g}" font-family="DejaVu Sans" font-size="8.5">{words}</text>'
