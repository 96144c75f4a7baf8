"""Axes along the values of a grid: numbers, linear or by doubling, or a row per name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import log2

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from dmlcore.api.blocks import Panel
from dmlcore.api.result import Result
from dmlcore.report.content.measurements import kind_of
from dmlcore.report.figures.drawing import HEIGHT, WIDTH, panel, plain
from dmlcore.text import point_label

LETTERS = 22
"""Most characters in a line of a row's name, which has at most two lines."""


def number_axis(axes: Axes, path: str, labels: Mapping[float, str]) -> None:
    """Set up the horizontal axis of a numeric path: scale, name, and ticks where labels have room.

    labels: value → text.
    """
    places = sorted(labels)
    doubling = by_doubling(places)
    if doubling:
        axes.set_xscale("log", base=2)
    shown = roomy(places, doubling)
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([plain(labels[place]) for place in shown])
    axes.set_xlabel(plain(path))


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
    """The name in at most two lines, broken after a comma, bracket, underscore or equals sign."""
    lines = [""]
    for part in re.split(r"(?<=[,(_=])", name):
        if lines[-1] and len(lines[-1]) + len(part) > LETTERS:
            lines.append("")
        lines[-1] += part
    two = [lines[0], "".join(lines[1:])] if len(lines) > 1 else lines
    return [line if len(line) <= LETTERS else f"{line[: LETTERS - 1]}…" for line in two]


def by_doubling(places: Sequence[float]) -> bool:
    """Whether equal steps should be equal factors: for integers that span 4×, or other numbers that span 50×."""
    if min(places) <= 0:
        return False
    integers = all(place == int(place) for place in places)
    return max(places) / min(places) >= (4 if integers else 50)


def roomy(places: Sequence[float], doubling: bool) -> list[float]:
    """Return, of rising places, the first and those with a label that does not overlap the previous one."""
    along = [log2(place) if doubling else place for place in places]
    shown: list[int] = []
    for index, place in enumerate(along):
        if not shown or place - along[shown[-1]] >= 0.09 * (along[-1] - along[0]):
            shown.append(index)
    return [places[index] for index in shown]


def short_point(result: Result) -> str:
    """Return a short label of a run's grid point: "dim=64 margin=0.1"."""
    return point_label({path.rpartition(".")[2]: value for path, value in result.point.items()}) or kind_of(result)
