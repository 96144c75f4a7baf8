"""Figures that plugins draw in the style of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dmlcore.api.blocks import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(title: str, alt: str, draw: Callable[[Axes], object], caption: str = "") -> Figure:
    """Return a figure that `draw` draws on matplotlib axes, in the style and colors of the report.

    `alt` describes the figure for formats without pictures and for screen readers; `caption` says what to look at.
    """
    from dmlcore.report.figures.drawing import RAMP, panel

    def colored(axes: Axes) -> None:
        axes.set_prop_cycle(color=RAMP)
        draw(axes)

    return Figure("plot", title, caption, (panel(title, alt, colored, left=0.6),))
