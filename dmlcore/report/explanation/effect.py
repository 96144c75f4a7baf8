"""What a path of the grid does to a metric: by how much, against the noise of classes and seeds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from attrs import frozen

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.report.content.axis import Axis, AxisPoint
from dmlcore.report.content.statistics import LEVEL, Comparison, Sample, compare, holm
from dmlcore.report.content.table import short_name
from dmlcore.report.explanation.phrases import difference, level, p_cell, p_value, signed
from dmlcore.text import counted, listing


@frozen(eq=False)
class Effect:
    """A metric along an axis: at least two points have it."""

    axis: Axis
    """The points that have the metric."""
    metric: str
    lowest: AxisPoint
    highest: AxisPoint
    span: Comparison | None
    """Highest minus lowest; None where no test can be made."""
    p: float | None
    """Of the span, times the number of pairs that it was chosen from (Bonferroni)."""
    below: dict[str, tuple[Comparison, float]]
    """Label of every other point → how far the highest is above it, with the Holm-adjusted p."""

    @property
    def name(self) -> str:
        return short_name(self.metric)

    @property
    def changes(self) -> bool:
        """Whether the runs show that the path changes the metric at all."""
        return self.p is not None and self.p < 1 - LEVEL

    @property
    def alike(self) -> list[AxisPoint]:
        """The points that can't be told from the highest."""
        return [
            point
            for point in self.axis.points
            if point is not self.highest and (point.label not in self.below or self.below[point.label][1] >= 1 - LEVEL)
        ]

    @property
    def at_edge(self) -> bool:
        """Whether the highest is the first or last value that was tried."""
        return self.highest in (self.axis.points[0], self.axis.points[-1])

    def sample(self, point: AxisPoint) -> Sample:
        return point.samples[self.metric]

    def values(self) -> list[float]:
        """The metric at each point."""
        return [self.sample(point).mean for point in self.axis.points]


def effect_of(axis: Axis, metric: str) -> Effect | None:
    """None where fewer than two points have the metric."""
    points = tuple(point for point in axis.points if metric in point.samples)
    if len(points) < 2:
        return None
    lowest = min(points, key=lambda point: point.samples[metric].mean)
    highest = max(points, key=lambda point: point.samples[metric].mean)
    if highest is lowest:  # all are equal
        highest = points[-1] if lowest is points[0] else points[0]
    span = compare(highest.samples[metric], lowest.samples[metric])
    pairs = len(points) * (len(points) - 1) // 2
    tests = {p.label: compare(highest.samples[metric], p.samples[metric]) for p in points if p is not highest}
    known = {label: test for label, test in tests.items() if test is not None}
    adjusted = holm([test.p for test in known.values()])
    below = {label: (test, p) for (label, test), p in zip(known.items(), adjusted, strict=True)}
    kept = Axis(axis.path, points, axis.over)
    return Effect(kept, metric, lowest, highest, span, None if span is None else min(1.0, pairs * span.p), below)


def effect_text(effect: Effect) -> Text:
    """Lowest, highest, their difference, the noise, and whether it shows that the path matters."""
    axis, pairs = effect.axis, len(effect.axis.points) * (len(effect.axis.points) - 1) // 2
    text = (
        f"{effect.name} is lowest at {axis.named(effect.lowest)}, {level(effect.sample(effect.lowest))}, and highest at"
        f" {axis.named(effect.highest)}, {level(effect.sample(effect.highest))}."
    )
    if effect.span is None or effect.p is None:
        return Text(f"{text} No test says whether they differ: {_why_no_test(effect)}.")
    chosen = f" after correction for the {pairs} pairs that it was chosen from" if pairs > 1 else ""
    text += (
        f" The difference is {difference(effect.span, effect.p)}{chosen}, with the chance of"
        f" {effect.span.interval.source}. {_seed_noise(effect)}"
    )
    if effect.changes:
        return Text(f"{text} So {axis.path} does change {effect.name}.")
    return Text(
        f"{text} So these runs do not show that {axis.path} changes {effect.name}: a difference of"
        f" {abs(effect.span.difference):.4f} is within what chance gives."
    )


def against_highest(effect: Effect) -> Iterator[Block]:
    """Which points can't be told from the highest, each with its figures."""
    tied = [
        f"{effect.axis.named(point)} ({difference(*effect.below[point.label])})"
        for point in effect.alike
        if point.label in effect.below
    ]
    if tied:
        yield Text(
            f"Not distinguishable from the highest, {effect.axis.named(effect.highest)}: {listing(tied)}. Each"
            " difference is the highest minus this one."
        )
    elif effect.below:
        smallest, p = min(effect.below.values(), key=lambda pair: pair[0].difference)
        yield Text(
            f"{effect.axis.named(effect.highest)} differs from every other value tried; the nearest is"
            f" {smallest.difference:.4f} lower ({p_value(p)})."
        )


def edge_text(effect: Effect) -> Text:
    """Whether the best value lies inside what was tried."""
    values = f"{effect.axis.points[0].label} … {effect.axis.points[-1].label}"
    if effect.at_edge:
        return Text(
            f"The highest value lies at the edge of what was tried, {effect.axis.named(effect.highest)} of {values}: a"
            " better one may lie beyond."
        )
    beaten = [point for point in (effect.axis.points[0], effect.axis.points[-1]) if point not in effect.alike]
    if len(beaten) == 2:
        shown = " and ".join(difference(*effect.below[point.label]) for point in beaten)
        return Text(
            f"The optimum lies inside the range that was tried, {values}: {effect.axis.named(effect.highest)} is above"
            f" both ends ({shown})."
        )
    told = f"only from {effect.axis.named(beaten[0])}" if beaten else "from neither end"
    return Text(
        f"The highest value, {effect.axis.named(effect.highest)}, lies inside the range that was tried, {values}, but"
        f" it can be told {told}: that there is an optimum inside is not shown."
    )


def steps_grid(effect: Effect) -> Table:
    """The change from each value of a numeric axis to the next, with its test."""
    pairs = list(pairwise(effect.axis.points))
    tests = [compare(effect.sample(after), effect.sample(before)) for before, after in pairs]
    adjusted = iter(holm([test.p for test in tests if test is not None]))
    rows = []
    for (before, after), test in zip(pairs, tests, strict=True):
        gain = effect.sample(after).mean - effect.sample(before).mean
        cells = ("–", "–") if test is None else (str(test.interval), p_cell(next(adjusted)))
        rows.append((f"{before.label} → {after.label}", signed(gain), *cells))
    header = (effect.axis.path, f"change of {effect.name}", f"{LEVEL:.0%} interval", "p (Holm)")
    return Table(header, tuple(rows), f"{effect.name} from one value to the next")


def _seed_noise(effect: Effect) -> str:
    samples = [effect.sample(point) for point in effect.axis.points]
    deviations = [sample.sd for sample in samples if sample.sd is not None]
    if not deviations:
        return "There is one seed, so the noise of seeds is unknown and not in this."
    seeds = counted(max(len(sample.seeds) for sample in samples), "seed")
    return f"Over {seeds} a value deviates by at most {max(deviations):.4f}."


def _why_no_test(effect: Effect) -> str:
    if all(effect.sample(point).replicates is not None for point in effect.axis.points):
        return "they were measured on different test images"
    return "there is one seed, and no value for each query was stored"
