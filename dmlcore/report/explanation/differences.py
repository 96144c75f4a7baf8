"""Which of the recorded quantities differ between the highest and the lowest value, tested all together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import comb

from attrs import evolve

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.report.content.quantities import GEOMETRY, MISSING, full_label, is_quantile, quantity
from dmlcore.report.content.statistics import LEVEL, holm, spread_cells
from dmlcore.report.explanation.claims import Claim, Test
from dmlcore.report.explanation.effect import Effect
from dmlcore.report.explanation.evidence import chosen, recorded_test
from dmlcore.report.explanation.mechanism import Link, Step
from dmlcore.report.explanation.phrases import p_cell, where

CLAIMED = 3
"""Differences that become claims, the most significant ones."""

SHOWN = 8
"""Rows of the table, the most significant differences first."""


def quantity_tests(effect: Effect) -> dict[str, Test]:
    """Return name → test of the highest minus the lowest value, smallest p first; quantiles are omitted.

    p is corrected for the pairs of values that the two were selected from, and for all quantities (Holm, 1979).
    """
    high, low = effect.highest, effect.lowest
    pairs = comb(len(effect.axis.points), 2)
    names = [name for name in high.recorded if name in low.recorded and not is_quantile(name)]
    tests = {name: chosen(recorded_test(effect.axis, name, high, low), pairs) for name in names}
    adjusted = iter(holm([test.found.p for test in tests.values() if test.found]))
    for name, test in tests.items():
        if test.found:
            tests[name] = evolve(test, found=evolve(test.found, p=next(adjusted)))
    return dict(sorted(tests.items(), key=lambda pair: pair[1].found.p if pair[1].found else 2.0))


def differing(tests: Mapping[str, Test]) -> list[str]:
    """Return the names of the quantities that differ significantly."""
    return [name for name, test in tests.items() if test.found and test.found.p < 1 - LEVEL]


def difference_steps(effect: Effect, tests: Mapping[str, Test]) -> Iterator[Step]:
    """Return a step for each of the clearest differences, which nobody expected."""
    for name in differing(tests)[:CLAIMED]:
        test = tests[name]
        more = "higher" if test.found and test.found.difference > 0 else "lower"
        high, low = where(effect.axis, effect.highest), where(effect.axis, effect.lowest)
        claim = Claim(f"the {full_label(name)} is {more} {high} than {low}", (test,))
        link: Link = "geometry" if name.startswith(GEOMETRY) else "batch"
        yield Step(link, f"No expectation: one of {len(tests)} quantities", "corrected for all", claim, unexpected=True)


def difference_text(effect: Effect, tests: Mapping[str, Test]) -> Iterator[Text]:
    """State how many quantities differ."""
    both = f"between {effect.axis.named(effect.highest)} and {effect.axis.named(effect.lowest)}"
    if not tests:
        return
    if not any(test.found for test in tests.values()):
        reason = next(iter(tests.values())).untested
        yield Text(f"The {len(tests)} recorded quantities can't be tested {both}: {reason}.")
        return
    yield Text(
        f"{len(differing(tests)) or 'None'} of the {len(tests)} recorded quantities differ significantly {both},"
        " corrected for all of them. Two values differ in many ways at once, so none of these alone is the reason."
    )


def difference_blocks(effect: Effect, tests: Mapping[str, Test]) -> Iterator[Block]:
    """State how many quantities differ, and show the clearest differences."""
    yield from difference_text(effect, tests)
    if tests:
        yield _table(effect, dict(list(tests.items())[:SHOWN]))


def _table(effect: Effect, tests: Mapping[str, Test]) -> Table:
    high, low = effect.highest, effect.lowest
    rows = tuple(
        (
            full_label(name),
            *spread_cells(name, [high.recorded[name], low.recorded[name]]),
            p_cell(test.found.p) if test.found else MISSING,
        )
        for name, test in tests.items()
    )
    header = ("quantity", f"highest: {effect.axis.named(high)}", f"lowest: {effect.axis.named(low)}", "p (Holm)")
    notes = tuple(dict.fromkeys(note for name in tests if (note := quantity(name).note)))
    return Table(header, rows, "Clearest differences between highest and lowest", notes)
