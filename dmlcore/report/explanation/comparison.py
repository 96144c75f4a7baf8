"""Losses, or any other path with named values: which is higher, and in what the highest and lowest differ."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

from dmlcore.api.blocks import Block, Formula, Table, Text
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import full_label, is_quantile, number
from dmlcore.report.content.statistics import Spread
from dmlcore.report.explanation.effect import Effect, tests_table
from dmlcore.report.explanation.mechanism import Mechanism

SHOWN = 10
"""Rows of the table of quantities, those with the largest differences first."""

BEYOND = 2.0
"""Standard errors over seeds above which a difference in a recorded quantity is more than seed noise."""


def compared(_material: StudyMaterial, effect: Effect) -> Mechanism:
    """Return the formulas, the test of every pair of values, and the recorded quantities that differ most."""
    pairs = [pairs_grid(effect)] if len(effect.axis.points) > 2 else []
    return Mechanism(tuple(formulas(effect)), after=(*pairs, *_differences(effect)))


def formulas(effect: Effect) -> Iterator[Block]:
    """Return the formula of each loss, if there are several."""
    losses = {result.loss for point in effect.axis.points for result in point.results if result.loss.formula}
    if len({loss.formula for loss in losses}) < 2:
        return
    shown: set[str] = set()
    for point in effect.axis.points:
        loss = point.results[0].loss
        if loss.formula and loss.formula not in shown:
            shown.add(loss.formula)
            yield Text(f"{effect.axis.named(point)}, the loss {loss.name}:")
            yield Formula(loss.formula)


def pairs_grid(effect: Effect) -> Table:
    """Return the test of every pair of values, from the highest to the lowest."""
    points = sorted(effect.axis.points, key=lambda point: -effect.sample(point).mean)
    pairs = [(f"{above.label} − {under.label}", above, under) for above, under in combinations(points, 2)]
    return tests_table(effect, pairs, effect.name, f"Pairwise differences in {effect.name}")


def _differences(effect: Effect) -> Iterator[Block]:
    high, low = effect.highest, effect.lowest
    highest, lowest = effect.axis.named(high), effect.axis.named(low)
    names = [name for name in high.recorded if name in low.recorded and not is_quantile(name)]
    if not names:
        yield Text(
            f"No quantities other than the metrics are stored for both {highest} and {lowest}, so nothing recorded"
            " explains the difference."
        )
        return
    caution = f"Values of {effect.axis.path} differ in many ways at once, so none of these alone is the reason."
    if len(high.results) > 1 and len(low.results) > 1:
        count = sum(_beyond_seeds(high.recorded[name], low.recorded[name], len(high.results)) for name in names)
        yield Text(
            f"{count} of the {len(names)} recorded quantities differ between {highest} and {lowest} by more than"
            f" {BEYOND:g} standard errors over seeds. {caution}"
        )
    else:
        yield Text(
            f"The table shows {min(SHOWN, len(names))} of the {len(names)} recorded quantities. With one seed, their"
            f" noise is unknown. {caution}"
        )
    names.sort(key=lambda name: -_distance(high.recorded[name], low.recorded[name]))
    rows = tuple(
        (full_label(name), high.recorded[name].text(number), low.recorded[name].text(number)) for name in names[:SHOWN]
    )
    header = ("quantity", f"highest: {highest}", f"lowest: {lowest}")
    yield Table(header, rows, "Largest differences between highest and lowest")


def _distance(a: Spread, b: Spread) -> float:
    """In standard errors if there are several seeds, else relative to the larger."""
    apart = abs(a.mean - b.mean)
    if a.sd is not None and b.sd is not None and (noise := math.hypot(a.sd, b.sd)) > 0:
        return apart / noise
    return apart / (max(abs(a.mean), abs(b.mean)) or 1.0)


def _beyond_seeds(a: Spread, b: Spread, runs: int) -> bool:
    if a.sd is None or b.sd is None:
        return False
    return abs(a.mean - b.mean) > BEYOND * math.hypot(a.sd, b.sd) / math.sqrt(runs)
