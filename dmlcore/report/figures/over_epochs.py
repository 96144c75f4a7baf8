"""What changes over the epochs of training: loss, metrics, and the quantities recorded to explain them."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from dmlcore.api.blocks import Figure, Key, Panel
from dmlcore.api.result import Result
from dmlcore.api.values import EpochSummary
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import TRAINING, label, quantity
from dmlcore.report.content.table import headline
from dmlcore.report.figures.drawing import DASHES, from_zero, keys_of, panel, plain
from dmlcore.text import capitalized

ACTIVE = ("active_positive_pairs", "active_negative_pairs", "active_triplets", "zero_loss_steps")
"""How much of a batch trains the network, in the order of the figure."""

RECORDED = ("gradient_norm", "positive_similarity", "negative_similarity", "similarity_overlap")
"""Other quantities of training."""


def learning_curves(material: StudyMaterial) -> Figure | None:
    """Draw loss and headline metrics over the epochs, a color per grid point and a line per seed."""
    if not any(len(result.curve) > 2 for result in material.results):
        return None
    panels = [_panel(material, "loss", label("loss"))]
    for metric in headline(material):
        for split in ("test", "validation"):
            panels.append(_panel(material, f"{split} {metric}", f"{label(metric)}, {split} classes"))
    caption = (
        f"One color per {material.row_name}, one line per seed. The curves on the test classes are for information;"
        " they were not used to select an epoch."
    )
    return Figure("learning", "Learning curves", caption, tuple(p for p in panels if p), point_legend(material))


def recorded_curves(material: StudyMaterial) -> Figure | None:
    """Draw quantities of the training batches over the epochs."""
    panels = _recorded(material, RECORDED)
    caption = (
        f"One color per {material.row_name}. Means over the recorded steps of each epoch, on training batches; ↓ means"
        " lower is better. Similarity overlap is the chance that a negative pair is more similar than a positive one:"
        " 0.5 is no separation, 0 is complete separation. Quantities that stayed at zero are not shown."
    )
    return Figure("recorded", "Recorded during training", caption, panels, point_legend(material)) if panels else None


def activity_curves(material: StudyMaterial) -> Figure | None:
    """Draw the shares of active pairs and triplets, and of steps without loss, over the epochs."""
    panels = _recorded(material, ACTIVE)
    caption = (
        f"One color per {material.row_name}, one line per seed. A pair or triplet is active if it has a gradient."
        " Shares that stayed at zero are not shown."
    )
    return Figure("activity", "Active pairs and triplets", caption, panels, point_legend(material)) if panels else None


def _recorded(material: StudyMaterial, names: Sequence[str]) -> tuple[Panel, ...]:
    """A panel for each quantity of training that is not always zero."""
    panels = (
        _panel(material, f"recorded {name}", quantity(f"{TRAINING}{name}").heading)
        for name in names
        if any(epoch.diagnostics.get(name) for result in material.results for epoch in result.curve)
    )
    return tuple(panel for panel in panels if panel)


def point_legend(material: StudyMaterial) -> tuple[Key, ...]:
    """Return the legend of a figure with a color per grid point."""
    return keys_of(material.short_label(result) for result in material.results)


def _panel(material: StudyMaterial, name: str, title: str) -> Panel | None:
    """One quantity of all runs over the epochs; None if no run has two values of it."""
    lines = [(result, _line(result, name)) for result in material.results]
    if not any(len(epochs) > 1 for _, (epochs, _) in lines):
        return None
    keys = {key.label: key for key in point_legend(material)}
    shares = all(0 <= number <= 1 for _, (_, values) in lines for number in values)

    def draw(axes: Axes) -> None:
        for result, (epochs, values) in lines:
            key = keys[material.short_label(result)]
            axes.plot(epochs, values, color=key.color, linestyle=DASHES[key.dash], linewidth=1.2, alpha=0.85)
        if shares:
            from_zero(axes)
        axes.set_title(plain(capitalized(title)))
        axes.set_xlabel("Epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))

    ends = ", ".join(
        f"{material.label(result)} seed {result.seed} ends at {values[-1]:.3g}"
        for result, (_, values) in lines
        if values
    )
    return panel(f"{material.name} {name}", f"{capitalized(title)} over epochs: {ends}.", draw)


def _line(result: Result, name: str) -> tuple[list[int], list[float]]:
    points = {epoch.epoch: value for epoch in result.curve if (value := _values(epoch).get(name)) is not None}
    return list(points), list(points.values())


def _values(epoch: EpochSummary) -> dict[str, float | None]:
    """The quantities of one epoch by the names of their panels."""
    groups = {"test": epoch.test or {}, "validation": epoch.validation or {}, "recorded": epoch.diagnostics}
    named = {f"{group} {name}": value for group, values in groups.items() for name, value in values.items()}
    return {"loss": epoch.loss, **named}
