"""Figures that plugins draw in the style of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dmlcore.api.blocks import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(title: str, alt: str, draw: Callable[[Axes], object], caption: str = "") -> Figure:
    """A picture that `draw` makes on matplotlib axes, in the style and the colours of the report.

    `alt` tells in words what it shows, for formats without pictures and for people who don't see them; `caption` what
    to look at.
    """
    from dmlcore.report.figures.drawing import RAMP, panel

    def coloured(axes: Axes) -> None:
        axes.set_prop_cycle(color=RAMP)
        draw(axes)

    return Figure("plot", title, caption, (panel(title, alt, coloured, left=0.6),))
