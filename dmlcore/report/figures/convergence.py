"""A metric on the test classes over epochs, steps and seconds of training, for each loss of a study."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from dmlcore.api.blocks import Figure, Key, Panel
from dmlcore.report.content.convergence import SHARE, Convergence, Unit, loss_convergence, unit_text
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import selecting_metric
from dmlcore.report.content.quantities import label
from dmlcore.report.content.statistics import Spread
from dmlcore.report.figures.drawing import DASHES, MUTED, from_zero, keys_of, panel, plain

AXES: dict[Unit, str] = {"epochs": "Epoch", "steps": "Step", "seconds": "Seconds of training"}


def convergence_curves(material: StudyMaterial) -> Figure | None:
    """Draw the metric that selects the best row over epochs and time; None if the study does not vary the loss."""
    convergence = loss_convergence(material, selecting_metric(material.results))
    if convergence is None:
        return None
    axis = convergence.axis
    keys = keys_of(axis.named(point) for point in axis.points)
    same = " All losses have the same number of steps per epoch." if convergence.same_steps else ""
    caption = (
        "One color per loss, one line per seed. A loss that converges faster is higher on the left; look at the panel"
        f" over seconds too, since a step of one loss may take longer.{same} The horizontal line is {SHARE:.0%} of the"
        f" last value of {axis.named(convergence.reference)}, the vertical line where the table compares the losses."
    )
    panels = tuple(_panel(material.name, convergence, unit, keys) for unit in convergence.units)
    return Figure(
        "convergence", f"Convergence of {label(convergence.metric)} on the test classes", caption, panels, keys
    )


def _panel(study: str, convergence: Convergence, unit: Unit, keys: tuple[Key, ...]) -> Panel:
    name, place = label(convergence.metric), convergence.early(unit)

    def draw(axes: Axes) -> None:
        axes.axhline(convergence.target, color=MUTED, linewidth=0.8, linestyle=DASHES[2])
        axes.axvline(place, color=MUTED, linewidth=0.8, linestyle=DASHES[2])
        for key, group in zip(keys, convergence.courses, strict=True):
            for course in group:
                places = getattr(course, unit)
                axes.plot(places, course.values, color=key.color, linestyle=DASHES[key.dash], linewidth=1.2, alpha=0.85)
        from_zero(axes)
        axes.set_title(plain(f"{name} over {unit}"))
        axes.set_xlabel(AXES[unit])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))

    samples = convergence.samples(unit, place)
    after = unit_text(convergence, unit, place)
    shown = ", ".join(
        f"{key.label} {Spread.of(list(samples[point.label].values))}"
        for key, point in zip(keys, convergence.axis.points, strict=True)
    )
    return panel(f"{study} convergence {unit}", f"{name} after {after}: {shown}.", draw)
