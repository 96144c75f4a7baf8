"""What runs cost: time and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from dmlcore.api.blocks import Figure, Panel
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.figures.axes import short_point
from dmlcore.report.figures.drawing import RAMP, panel


def cost_figure(material: StudyMaterial) -> Figure | None:
    """Minutes and peak memory a run, a bar a grid point, a dot a seed."""
    minutes: dict[str, list[float]] = {}
    gigabytes: dict[str, list[float]] = {}
    for result in material.results:
        label = short_point(result.point)
        minutes.setdefault(label, []).append(result.seconds / 60)
        if result.peak_memory is not None:
            gigabytes.setdefault(label, []).append(result.peak_memory / 1e9)
    if len(minutes) < 2:
        return None
    panels = [_bars(f"{material.name} minutes", "minutes a run", minutes)]
    if gigabytes:
        panels.append(_bars(f"{material.name} memory", "peak memory a run, GB", gigabytes))
    return Figure("cost", "Time and memory", "A bar is the mean of a grid point, a dot one run.", tuple(panels))


def _bars(name: str, title: str, values: Mapping[str, Sequence[float]]) -> Panel:
    labels = list(values)
    means = [sum(numbers) / len(numbers) for numbers in values.values()]

    def draw(axes: Axes) -> None:
        axes.barh(labels, means, color=RAMP[2], alpha=0.55, height=0.6)
        for place, numbers in enumerate(values.values()):
            axes.plot(numbers, [place] * len(numbers), ".", color=RAMP[2])
        axes.invert_yaxis()
        axes.grid(False, axis="y")
        axes.set_xlim(0, None)
        axes.tick_params(axis="y", length=0, labelsize=9 if len(labels) <= 12 else 6)
        axes.set_title(title)

    told = ", ".join(f"{label}: {mean:.3g}" for label, mean in zip(labels, means, strict=True))
    return panel(name, f"{title}: {told}.", draw, left=min(1.8, 0.25 + 0.085 * max(map(len, labels))))
