"""Axes along the values of a grid: numbers, linear or by doubling, or a row per name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import inf, log2

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from dmlcore.api.blocks import Panel
from dmlcore.report.figures.drawing import HEIGHT, WIDTH, panel, plain

LABEL = 0.1
"""Width of a label of a tick, as a share of the axis."""

LINE = 0.16
"""Height of a line of labels in inches."""

LETTERS = 22
"""Most characters in a line of a row's name, which has at most two lines."""


def number_axis(axes: Axes, title: str, labels: Mapping[float, str]) -> None:
    """Set up the horizontal axis of a numeric setting: scale, title, and a tick with a label at each value.

    labels: value → text. A label that would overlap the previous one is in a second line; without room there, its
    tick has none.
    """
    places = sorted(labels)
    doubling = by_doubling(places)
    if doubling:
        axes.set_xscale("log", base=2)
    lines = label_lines(places, doubling)
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels(stacked([plain(labels[place]) for place in places], lines))
    axes.set_xlabel(plain(title))
    if 1 in lines:
        move(axes, bottom=LINE)


def stacked(texts: Sequence[str], lines: Sequence[int | None], above: bool = False) -> list[str]:
    """Return labels in lines counted from the axis, below or above it."""
    return [
        "" if line is None else text + "\n" * line if above else "\n" * line + text
        for text, line in zip(texts, lines, strict=True)
    ]


def move(axes: Axes, bottom: float = 0.0, top: float = 0.0) -> None:
    """Move the borders of the axes inwards, by inches."""
    box, canvas = axes.get_position(), axes.get_figure(root=True)
    assert canvas is not None
    height = canvas.get_figheight()
    axes.set_position((box.x0, box.y0 + bottom / height, box.width, box.height - (bottom + top) / height))


def row_panel(name: str, alt: str, rows: Sequence[str], draw: Callable[[Axes], object]) -> Panel:
    """Draw a panel with a row per name from top to bottom, at 0, 1, …; its size fits the names."""
    lines = [_lines(row) for row in rows]
    size = 9 if len(rows) <= 12 else 6

    def drawn(axes: Axes) -> None:
        draw(axes)
        axes.set_yticks(range(len(rows)), [plain("\n".join(parts)) for parts in lines], fontsize=size)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(False, axis="y")
        axes.tick_params(axis="y", length=0)

    left = 0.25 + 0.0085 * size * max(len(part) for parts in lines for part in parts)
    height = 0.8 + len(rows) * 0.019 * size * max(map(len, lines))
    return panel(name, alt, drawn, left, WIDTH + max(0, left - 0.6), max(HEIGHT, height))


def _lines(name: str) -> list[str]:
    """The name in at most two lines, broken after a space, comma, bracket, underscore or equals sign."""
    lines = [""]
    for part in re.split(r"(?<=[ ,(_=])", name):
        if lines[-1] and len(lines[-1]) + len(part) > LETTERS:
            lines.append("")
        lines[-1] += part
    two = [lines[0], "".join(lines[1:])] if len(lines) > 1 else lines
    return [line if len(line) <= LETTERS else f"{line[: LETTERS - 1]}…" for line in map(str.strip, two)]


def by_doubling(places: Sequence[float]) -> bool:
    """Whether equal steps should be equal factors: for integers that span 4×, or other numbers that span 50×."""
    if min(places) <= 0:
        return False
    integers = all(place == int(place) for place in places)
    return max(places) / min(places) >= (4 if integers else 50)


def label_lines(places: Sequence[float], doubling: bool) -> list[int | None]:
    """Return the line of the label of each of rising places: 0, or 1 where it would overlap one in line 0, or None."""
    along = [log2(place) if doubling else place for place in places]
    room = LABEL * (along[-1] - along[0])
    ends = [-inf, -inf]
    lines: list[int | None] = []
    for place in along:
        free = next((line for line, end in enumerate(ends) if place - end >= room), None)
        if free is not None:
            ends[free] = place
        lines.append(free)
    return lines
