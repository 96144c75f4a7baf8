"""The recorded quantities that changed with a metric along a numeric axis."""

from __future__ import annotations

import math
from collections.abc import Iterator

from attrs import frozen

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.report.content.correlation import RankCorrelation, rank_correlation
from dmlcore.report.content.quantities import full_label, is_quantile, number, quantity, signed
from dmlcore.report.explanation.effect import Effect
from dmlcore.report.explanation.phrases import recorded_values
from dmlcore.text import counted

SHOWN = 12
"""Rows of the table, the strongest correlations first."""


@frozen(eq=False)
class Moved:
    """One quantity along the axis of an effect."""

    name: str
    values: list[float]
    """At each point of the axis."""
    correlation: RankCorrelation


def moved_with(effect: Effect) -> list[Moved]:
    """Return the quantities recorded at every point, the strongest correlation with the metric first.

    Quantiles are omitted: they repeat what the means show.
    """
    points = effect.axis.points
    found = []
    for name in points[0].recorded:
        if is_quantile(name) or not all(name in point.recorded for point in points):
            continue
        values = recorded_values(points, name)
        correlation = rank_correlation(values, effect.values())
        if correlation is not None:
            found.append(Moved(name, values, correlation))
    return sorted(found, key=lambda moved: -abs(moved.correlation.rho))


def moved_blocks(effect: Effect) -> Iterator[Block]:
    """Return the table, and how much of it is expected by chance."""
    points = effect.axis.points
    if not any(point.recorded for point in points):
        runs = counted(sum(len(point.results) for point in points), "run")
        yield Text(f"The {runs} stored only metrics, so nothing recorded explains the difference.")
        return
    moved = moved_with(effect)
    if len(points) < 3 or not moved:
        yield Text(
            f"{counted(len(points), 'value')} of {effect.axis.path} can't be ranked, so no recorded quantity can be"
            f" compared with {effect.name}."
        )
        return
    yield _chance(effect, moved)
    yield _grid(effect, moved)


def _chance(effect: Effect, moved: list[Moved]) -> Text:
    count = len(effect.axis.points)
    probability = 2 / math.factorial(count)
    perfect = sum(abs(m.correlation.rho) == 1 for m in moved)
    noise = "" if effect.changes else f" {effect.name} itself does not change significantly, so its order may be noise."
    return Text(
        f"{perfect} of {len(moved)} recorded quantities rank the {count} values of {effect.axis.path} exactly as"
        f" {effect.name} does, or exactly in reverse. An unrelated quantity does so by chance with probability"
        f" {probability:.2g}, so {len(moved) * probability:.2g} are expected.{noise}"
    )


def _grid(effect: Effect, moved: list[Moved]) -> Table:
    points, shown = effect.axis.points, moved[:SHOWN]
    places = (0, points.index(effect.highest), len(points) - 1)
    rows = tuple(
        (
            full_label(m.name),
            *(number(m.values[place]) for place in places),
            signed(m.correlation.rho, 2),
            f"{m.correlation.p:.2g}",
        )
        for m in shown
    )
    columns = zip(("first", "highest", "last"), places, strict=True)
    header = ("quantity", *(f"{which}: {effect.axis.named(points[place])}" for which, place in columns), "ρ", "p")
    notes = [
        f"ρ is Spearman's rank correlation with {effect.name} over the {len(points)} values; p is the probability of a"
        " correlation at least as strong by chance, not corrected for the number of quantities.",
        *dict.fromkeys(note for m in shown if (note := quantity(m.name).note)),
    ]
    if len(moved) > len(shown):
        notes.append(f"{len(moved) - len(shown)} more with a weaker ρ are not shown.")
    return Table(header, rows, f"Quantities that changed with {effect.name}", notes)
