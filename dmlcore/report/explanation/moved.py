"""The recorded quantities that changed with a metric along a numeric axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import islice

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.report.content.axis import AxisPoint
from dmlcore.report.content.correlation import RankCorrelation
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import column, full_label, is_quantile, quantity, signed
from dmlcore.report.explanation.differences import difference_steps, difference_text, quantity_tests
from dmlcore.report.explanation.effect import Effect
from dmlcore.report.explanation.mechanism import Mechanism
from dmlcore.report.explanation.phrases import p_cell
from dmlcore.text import counted

SHOWN = 8
"""Rows of the table, the strongest correlations first."""


def moved_with_metric(_material: StudyMaterial, effect: Effect) -> Mechanism:
    """Return the mechanism of any other number: no step is expected, and all recorded quantities are compared."""
    tests = quantity_tests(effect)
    return Mechanism(
        steps=tuple(difference_steps(effect, tests)), after=(*difference_text(effect, tests), *moved_blocks(effect))
    )


def moved_with(effect: Effect) -> dict[str, RankCorrelation]:
    """Return the quantities recorded at every point, the strongest correlation with the metric first.

    Quantiles are omitted: they repeat what the means show.
    """
    points = effect.axis.points
    names = [name for name in points[0].recorded if effect.axis.having(name) == list(points) and not is_quantile(name)]
    found = {name: correlation for name in names if (correlation := effect.correlation(name)) is not None}
    return dict(sorted(found.items(), key=lambda pair: -abs(pair[1].rho)))


def moved_blocks(effect: Effect) -> Iterator[Block]:
    """Return the table, and how much of it is expected by chance."""
    points = effect.axis.points
    if not any(point.recorded for point in points):
        runs = counted(sum(len(point.results) for point in points), "run")
        yield Text(f"The {runs} stored only metrics, so no recorded quantity can be compared with {effect.name}.")
        return
    moved = moved_with(effect)
    if len(points) < 3 or not moved:
        yield Text(
            f"{counted(len(points), 'value')} of the {effect.axis.title} can't be ranked, so no recorded quantity can"
            f" be compared with {effect.name}."
        )
        return
    yield _chance(effect, moved)
    yield _grid(effect, moved)


def _chance(effect: Effect, moved: Mapping[str, RankCorrelation]) -> Text:
    count = len(effect.axis.points)
    probability = 2 / math.factorial(count)
    perfect = sum(abs(correlation.rho) == 1 for correlation in moved.values())
    noise = "" if effect.changes else f" {effect.name} itself does not change significantly, so its order may be noise."
    return Text(
        f"{perfect} of {len(moved)} recorded quantities rank the {count} values of the {effect.axis.title} exactly as"
        f" {effect.name} does, or exactly in reverse. An unrelated quantity does so by chance with probability"
        f" {probability:.2g}, so {len(moved) * probability:.2g} of them are expected by chance. Such an order by itself"
        f" shows no effect.{noise}"
    )


def _columns(effect: Effect) -> dict[str, AxisPoint]:
    """Heading → value of the axis: the first, the highest and the last, each value once."""
    named = (("first", effect.axis.points[0]), ("highest", effect.highest), ("last", effect.axis.points[-1]))
    return {" and ".join(which for which, other in named if other is point): point for _, point in named}


def _grid(effect: Effect, moved: Mapping[str, RankCorrelation]) -> Table:
    points, shown = effect.axis.points, dict(islice(moved.items(), SHOWN))
    columns = _columns(effect)
    rows = tuple(
        (
            full_label(name),
            *column(name, [point.recorded[name].mean for point in columns.values()]),
            signed(correlation.rho, 2),
            p_cell(correlation.p),
        )
        for name, correlation in shown.items()
    )
    header = ("quantity", *(f"{which}: {point.label}" for which, point in columns.items()), "ρ", "p")
    notes = [
        f"ρ is Spearman's rank correlation with {effect.name} over the {len(points)} values; p is the probability of a"
        " correlation at least as strong by chance, not corrected for the number of quantities.",
        *dict.fromkeys(note for name in shown if (note := quantity(name).note)),
    ]
    if len(moved) > len(shown):
        notes.append(f"{len(moved) - len(shown)} more with a weaker ρ are not shown.")
    return Table(header, rows, f"Quantities that changed with {effect.name}", notes)
