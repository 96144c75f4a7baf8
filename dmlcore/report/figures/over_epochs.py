"""What changes over the epochs of training: loss, metrics, and the quantities recorded to explain them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from dmlcore.api.blocks import Figure, Key, Panel
from dmlcore.api.result import Result
from dmlcore.api.values import EpochSummary
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.table import short_name
from dmlcore.report.figures.axes import short_point
from dmlcore.report.figures.drawing import DASHES, RAMP, colours, panel

RECORDED: Mapping[str, str] = {
    "active_positive_pairs": "positive pairs the loss acts on",
    "active_negative_pairs": "negative pairs the loss acts on",
    "active_triplets": "triplets the loss acts on",
    "zero_loss_steps": "steps of zero loss",
    "gradient_norm": "norm of the gradient",
    "positive_similarity": "mean cosine of positive pairs",
    "negative_similarity": "mean cosine of negative pairs",
    "similarity_overlap": "overlap of negative and positive pairs",
}
"""Quantities recorded in training, in words, in the order in which they are shown."""

Value = Callable[[EpochSummary], float | None]


def learning_curves(material: StudyMaterial) -> Figure | None:
    """Loss and headline metrics over the epochs, a colour a grid point, a thin line a seed."""
    if not any(len(result.curve) > 2 for result in material.results):
        return None
    study = material.name
    panels = [_panel(material, f"{study} loss", "training loss", lambda epoch: epoch.loss)]
    for metric in dict.fromkeys(name for result in material.results for name in result.headline):
        title = f"{short_name(metric)}, test classes"
        panels.append(_panel(material, f"{study} test {metric}", title, _measured("test", metric)))
        if any(epoch.validation for result in material.results for epoch in result.curve):
            title = f"{short_name(metric)}, validation classes"
            panels.append(_panel(material, f"{study} validation {metric}", title, _measured("validation", metric)))
    caption = (
        "A colour a grid point, a thin line a seed. The curves on the test classes are shown to look at; no epoch was"
        " chosen by them."
    )
    return Figure("learning", "Learning curves", caption, tuple(p for p in panels if p), point_legend(material))


def recorded_curves(material: StudyMaterial) -> Figure | None:
    """What was recorded of the training batches, over the epochs."""
    panels = [
        _panel(material, f"{material.name} recorded {name}", words, _diagnostic(name))
        for name, words in RECORDED.items()
        if any(epoch.diagnostics.get(name) for result in material.results for epoch in result.curve)
    ]
    kept = tuple(p for p in panels if p)
    caption = (
        "Means over the recorded steps of each epoch, on training batches. Overlap is the chance that a negative pair"
        " is more similar than a positive one: 0.5 is no separation, 0 is complete. Quantities that stayed at zero"
        " are left out."
    )
    return Figure("recorded", "Recorded during training", caption, kept, point_legend(material)) if kept else None


def point_colours(material: StudyMaterial) -> dict[str, str]:
    """A colour for each grid point, by its short label."""
    labels = list(dict.fromkeys(short_point(result.point) for result in material.results))
    return dict(zip(labels, colours(len(labels)) if len(labels) > 1 else [RAMP[1]], strict=True))


def point_legend(material: StudyMaterial) -> tuple[Key, ...]:
    """The legend of a figure with a colour a grid point."""
    return tuple(
        Key(label, colour, place % len(DASHES)) for place, (label, colour) in enumerate(point_colours(material).items())
    )


def _measured(split: str, metric: str) -> Value:
    return lambda epoch: (getattr(epoch, split) or {}).get(metric)


def _diagnostic(name: str) -> Value:
    return lambda epoch: epoch.diagnostics.get(name)


def _panel(material: StudyMaterial, name: str, title: str, value: Value) -> Panel | None:
    """One quantity of all runs over the epochs; None where no run has two values of it."""
    lines = [(result, _line(result, value)) for result in material.results]
    if not any(len(epochs) > 1 for _, (epochs, _) in lines):
        return None
    keys = {key.label: key for key in point_legend(material)}
    shares = all(0 <= number <= 1 for _, (_, values) in lines for number in values)

    def draw(axes: Axes) -> None:
        for result, (epochs, values) in lines:
            key = keys[short_point(result.point)]
            axes.plot(epochs, values, color=key.colour, linestyle=DASHES[key.dash], linewidth=1.2, alpha=0.85)
        axes.set_ylim(bottom=0 if shares else None)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))

    ends = ", ".join(
        f"{short_point(result.point)} seed {result.seed} ends at {values[-1]:.3g}"
        for result, (_, values) in lines
        if values
    )
    return panel(name, f"{title} over epochs: {ends}.", draw)


def _line(result: Result, value: Value) -> tuple[list[int], list[float]]:
    points = [(epoch.epoch, number) for epoch in result.curve if (number := value(epoch)) is not None]
    return [epoch for epoch, _ in points], [number for _, number in points]
