"""What runs cost: time and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from matplotlib.axes import Axes

from dmlcore.api.blocks import Figure, Panel
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import quantity
from dmlcore.report.figures.axes import row_panel
from dmlcore.report.figures.drawing import RAMP, plain
from dmlcore.text import capitalized


def cost_figure(material: StudyMaterial) -> Figure | None:
    """Draw time and peak memory of the runs, a bar per grid point and a dot per seed."""
    panels = []
    for name in ("seconds", "peak_memory"):
        values: dict[str, list[float]] = {}
        for result in material.results:
            if (value := getattr(result, name)) is not None:
                values.setdefault(material.short_label(result), []).append(value / quantity(name).scale)
        if len(values) > 1:
            panels.append(_bars(f"{material.name} {name}", quantity(name).heading, values))
    caption = f"Bars show the mean for each {material.row_name}, dots single runs."
    return Figure("cost", "Time and memory", caption, tuple(panels)) if panels else None


def _bars(name: str, title: str, values: Mapping[str, Sequence[float]]) -> Panel:
    means = {label: fmean(numbers) for label, numbers in values.items()}

    def draw(axes: Axes) -> None:
        axes.barh(range(len(means)), list(means.values()), color=RAMP[2], alpha=0.55, height=0.6)
        for place, numbers in enumerate(values.values()):
            axes.plot(numbers, [place] * len(numbers), ".", color=RAMP[2])
        axes.set_xlim(0, None)
        axes.set_title(plain(capitalized(title)))

    shown = ", ".join(f"{label}: {mean:.3g}" for label, mean in means.items())
    return row_panel(name, f"{title}: {shown}.", list(means), draw)
