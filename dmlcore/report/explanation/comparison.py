"""Losses, or anything else that has names for values: who is above whom, and what sets them apart."""

from __future__ import annotations

import math
from collections.abc import Iterator

from dmlcore.api.blocks import Block, Formula, Table, Text
from dmlcore.api.result import Result
from dmlcore.report.content.recorded import Recorded, in_words, number
from dmlcore.report.content.statistics import LEVEL, compare, holm
from dmlcore.report.explanation.effect import Effect, against_highest, effect_text
from dmlcore.report.explanation.phrases import p_cell, signed
from dmlcore.text import counted

SHOWN = 10
"""So many quantities stand in the table, those that part best and worst the most first."""

BEYOND = 2.0
"""Standard errors over seeds from which on a difference in a recorded quantity is called more than seed noise."""


def explain_comparison(effect: Effect) -> Iterator[Block]:
    """Every pair's difference, and the recorded quantities in which highest and lowest differ most."""
    yield from _formulas(effect)
    yield effect_text(effect)
    yield from against_highest(effect)
    if len(effect.axis.points) > 2:
        yield _pairs_grid(effect)
    yield from _set_apart(effect)


def _formulas(effect: Effect) -> Iterator[Block]:
    """Of each loss, where the values have several."""
    losses = {result.loss for point in effect.axis.points for result in point.results if result.loss.formula}
    if len({loss.formula for loss in losses}) < 2:
        return
    told: set[str] = set()
    for point in effect.axis.points:
        loss = point.results[0].loss
        if loss.formula and loss.formula not in told:
            told.add(loss.formula)
            yield Text(f"{effect.axis.named(point)}, the loss {loss.name}:")
            yield Formula(loss.formula)


def _pairs_grid(effect: Effect) -> Table:
    points = sorted(effect.axis.points, key=lambda point: -effect.sample(point).mean)
    pairs = [(above, under) for place, above in enumerate(points) for under in points[place + 1 :]]
    tests = [compare(effect.sample(above), effect.sample(under)) for above, under in pairs]
    adjusted = iter(holm([test.p for test in tests if test is not None]))
    rows = []
    for (above, under), test in zip(pairs, tests, strict=True):
        gain = signed(effect.sample(above).mean - effect.sample(under).mean)
        cells = ("–", "–") if test is None else (str(test.interval), p_cell(next(adjusted)))
        rows.append((f"{above.label} − {under.label}", gain, *cells))
    header = (effect.axis.path, effect.name, f"{LEVEL:.0%} interval", "p (Holm)")
    return Table(header, tuple(rows), f"Every pair's difference in {effect.name}")


def _set_apart(effect: Effect) -> Iterator[Block]:
    high, low = effect.highest, effect.lowest
    names = [name for name in high.recorded if name in low.recorded and "_q" not in name]
    if not names:
        yield Text(
            f"No quantities beside the metrics are stored for both {effect.axis.named(high)} and"
            f" {effect.axis.named(low)}, so nothing here explains the difference."
        )
        return
    apart = sorted(names, key=lambda name: -_distance(high.recorded[name], low.recorded[name]))
    beyond = [name for name in apart if _beyond_seeds(high.recorded[name], high.results, low.recorded[name])]
    if len(high.results) > 1 and len(low.results) > 1:
        yield Text(
            f"Of {counted(len(names), 'recorded figure')}, {len(beyond)} differ between {effect.axis.named(high)} and"
            f" {effect.axis.named(low)} by more than {BEYOND:g} standard errors over seeds. Two values of"
            f" {effect.axis.path} differ in much at once, so none of these is by itself the reason."
        )
    else:
        yield Text(
            f"Below are {min(SHOWN, len(names))} of {counted(len(names), 'recorded figure')}; with one seed their noise"
            " is unknown, and two values differ in much at once, so none of these is by itself the reason."
        )
    yield Table(
        ("quantity", f"highest: {effect.axis.named(high)}", f"lowest: {effect.axis.named(low)}"),
        tuple((in_words(name), _told(high.recorded[name]), _told(low.recorded[name])) for name in apart[:SHOWN]),
        "What sets highest and lowest apart",
    )


def _distance(a: Recorded, b: Recorded) -> float:
    """In standard errors where seeds give them, else relative to the larger."""
    apart = abs(a.mean - b.mean)
    if a.sd is not None and b.sd is not None and (noise := math.hypot(a.sd, b.sd)) > 0:
        return apart / noise
    return apart / (max(abs(a.mean), abs(b.mean)) or 1.0)


def _beyond_seeds(a: Recorded, results: tuple[Result, ...], b: Recorded) -> bool:
    if a.sd is None or b.sd is None:
        return False
    return abs(a.mean - b.mean) > BEYOND * math.hypot(a.sd, b.sd) / math.sqrt(len(results))


def _told(figure: Recorded) -> str:
    return number(figure.mean) if figure.sd is None else f"{number(figure.mean)} ± {number(figure.sd)}"
