"""Which recorded quantities moved with a metric along a numeric axis."""

from __future__ import annotations

import math
from collections.abc import Iterator

from attrs import frozen

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.report.content.correlation import RankCorrelation, rank_correlation
from dmlcore.report.content.recorded import in_words, number
from dmlcore.report.explanation.effect import Effect
from dmlcore.report.explanation.phrases import recorded_values
from dmlcore.text import counted

SHOWN = 12
"""So many quantities stand in the table, the strongest first."""


@frozen(eq=False)
class Moved:
    """One quantity beside the metric."""

    name: str
    values: tuple[float, ...]
    """At each point of the effect's axis."""
    correlation: RankCorrelation


def moved_with(effect: Effect) -> list[Moved]:
    """The quantities recorded at every point, those that order the points most as the metric does first.

    Quantiles are left out: they tell again what the means tell.
    """
    points = effect.axis.points
    names = [n for n in points[0].recorded if "_q" not in n and all(n in point.recorded for point in points)]
    found = []
    for name in names:
        values = recorded_values(points, name)
        correlation = rank_correlation(values, effect.values())
        if correlation is not None:
            found.append(Moved(name, tuple(values), correlation))
    return sorted(found, key=lambda moved: -abs(moved.correlation.rho))


def moved_blocks(effect: Effect) -> Iterator[Block]:
    """The table, and how much of it chance would give."""
    points = effect.axis.points
    if not any(point.recorded for point in points):
        yield Text(
            "No quantities beside the metrics are stored for these"
            f" {counted(sum(len(point.results) for point in points), 'run')}, so nothing here explains the difference."
        )
        return
    moved = moved_with(effect)
    if len(points) < 3 or not moved:
        yield Text(
            f"With {counted(len(points), 'value')} of {effect.axis.path} no order of recorded quantities can be"
            " compared with that of the metric."
        )
        return
    yield _chance(effect, moved)
    yield _grid(effect, moved)


def _chance(effect: Effect, moved: list[Moved]) -> Text:
    count = len(effect.axis.points)
    probability = 2 / math.factorial(count)
    perfect = sum(abs(m.correlation.rho) > 1 - 1e-9 for m in moved)
    noise = (
        ""
        if effect.changes
        else f" As {effect.name} itself is not shown to change here, its order may be one of noise."
    )
    return Text(
        f"{perfect} of the {len(moved)} recorded quantities order the"
        f" {count} values of {effect.axis.path} exactly as {effect.name} does, or exactly the other way round; one that"
        f" had nothing to do with it would by chance with probability {probability:.2g}, so that"
        f" {len(moved) * probability:.2g} are expected.{noise}"
    )


def _grid(effect: Effect, moved: list[Moved]) -> Table:
    points = effect.axis.points
    place = points.index(effect.highest)
    first, best, last = (effect.axis.named(p) for p in (points[0], effect.highest, points[-1]))
    rows = tuple(
        (
            in_words(m.name),
            number(m.values[0]),
            number(m.values[place]),
            number(m.values[-1]),
            f"{m.correlation.rho:+.2f}".replace("-", "−"),
            f"{m.correlation.p:.2g}",
        )
        for m in moved[:SHOWN]
    )
    header = ("quantity", f"first: {first}", f"highest: {best}", f"last: {last}", "ρ", "p")
    left = len(moved) - len(rows)
    notes = (
        f"ρ is Spearman's rank correlation with {effect.name} over the {len(points)} values, p the probability of one"
        " as strong among random orders, not corrected for the number of quantities.",
        *((f"{left} more with a weaker ρ are left out.",) if left else ()),
    )
    return Table(header, rows, f"What moved with {effect.name}", notes)
