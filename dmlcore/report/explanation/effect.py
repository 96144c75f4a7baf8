"""What a path of the grid does to a metric: by how much, compared with the noise of classes and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import comb
from typing import Literal

from attrs import evolve, frozen

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.report.content.axis import Axis, AxisPoint
from dmlcore.report.content.correlation import RankCorrelation, rank_correlation
from dmlcore.report.content.quantities import MISSING, decimals, label, signed
from dmlcore.report.content.statistics import LEVEL, Comparison, Sample, compare, compare_each
from dmlcore.report.explanation.claims import Claim, Test
from dmlcore.report.explanation.evidence import ONE_SEED, seeds_known
from dmlcore.report.explanation.phrases import difference, level, p_cell, p_value
from dmlcore.text import counted, listing


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
    high, low = effect.axis.named(effect.highest), effect.axis.named(effect.lowest)
    statement = f"the {effect.axis.title} changes {effect.name}, which is highest at {high} and lowest at {low}"
    what = f"{effect.name} at {high} minus {low}"
    known = effect.span is not None and seeds_known(effect.axis)
    return Claim(statement, (Test(what, effect.span if known else None, 1, "" if known else untested(effect)),))


def metric_test(effect: Effect, high: AxisPoint, low: AxisPoint, direction: Literal[-1, 0, 1] = 0) -> Test:
    """Test the metric at one point minus that at another, both chosen before looking at the metric."""
    what = f"{effect.name} at {effect.axis.named(high)} minus {effect.axis.named(low)}"
    found = compare(effect.sample(high), effect.sample(low)) if seeds_known(effect.axis) else None
    return Test(what, found, direction, "" if found else untested(effect))


def untested(effect: Effect) -> str:
    """Return why no test of the setting is possible."""
    if not seeds_known(effect.axis):
        return ONE_SEED
    return "the values were measured on different test images"


def effect_text(effect: Effect) -> Text:
    """State the lowest and highest value, their difference and the noise."""
    axis = effect.axis
    text = (
        f"{effect.name} is lowest at {axis.named(effect.lowest)}, {level(effect.sample(effect.lowest))}, and highest at"
        f" {axis.named(effect.highest)}, {level(effect.sample(effect.highest))}."
    )
    if effect.span is None:
        return Text(f"{text} Whether they differ can't be tested: {untested(effect)}.")
    pairs = comb(len(axis.points), 2)
    adjusted = f", corrected for {pairs} pairs" if pairs > 1 else ""
    text += f" The difference is {difference(effect.span)}{adjusted}. Interval and p account for chance in"
    return Text(f"{text} {effect.span.interval.source}. {_seed_noise(effect)}")


def against_highest(effect: Effect) -> Iterator[Block]:
    """List the points that are not significantly different from the highest."""
    tied = [
        f"{effect.axis.named(point)} ({difference(effect.below[point.label])})"
        for point in effect.alike
        if point.label in effect.below
    ]
    if tied:
        yield Text(
            f"Not significantly different from the highest, {effect.axis.named(effect.highest)}: {listing(tied)}. The"
            " differences are the highest minus the listed value."
        )
    elif effect.below:
        smallest = min(effect.below.values(), key=lambda test: test.difference)
        yield Text(
            f"{effect.axis.named(effect.highest)} is significantly different from every other value tried; the closest"
            f" is {decimals(smallest.difference)} lower ({p_value(smallest.p)})."
        )


def edge_text(effect: Effect) -> Text:
    """State whether the best value is inside the range that was tried."""
    first, last = effect.ends
    tried, best = f"the range tried ({first.label} to {last.label})", effect.axis.named(effect.highest)
    if effect.highest in effect.ends:
        return Text(f"The highest value, {best}, is at the edge of {tried}. Values outside it were not tried.")
    beaten = [point for point in effect.ends if point not in effect.alike]
    if len(beaten) == 2:
        shown = " and ".join(difference(effect.below[point.label]) for point in beaten)
        return Text(f"The optimum is inside {tried}: {best} is significantly higher than both ends ({shown}).")
    only = f"only from {effect.axis.named(beaten[0])}" if beaten else "from neither end"
    return Text(
        f"The highest value, {best}, is inside {tried}, but it is significantly different {only}. An optimum inside the"
        " range is not shown."
    )


def steps_grid(effect: Effect) -> Table:
    """Return the change from each value of a numeric axis to the next, with its test."""
    return tests_table(
        effect,
        [(f"{before.label} → {after.label}", after, before) for before, after in pairwise(effect.axis.points)],
        f"change of {effect.name}",
        f"{effect.name} from one value to the next",
    )


def tests_table(effect: Effect, pairs: Sequence[tuple[str, AxisPoint, AxisPoint]], heading: str, caption: str) -> Table:
    """Return a row per labelled pair of points: the first minus the second, with its interval and adjusted p."""
    tests = compare_each((effect.sample(one), effect.sample(other)) for _, one, other in pairs)
    rows = []
    for (name, one, other), test in zip(pairs, tests, strict=True):
        gain = signed(effect.sample(one).mean - effect.sample(other).mean)
        cells = (MISSING, MISSING) if test is None else (str(test.interval), p_cell(test.p))
        rows.append((name, gain, *cells))
    return Table((effect.axis.title, heading, f"{LEVEL:.0%} interval", "p (Holm)"), tuple(rows), caption)


def _seed_noise(effect: Effect) -> str:
    samples = [effect.sample(point) for point in effect.axis.points]
    deviations = [sample.sd for sample in samples if sample.sd is not None]
    if not deviations:
        return "With one seed, the seed noise is unknown and not included."
    seeds = counted(max(len(sample.seeds) for sample in samples), "seed")
    return f"The standard deviation over {seeds} is at most {decimals(max(deviations))}."
