"""The margin: how much of a batch it lets teach, and how far it parts the classes."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Text
from dmlcore.report.content.axis import AxisPoint
from dmlcore.report.content.correlation import rank_correlation
from dmlcore.report.content.recorded import GEOMETRY, TRAINING, ZERO_LOSS, in_words, number
from dmlcore.report.explanation.effect import Effect, against_highest, edge_text, effect_text
from dmlcore.report.explanation.margin_table import margin_table
from dmlcore.report.explanation.moved import moved_blocks
from dmlcore.report.explanation.phrases import course, difference, having, recorded_values

ACTIVE = tuple(f"{TRAINING}{name}" for name in ("active_triplets", "active_negative_pairs", "active_positive_pairs"))
OVERLAP = f"{GEOMETRY}similarity_overlap"
SIMILARITIES = (f"{GEOMETRY}positive_similarity", f"{GEOMETRY}negative_similarity")
GRADIENT = f"{TRAINING}gradient_norm"

STEADY = 0.8
"""A rank correlation from which on one quantity is said to follow another."""


def explain_margin(effect: Effect) -> Iterator[Block]:
    """The margin on every axis, its effect, and what it did to the pairs or triplets of a batch."""
    yield from _translated(effect)
    yield effect_text(effect)
    yield from against_highest(effect)
    yield edge_text(effect)
    yield from _activity(effect)
    yield from _separation(effect)
    yield from moved_blocks(effect)


def _translated(effect: Effect) -> Iterator[Block]:
    facts = effect.axis.points[0].results[0].loss
    if effect.axis.path != "loss.margin" or facts.margin_axis is None:
        return
    if facts.margin_kind is None:
        yield Text(
            f"The loss {facts.name} measures its margin as {facts.margin_axis}; it does not say whether that is a"
            f" threshold or a difference, so {effect.axis.points[0].label} is not translated to other axes."
        )
        return
    yield margin_table([point.number for point in effect.axis.points], facts.margin_axis, facts.margin_kind)


def _activity(effect: Effect) -> Iterator[Text]:
    shares = [name for name in ACTIVE if len(having(effect.axis, name)) == len(effect.axis.points)]
    if not shares:
        yield Text(
            f"How many pairs or triplets were active was recorded at none of the {len(effect.axis.points)} margins, so"
            " that the share of a batch that teaches can't explain the difference."
        )
    for name in shares:
        yield Text(f"{course(effect.axis, name)} At the highest {effect.name} it is {_at(effect, name)}.")
    for name in (ZERO_LOSS, GRADIENT):
        if (text := course(effect.axis, name)) is not None:
            yield Text(text)
    if shares:
        yield _mechanism(effect, shares[0])


def _at(effect: Effect, name: str) -> str:
    return number(effect.highest.recorded[name].mean)


def _mechanism(effect: Effect, name: str) -> Text:
    """Whether too few or too many active pairs or triplets go with what is lost."""
    points = effect.axis.points
    shares = recorded_values(points, name)
    what = in_words(name)
    least, most = points[shares.index(min(shares))], points[shares.index(max(shares))]
    if not effect.changes:
        return Text(
            f"The margin moves the {what} between {number(min(shares))} and {number(max(shares))}, and {effect.name}"
            " does not change beyond chance with it: that a margin must leave the right share of a batch active is not"
            " shown by these runs."
        )
    if min(shares) == max(shares):
        return Text(f"The {what} is {number(shares[0])} at every margin, so it explains nothing of the difference.")
    lost = [_lost(effect, point, name) for point in (least, most)]
    if all(lost):
        return Text(
            f"Both too few and too many cost: with the least active, {lost[0]}; with the most, {lost[1]}. The first"
            " leaves little of a batch to learn from; in the second pairs or triplets that are well apart already take"
            " part in every step."
        )
    if lost[0]:
        return Text(
            f"What is lost goes with too little that is active: with the least, {lost[0]}. With the most active,"
            f" {effect.axis.named(most)} ({number(max(shares))}), nothing is lost that can be told from chance, so the"
            " figures speak for few active pairs or triplets as the reason, not for too many."
        )
    if lost[1]:
        return Text(
            f"What is lost goes with too much that is active: with the most, {lost[1]}. With the least active,"
            f" {effect.axis.named(least)} ({number(min(shares))}), nothing is lost that can be told from chance, so the"
            " textbook's story that few active pairs or triplets leave nothing to learn from is not what happened here."
        )
    return Text(
        f"Neither the margin with the least active ({effect.axis.named(least)}, {number(min(shares))}) nor that with"
        f" the most ({effect.axis.named(most)}, {number(max(shares))}) is distinguishably below the highest: the"
        f" {what} does not explain the difference."
    )


def _lost(effect: Effect, point: AxisPoint, name: str) -> str:
    """What a margin is below the highest, in words; empty where that can't be told from chance."""
    if point is effect.highest or point in effect.alike:
        return ""
    return (
        f"{number(point.recorded[name].mean)} at {effect.axis.named(point)}, the highest is"
        f" {difference(*effect.below[point.label])} above"
    )


def _separation(effect: Effect) -> Iterator[Text]:
    for name in SIMILARITIES:
        if (text := course(effect.axis, name)) is not None:
            yield Text(text)
    points = having(effect.axis, OVERLAP)
    if len(points) < 2:
        return
    yield Text(str(course(effect.axis, OVERLAP)))
    values = recorded_values(points, OVERLAP)
    least = points[values.index(min(values))]
    correlation = rank_correlation(values, [effect.sample(point).mean for point in points])
    told = "" if correlation is None else f" (rank correlation with {effect.name}: ρ = {correlation.rho:.2f})"
    told = told.replace("-", "−")
    if least is effect.highest or (least in effect.alike and correlation is not None and correlation.rho <= -STEADY):
        yield Text(
            f"The margin with the least overlap, {effect.axis.named(least)} ({number(min(values))}), is"
            f" {'also the one' if least is effect.highest else 'not distinguishable from the one'} that retrieves"
            f" best{told}: what the margin changes shows as how far positive and negative pairs are parted."
        )
        return
    there = effect.highest.recorded.get(OVERLAP)
    yield Text(
        f"The least overlap, {number(min(values))}, is at {effect.axis.named(least)}, but {effect.name} is highest at"
        f" {effect.axis.named(effect.highest)}, where it is {'not recorded' if there is None else number(there.mean)}"
        f"{told}: how far all pairs are parted does not explain which margin retrieves best."
    )
