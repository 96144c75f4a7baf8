"""The margin: how much of a batch it keeps active, and how far it separates positive and negative pairs."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Text
from dmlcore.report.content.axis import AxisPoint
from dmlcore.report.content.quantities import GEOMETRY, TRAINING, ZERO_LOSS, full_label, label, number, typeset
from dmlcore.report.explanation.effect import Effect
from dmlcore.report.explanation.margin_table import margin_table
from dmlcore.report.explanation.phrases import course, courses, difference, recorded_values

ACTIVE = tuple(f"{TRAINING}{name}" for name in ("active_triplets", "active_negative_pairs", "active_positive_pairs"))
OVERLAP = f"{GEOMETRY}similarity_overlap"
SIMILARITIES = (f"{GEOMETRY}positive_similarity", f"{GEOMETRY}negative_similarity")
GRADIENT = f"{TRAINING}gradient_norm"

STEADY = 0.8
"""Rank correlation from which one quantity counts as following another."""


def margin_activity(effect: Effect) -> Iterator[Block]:
    """Show the margin on every scale, and explain what it did to the pairs or triplets of a batch."""
    yield from _translated(effect)
    yield from _activity(effect)
    yield from _separation(effect)


def _translated(effect: Effect) -> Iterator[Block]:
    facts = effect.axis.points[0].results[0].loss
    if effect.axis.path != "loss.margin" or facts.margin_axis is None:
        return
    if facts.margin_kind is None:
        yield Text(
            f"The loss {facts.name} measures its margin as {facts.margin_axis} but does not state whether that is a"
            f" threshold or a difference, so {effect.axis.points[0].label} is not converted to other scales."
        )
        return
    yield margin_table([point.number for point in effect.axis.points], facts.margin_axis, facts.margin_kind)


def _activity(effect: Effect) -> Iterator[Text]:
    shares = [name for name in ACTIVE if len(effect.axis.having(name)) == len(effect.axis.points)]
    if not shares:
        yield Text(
            f"The share of active pairs or triplets was not recorded at each of the {len(effect.axis.points)} margins"
            ", so it can't explain the difference."
        )
    for name in shares:
        value = number(effect.highest.recorded[name].mean)
        yield Text(f"{course(effect.axis, name)} At the highest {effect.name}, it is {value}.")
    yield from courses(effect.axis, ZERO_LOSS, GRADIENT)
    if shares:
        yield Text(_mechanism(effect, shares[0]))


def _mechanism(effect: Effect, name: str) -> str:
    """Whether losses in the metric go with too few or too many active pairs or triplets."""
    points, shares, what = effect.axis.points, recorded_values(effect.axis.points, name), full_label(name)
    low, high = min(shares), max(shares)
    least, most = points[shares.index(low)], points[shares.index(high)]
    if not effect.changes:
        return (
            f"The {what} is between {number(low)} and {number(high)}, but {effect.name} does not change significantly"
            " with it. These runs do not show that the margin must keep the right share of a batch active."
        )
    if low == high:
        return f"The {what} is {number(low)} at every margin, so it does not explain the difference."
    few, many = _lost(effect, least, name), _lost(effect, most, name)
    if few and many:
        return (
            f"Both extremes cost {effect.name}. With the fewest active, {few}: little of a batch trains the network."
            f" With the most active, {many}: pairs or triplets that are already well separated take part in every step."
        )
    if few:
        return (
            f"{effect.name} is lost with few active pairs or triplets: with the fewest, {few}. With the most,"
            f" {effect.axis.named(most)} ({number(high)}), no loss is significant. The figures point to too few, not"
            " too many."
        )
    if many:
        return (
            f"{effect.name} is lost with many active pairs or triplets: with the most, {many}. With the fewest,"
            f" {effect.axis.named(least)} ({number(low)}), no loss is significant. This contradicts the textbook"
            " explanation that few active pairs or triplets leave nothing to learn from."
        )
    return (
        f"Neither the margin with the fewest active ({effect.axis.named(least)}, {number(low)}) nor the one with the"
        f" most ({effect.axis.named(most)}, {number(high)}) is significantly below the highest, so the {what} does not"
        " explain the difference."
    )


def _lost(effect: Effect, point: AxisPoint, name: str) -> str:
    """How far a margin is below the highest; empty if that is not significant."""
    if point is effect.highest or point in effect.alike:
        return ""
    return (
        f"{number(point.recorded[name].mean)} at {effect.axis.named(point)} (highest minus this:"
        f" {difference(effect.below[point.label])})"
    )


def _separation(effect: Effect) -> Iterator[Text]:
    yield from courses(effect.axis, *SIMILARITIES, OVERLAP)
    points = effect.axis.having(OVERLAP)
    if len(points) < 2:
        return
    least, what = min(points, key=lambda point: point.recorded[OVERLAP].mean), label(OVERLAP)
    found = effect.correlation(OVERLAP)
    with_rho = "" if found is None else typeset(f" (rank correlation with {effect.name}: ρ = {found.rho:.2f})")
    lowest = f"The {what} is lowest at {effect.axis.named(least)}, {number(least.recorded[OVERLAP].mean)}"
    if least is effect.highest or (least in effect.alike and found is not None and found.rho <= -STEADY):
        same = "also the margin with" if least is effect.highest else "not significantly different from"
        yield Text(
            f"{lowest}, which is {same} the highest {effect.name}{with_rho}. The effect of the margin shows"
            " in how well positive and negative pairs are separated."
        )
        return
    there = effect.highest.recorded.get(OVERLAP)
    yield Text(
        f"{lowest}, but {effect.name} is highest at {effect.axis.named(effect.highest)}, where the {what} is"
        f" {'not recorded' if there is None else number(there.mean)}{with_rho}. The separation of pairs does not"
        " explain which margin is best."
    )
