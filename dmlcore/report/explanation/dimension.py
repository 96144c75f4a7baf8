"""The embedding dimension: how many of the dimensions offered are used, and whether that is what helps."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Formula, Text
from dmlcore.report.content.axis import AxisPoint
from dmlcore.report.content.correlation import rank_correlation
from dmlcore.report.content.recorded import GEOMETRY, number
from dmlcore.report.explanation.effect import Effect, against_highest, edge_text, effect_text, steps_grid
from dmlcore.report.explanation.moved import moved_blocks
from dmlcore.report.explanation.phrases import course, difference, having, recorded_values, signed

RANK = f"{GEOMETRY}effective_rank"
AXES = f"{GEOMETRY}dimensions_for_90_percent"

USED = 0.5
"""The effective rank follows the dimension if it grows at least by this share of what the dimension does."""


def explain_dimension(effect: Effect) -> Iterator[Block]:
    """The effect, where it ends, and what the spectrum of the embeddings says about it."""
    yield effect_text(effect)
    yield from against_highest(effect)
    yield edge_text(effect)
    yield steps_grid(effect)
    yield from _used(effect)
    yield from moved_blocks(effect)


def _used(effect: Effect) -> Iterator[Block]:
    points = having(effect.axis, RANK)
    if len(points) < 2:
        yield Text(
            f"The spectrum of the embeddings was recorded at {len(points)} of {len(effect.axis.points)} dimensions, so"
            " whether the added dimensions are used can't be said."
        )
        return
    yield Text(
        "How many dimensions the embeddings use is told by their effective rank: with the shares p of the variance"
        " along the principal axes, it is the number of equal shares of the same entropy (Roy and Vetterli, 2007)."
    )
    yield Formula(r"\mathrm{erank} = \exp\left(-\sum_i p_i \,\ln p_i\right)")
    first, last = points[0], points[-1]
    shares = " and ".join(
        f"{number(p.recorded[RANK].mean)} of {p.label} ({p.recorded[RANK].mean / p.number:.0%})" for p in (first, last)
    )
    yield Text(f"{course(effect.axis, RANK)} Of the dimensions offered that is {shares}.")
    axes = course(effect.axis, AXES)
    if axes is not None:
        yield Text(axes)
    yield _verdict(effect, points)
    if effect.changes:
        yield from _flattening(effect, points)


def _verdict(effect: Effect, points: list[AxisPoint]) -> Text:
    """Whether metric and effective rank rise together, as the textbook has it."""
    first, last = points[0], points[-1]
    grown = last.recorded[RANK].mean / first.recorded[RANK].mean
    offered = last.number / first.number
    span = f"from {first.label} to {last.label} dimensions, {number(offered)} times as many,"
    if not effect.changes:
        return Text(
            "That more dimensions hold more of what tells unseen classes apart is not supported by these runs:"
            f" {span} the effective rank becomes {grown:.2f} times what it was, and {effect.name} does not change"
            f" beyond chance ({_ends(effect)})."
        )
    correlation = rank_correlation(recorded_values(points, RANK), [effect.sample(point).mean for point in points])
    together = "" if correlation is None else f" (rank correlation ρ = {correlation.rho:.2f} over {len(points)} values)"
    if effect.highest.number < effect.lowest.number:
        return Text(
            f"Here {effect.name} is higher with {effect.highest.label} dimensions than with {effect.lowest.label}: the"
            f" textbook's rise with the dimension is not what these figures show, though {span} the effective rank"
            f" becomes {grown:.2f} times what it was{together}."
        )
    if grown <= 1 or (correlation is not None and correlation.rho < USED):
        return Text(
            f"{effect.name} rises with the dimension, but not with the number of dimensions that are used: {span} the"
            f" effective rank becomes {grown:.2f} times what it was{together}. So these figures do not support that"
            " more directions in use are the reason."
        )
    return Text(
        f"These figures fit the textbook: {span} the effective rank becomes {grown:.2f} times what it was, and"
        f" {effect.name} rises with it{together}: a larger embedding keeps more directions apart, and retrieval of"
        " unseen classes gains from them."
    )


def _flattening(effect: Effect, points: list[AxisPoint]) -> Iterator[Text]:
    """What happens above the smallest dimension that is as good as the best."""
    enough = min([*effect.alike, effect.highest], key=lambda point: point.number)
    last = points[-1]
    if enough not in points or enough is last or enough.number >= last.number:
        return
    offered = last.number / enough.number
    grown = last.recorded[RANK].mean / enough.recorded[RANK].mean
    told = (
        f"It flattens from {effect.axis.named(enough)} on: from there to {last.label} the dimension grows"
        f" {number(offered)} times, the effective rank {grown:.2f} times, and {effect.name} changes by"
        f" {signed(effect.sample(last).mean - effect.sample(enough).mean)}."
    )
    if grown - 1 < USED * (offered - 1):
        yield Text(f"{told} The added dimensions are hardly used, which fits that they bring no more.")
    else:
        yield Text(
            f"{told} The added dimensions are used, so that unused dimensions do not explain why it flattens: what they"
            " hold does not help to tell unseen classes apart."
        )


def _ends(effect: Effect) -> str:
    assert effect.span is not None or effect.p is None
    return "no test can be made" if effect.span is None else f"at most {difference(effect.span, effect.p)}"
