"""The embedding dimension: how many of the available dimensions are used, and whether that is what helps."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Formula, Text
from dmlcore.report.content.axis import AxisPoint
from dmlcore.report.content.quantities import GEOMETRY, label, number, signed, typeset
from dmlcore.report.explanation.effect import Effect
from dmlcore.report.explanation.phrases import course, courses, difference

RANK = f"{GEOMETRY}effective_rank"
AXES = f"{GEOMETRY}dimensions_for_90_percent"

USED = 0.5
"""The effective rank follows the dimension if it grows by at least this share of the dimension's growth."""


def dimension_use(effect: Effect) -> Iterator[Block]:
    """Explain what the spectrum of the embeddings says about the effect."""
    points = effect.axis.having(RANK)
    if len(points) < 2:
        yield Text(
            f"The spectrum of the embeddings was recorded at {len(points)} of {len(effect.axis.points)} dimensions, so"
            " whether the added dimensions are used is unknown."
        )
        return
    yield Text(
        f"The {label(RANK)} measures how many dimensions the embeddings use: with p the shares of the variance along"
        " the principal axes, it is the number of equal shares with the same entropy (Roy and Vetterli, 2007)."
    )
    yield Formula(r"\mathrm{erank} = \exp\left(-\sum_i p_i \,\ln p_i\right)")
    shares = " and ".join(
        f"{number(p.recorded[RANK].mean)} of {p.label} dimensions ({p.recorded[RANK].mean / p.number:.0%})"
        for p in (points[0], points[-1])
    )
    yield Text(f"{course(effect.axis, RANK)} That is {shares}.")
    yield from courses(effect.axis, AXES)
    yield _verdict(effect, points)
    if effect.changes:
        yield from _plateau(effect, points)


def _growth(first: AxisPoint, last: AxisPoint) -> tuple[float, float]:
    """The factors by which the dimension and the effective rank grow."""
    return last.number / first.number, last.recorded[RANK].mean / first.recorded[RANK].mean


def _verdict(effect: Effect, points: list[AxisPoint]) -> Text:
    """Whether metric and effective rank rise together, as textbooks say."""
    offered, grown = _growth(points[0], points[-1])
    text = (
        f"From {points[0].label} to {points[-1].label} dimensions ({number(offered)}×), the {label(RANK)} grows"
        f" {grown:.2f}×"
    )
    if not effect.changes:
        ends = "no test is possible" if effect.span is None else f"at most {difference(effect.span)}"
        return Text(
            f"{text}, but {effect.name} does not change significantly ({ends}). These runs do not support the"
            " explanation that more dimensions separate unseen classes better."
        )
    found = effect.correlation(RANK)
    if found is not None:
        text += typeset(f" (rank correlation with {effect.name} ρ = {found.rho:.2f} over {len(points)} values)")
    if effect.highest.number < effect.lowest.number:
        return Text(
            f"{text}. Yet {effect.name} is higher at {effect.highest.label} dimensions than at {effect.lowest.label}."
            " This contradicts the textbook expectation that it rises with the dimension."
        )
    if grown <= 1 or (found is not None and found.rho < USED):
        return Text(
            f"{text}. {effect.name} rises with the dimension but not with the number of used dimensions, so these"
            " figures do not support that as the reason."
        )
    return Text(
        f"{text}, and {effect.name} rises with it. This agrees with the textbook explanation: a larger embedding"
        " separates more directions, which helps retrieval of unseen classes."
    )


def _plateau(effect: Effect, points: list[AxisPoint]) -> Iterator[Text]:
    """What happens above the smallest dimension that is as good as the best."""
    enough, last = min([*effect.alike, effect.highest], key=lambda point: point.number), points[-1]
    if enough not in points or enough.number >= last.number:
        return
    offered, grown = _growth(enough, last)
    text = (
        f"{effect.name} levels off at {effect.axis.named(enough)}: from there to {last.label}, the dimension grows"
        f" {number(offered)}×, the {label(RANK)} {grown:.2f}×, and {effect.name} changes by"
        f" {signed(effect.sample(last).mean - effect.sample(enough).mean)}."
    )
    if grown - 1 < USED * (offered - 1):
        yield Text(f"{text} The added dimensions are hardly used, which may be why they do not help.")
    else:
        yield Text(f"{text} The added dimensions are used, but they do not help to separate unseen classes.")
