"""What a path of the grid does to a metric: by how much, compared with the noise of classes and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb
from typing import Literal

from attrs import evolve, frozen

from dmlcore.api.blocks import Table, Text
from dmlcore.report.content.axis import Axis, AxisPoint
from dmlcore.report.content.correlation import RankCorrelation, rank_correlation
from dmlcore.report.content.quantities import MISSING, decimals, label, signed
from dmlcore.report.content.statistics import LEVEL, Comparison, Sample, compare, compare_each
from dmlcore.report.explanation.claims import Claim, Test
from dmlcore.report.explanation.evidence import ONE_SEED, seeds_known
from dmlcore.report.explanation.phrases import difference, level, p_cell, p_value, where
from dmlcore.text import listing


@frozen(eq=False)
class Effect:
    """A metric along an axis; at least two points have it."""

    axis: Axis
    """The points that have the metric."""
    metric: str
    lowest: AxisPoint
    highest: AxisPoint
    span: Comparison | None
    """Highest minus lowest, p times the number of pairs that it was selected from; None if no test is possible."""
    below: dict[str, Comparison]
    """Label of every other point → highest minus this point, with the Holm-adjusted p."""

    @property
    def name(self) -> str:
        return label(self.metric)

    @property
    def changes(self) -> bool:
        """Whether the path changes the metric beyond the chance of classes and seeds."""
        return self.span is not None and self.span.p < 1 - LEVEL and seeds_known(self.axis)

    @property
    def ends(self) -> tuple[AxisPoint, AxisPoint]:
        """The first and the last value tried."""
        return self.axis.points[0], self.axis.points[-1]

    @property
    def alike(self) -> list[AxisPoint]:
        """The points that are not significantly different from the highest."""
        return [
            point
            for point in self.axis.points
            if point is not self.highest and (point.label not in self.below or self.below[point.label].p >= 1 - LEVEL)
        ]

    def sample(self, point: AxisPoint) -> Sample:
        return point.samples[self.metric]

    def correlation(self, name: str) -> RankCorrelation | None:
        """Return the rank correlation of the metric with a quantity, over the points that recorded it."""
        points = self.axis.having(name)
        return rank_correlation([p.recorded[name].mean for p in points], [self.sample(p).mean for p in points])


def effect_of(axis: Axis, metric: str) -> Effect | None:
    """Return the effect of an axis on a metric; None if fewer than two points have the metric."""
    points = tuple(point for point in axis.points if metric in point.samples)
    if len(points) < 2:
        return None
    lowest = min(points, key=lambda point: point.samples[metric].mean)
    highest = max(points, key=lambda point: point.samples[metric].mean)
    if highest is lowest:  # all are equal
        highest = points[-1] if lowest is points[0] else points[0]
    span = compare(highest.samples[metric], lowest.samples[metric])
    if span is not None:
        span = evolve(span, p=min(1.0, comb(len(points), 2) * span.p))
    others = [point for point in points if point is not highest]
    tests = compare_each((highest.samples[metric], point.samples[metric]) for point in others)
    below = {point.label: test for point, test in zip(others, tests, strict=True) if test is not None}
    return Effect(Axis(axis.path, points, axis.over), metric, lowest, highest, span, below)


def effect_claim(effect: Effect) -> Claim:
    """Return the claim that the setting changes the metric."""
    high, low = where(effect.axis, effect.highest), where(effect.axis, effect.lowest)
    statement = f"the {effect.axis.title} changes {effect.name}, which is highest {high} and lowest {low}"
    what = f"{effect.name}, {effect.highest.label} minus {effect.lowest.label}"
    known = effect.span is not None and seeds_known(effect.axis)
    return Claim(statement, (Test(what, effect.span if known else None, 1, "" if known else untested(effect)),))


def metric_test(effect: Effect, high: AxisPoint, low: AxisPoint, direction: Literal[-1, 0, 1] = 0) -> Test:
    """Test the metric at one point minus that at another, both chosen before looking at the metric."""
    what = f"{effect.name}, {high.label} minus {low.label}"
    found = compare(effect.sample(high), effect.sample(low)) if seeds_known(effect.axis) else None
    return Test(what, found, direction, "" if found else untested(effect))


def untested(effect: Effect) -> str:
    """Return why no test of the setting is possible."""
    if not seeds_known(effect.axis):
        return ONE_SEED
    return "the values were measured on different test images"


def effect_text(effect: Effect, claim: Claim) -> Text:
    """State the lowest and highest value and their difference; if there is an effect, which values are like the best.

    claim: that the setting changes the metric, with p corrected for all claims about the study.
    """
    axis = effect.axis
    levels = (
        f"{effect.name} is lowest {where(axis, effect.lowest)}, {level(effect.sample(effect.lowest))}, and highest"
        f" {where(axis, effect.highest)}, {level(effect.sample(effect.highest))}."
    )
    if effect.span is None or not claim.testable:
        return Text(f"{levels} Whether they differ can't be tested: {untested(effect)}.")
    span = evolve(effect.span, p=effect.span.p if claim.corrected is None else claim.corrected)
    pairs = comb(len(axis.points), 2)
    adjusted = f"; p is corrected for {pairs} pairs" if pairs > 1 else ""
    tested = f"The difference is {difference(span)}, given chance in {span.interval.source}{adjusted}."
    shape = [*_against_highest(effect), *_edge(effect)] if claim.shown else []
    return Text(" ".join([levels, tested, *shape]))


def _against_highest(effect: Effect) -> Iterator[str]:
    """Which other values are not significantly below the highest."""
    tied = [
        f"{point.label} ({difference(effect.below[point.label])})"
        for point in effect.alike
        if point.label in effect.below
    ]
    if tied:
        yield f"Not significantly below the highest: {listing(tied)}."
    elif len(effect.below) > 1:
        closest = min(effect.below.values(), key=lambda test: test.difference)
        yield (
            f"Every other value is significantly below it, the closest by {decimals(closest.difference)}"
            f" ({p_value(closest.p)})."
        )


def _edge(effect: Effect) -> Iterator[str]:
    """Whether the highest value is at an end of the range that was tried."""
    first, last = effect.ends
    if effect.axis.numeric and effect.highest in effect.ends:
        yield f"The highest is at the edge of the range tried, {first.label} to {last.label}."


def tests_table(effect: Effect, pairs: Sequence[tuple[str, AxisPoint, AxisPoint]], heading: str, caption: str) -> Table:
    """Return a row per labelled pair of points: the first minus the second, with its interval and adjusted p."""
    tests = compare_each((effect.sample(one), effect.sample(other)) for _, one, other in pairs)
    rows = []
    for (name, one, other), test in zip(pairs, tests, strict=True):
        gain = signed(effect.sample(one).mean - effect.sample(other).mean)
        cells = (MISSING, MISSING) if test is None else (str(test.interval), p_cell(test.p))
        rows.append((name, gain, *cells))
    return Table((effect.axis.title, heading, f"{LEVEL:.0%} interval", "p (Holm)"), tuple(rows), caption)
