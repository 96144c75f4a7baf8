"""Figures as SVG: drawn by matplotlib in a few named colors, which a page may replace."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text as Words

from dmlcore.api.blocks import Key, Panel
from dmlcore.text import one_line, visible

INK = "#1b2330"
MUTED = "#5a6473"
RULE = "#d5dae1"
GROUND = "#ffffff"
"""Colors of a light page; a dark page replaces them."""

RAMP = ("#7a5fd3", "#2f78d0", "#0b8aa0", "#2b9348", "#a67c00", "#d9602a", "#d13a70")
"""Colors in a natural order, each readable on a light and on a dark background."""

GOOD = RAMP[3]
BAD = RAMP[5]
QUIET = "#838b97"

DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))
"""Line styles, to distinguish lines without colors."""

WIDTH, HEIGHT = 3.0, 2.3
"""Of a panel, in inches: a narrow window shows one at this size, a wide window several in a row."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.xmargin": 0.05,
    "axes.ymargin": 0.08,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
}


def panel(
    name: str,
    alt: str,
    draw: Callable[[Axes], object],
    left: float = 0.55,
    width: float = WIDTH,
    height: float = HEIGHT,
    bottom: float = 0.48,
) -> Panel:
    """Return a panel of `width` by `height` inches that `draw` draws on axes `left` and `bottom` inches from its edges.

    `name` is unique on the page: ids are derived from it. Text with dollar signs that is not math is drawn as it is.
    """
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": visible(name)}):
        canvas = Canvas(figsize=(width, height))
        # fixed margins: a layout engine would double the time, and panels in a row would not align
        top, right = 0.3, 0.12
        place = (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
        axes = canvas.add_axes(place)
        draw(axes)
        axes.set_title(axes.get_title("left"), x=-(left - 0.05) / (width - left - right))
        try:
            return Panel(_svg(canvas), alt)
        except ValueError:  # of mathtext: a plugin drew a text such as the name of a class
            for text in canvas.findobj(Words):
                text.set_parse_math(False)
            return Panel(_svg(canvas), alt)


def from_zero(axes: Axes) -> None:
    """Start the vertical axis at zero, with room for curves that stay there, and above constant ones."""
    top = max(axes.get_ylim()[1], 1.08 * axes.dataLim.y1)
    axes.set_ylim(-0.05 * top, top)


def plain(text: str) -> str:
    """Return text that matplotlib draws as it is, not as math where it has dollar signs."""
    return visible(text).replace("$", r"\$")


def checked_formula(latex: str) -> str:
    r"""Return a formula in one line. Raises ValueError if mathtext can't draw it.

    TeX can read it without harm: mathtext knows no command that opens a file, such as \input, and what it takes for
    mere words has none either.
    """
    line = one_line(latex)
    words = "".join(_WORDS.findall(line))
    if _UNESCAPED.search(line) or set(words) & set(r"\%#&$~^_{"):
        raise ValueError(f"expected a formula without dollar signs and comments. Got {latex!r}")
    MathTextParser("path").parse(f"${line}$")
    return line


_WORDS = re.compile(r"\\text\s*\{([^}]*)\}")
"""What mathtext does not read as math."""

_COORDINATE = re.compile(r"(?<![\d.])[1-9]\d*\.\d{3,}")
"""A number with more decimals than a position needs; numbers below 1 may be scales, which need theirs."""

_UNESCAPED = re.compile(r"(?<!\\)[$%#]")


def formula(latex: str) -> Panel:
    """Draw a formula by mathtext. Raises ValueError if mathtext can't draw it."""
    latex = checked_formula(latex)
    with matplotlib.rc_context(_STYLE | {"svg.fonttype": "path", "svg.hashsalt": latex, "mathtext.fontset": "stix"}):
        canvas = Canvas(figsize=(0.1, 0.1))
        canvas.text(0, 0, f"${latex}$", fontsize=13)
        return Panel(_svg(canvas, bbox_inches="tight", pad_inches=0.03), latex)


def _svg(canvas: Canvas, **options: object) -> str:
    """The SVG element without what only files need."""
    file = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+")  # the page's reader has fonts for the letters that it lacks
        canvas.savefig(file, format="svg", transparent=True, metadata={"Date": None}, **options)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"/>', "", svg)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = in_tags(svg, lambda tag: re.sub(r"font-family: [^;\"]*;? ?", "", tag))
    svg = in_tags(svg, lambda tag: _COORDINATE.sub(lambda found: f"{float(found[0]):.2f}", tag))
    svg = re.sub(r"\s*\n\s*", " ", svg)
    svg = svg.replace('version="1.1"', 'font-family="DejaVu Sans" stroke-linejoin="round"', 1)
    return visible(svg)


def in_tags(svg: str, change: Callable[[str], str]) -> str:
    """Return the picture with its tags changed, but not its text."""
    return re.sub("<[^>]*>", lambda tag: change(tag[0]), svg)


def colors(count: int) -> list[str]:
    """Return `count` colors along the ramp, as far apart as possible."""
    if count <= len(RAMP):
        last = len(RAMP) - 1
        return [RAMP[round(place * last / max(1, count - 1))] for place in range(count)]
    ramp = matplotlib.colors.LinearSegmentedColormap.from_list("ramp", RAMP)
    return [matplotlib.colors.to_hex(ramp(place / (count - 1))) for place in range(count)]


def keys_of(labels: Iterable[str]) -> tuple[Key, ...]:
    """Return a legend with a color and a line style for each distinct label."""
    distinct = list(dict.fromkeys(labels))
    found = colors(len(distinct)) if len(distinct) > 1 else [RAMP[1]]
    return tuple(Key(label, found[place], place % len(DASHES)) for place, label in enumerate(distinct))
