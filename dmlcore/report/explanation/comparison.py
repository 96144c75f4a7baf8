"""Any path with named values: which differ in the metric, and in which recorded quantities."""

from __future__ import annotations

from itertools import combinations

from dmlcore.api.blocks import Table
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.explanation.differences import difference_blocks, difference_steps, quantity_tests
from dmlcore.report.explanation.effect import Effect, tests_table
from dmlcore.report.explanation.mechanism import Mechanism


def compared(_material: StudyMaterial, effect: Effect) -> Mechanism:
    """Return the test of every pair of values, and the quantities that differ between highest and lowest."""
    tests = quantity_tests(effect)
    return Mechanism(
        pairs_blocks(effect), tuple(difference_steps(effect, tests)), tuple(difference_blocks(effect, tests))
    )


def pairs_blocks(effect: Effect) -> list[Table]:
    """Return the test of every pair, if there are several."""
    points = sorted(effect.axis.points, key=lambda point: -effect.sample(point).mean)
    pairs = [(f"{above.label} − {under.label}", above, under) for above, under in combinations(points, 2)]
    return [tests_table(effect, pairs, effect.name, f"Pairwise differences in {effect.name}")] if len(pairs) > 1 else []
