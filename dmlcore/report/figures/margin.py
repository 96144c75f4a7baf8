"""The margin: on the other scale that it has, and as published for the triplet loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen
from matplotlib.axes import Axes as Canvas

from dmlcore.api.blocks import Figure, Panel
from dmlcore.report.content.axis import MARGIN, SCALES, Axis, axes_by_other
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.published import TRIALS, triplet_margin_points
from dmlcore.report.content.quantities import typeset
from dmlcore.report.explanation.margin_table import other_scale
from dmlcore.report.figures.axes import by_doubling, label_lines, move, stacked
from dmlcore.report.figures.drawing import RAMP, from_zero, panel, plain
from dmlcore.text import capitalized

ABOVE = 0.36
"""Height in inches of a second axis above a panel."""


@frozen
class Scale:
    """Another scale of a margin: its name, and the value there of a margin as it is given."""

    name: str
    convert: Callable[[float], float]


def second_scale(along: Sequence[Axis]) -> Scale | None:
    """Return the other scale of the margin of a study; None for other settings, or if no fixed value is equal to it.

    A threshold has a value on every scale: d² = 2 − 2s. A difference has one only on a scale that is linear in its own.
    """
    facts = {(r.loss.margin_axis, r.loss.margin_kind) for axis in along for p in axis.points for r in p.results}
    if along[0].path != MARGIN or len(facts) != 1:
        return None
    axis, kind = facts.pop()
    found = other_scale(axis, kind) if axis and kind else None
    return None if found is None else Scale(capitalized(SCALES[found[0]]), found[1])


def scale_above(axes: Canvas, scale: Scale, places: Sequence[float]) -> None:
    """Add an axis above the panel with the value of each place on another scale."""
    move(axes, top=ABOVE)
    above = axes.secondary_xaxis("top")
    texts = [f"{scale.convert(place):.2f}" for place in places]
    above.set_xticks(places, stacked(texts, label_lines(places, by_doubling(places)), above=True))
    above.tick_params(length=3)
    above.set_xlabel(plain(scale.name))


def published_margins_figure(material: StudyMaterial) -> Figure | None:
    """Draw the published MAP@R of the triplet loss over its margin; None if the study does not vary a margin."""
    axes = axes_by_other(material, MARGIN) if MARGIN in material.varied else {}
    along = list(axes.values())
    if not along or not all(axis.numeric for axis in along):
        return None
    caption = (
        f"{_compared(along)} Other data, network and batches give other values. Horizontal bars are ranges of margins"
        f" within which trials were averaged. Source: {TRIALS}"
    )
    return Figure("published-margins", "Published: the margin of the triplet loss", caption, (_published(material),))


def _compared(along: Sequence[Axis]) -> str:
    """Whether the margins of a study are the quantity of the published curve."""
    facts = {(r.loss.margin_axis, r.loss.margin_kind) for axis in along for p in axis.points for r in p.results}
    if facts == {("euclidean", "difference")}:
        return (
            "As in this study, the margin is the difference of two Euclidean distances, so its axis is the same."
            " Compare the shape: flat around the optimum, then a steady fall."
        )
    shown = " and ".join(
        "not stated" if not axis or not kind else f"a {kind} on the {SCALES[axis]} scale"
        for axis, kind in sorted(facts, key=str)
    )
    return (
        f"This margin is the difference of two Euclidean distances; that of this study is {shown}. The axes are"
        " different quantities, so no margin of one can be read off the other. Compare the shape: flat around the"
        " optimum, then a fall on both sides."
    )


def _published(material: StudyMaterial) -> Panel:
    points = triplet_margin_points()
    middles = [(low + high) / 2 for low, high, _ in points]
    values = [value for _, _, value in points]
    halves = [(high - low) / 2 for low, high, _ in points]

    def draw(axes: Canvas) -> None:
        axes.errorbar(middles, values, xerr=halves, marker="o", color=RAMP[1], capsize=2)
        from_zero(axes)
        axes.set_title("MAP@R on validation classes")
        axes.set_xlabel("Margin (difference of Euclidean distances)")

    shown = ", ".join(f"{middle:.3g}: {value:.3f}" for middle, value in zip(middles, values, strict=True))
    return panel(f"{material.name} published margins", typeset(f"Published MAP@R by margin: {shown}."), draw)
