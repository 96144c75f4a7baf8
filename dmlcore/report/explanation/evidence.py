"""Tests along an axis: of the metric, and of recorded quantities over seeds."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from attrs import evolve

from dmlcore.report.content.axis import Axis, AxisPoint
from dmlcore.report.content.measurements import is_as_loaded
from dmlcore.report.content.quantities import full_label
from dmlcore.report.content.recorded import recorded
from dmlcore.report.content.statistics import Sample, compare, pooled_seed_variance
from dmlcore.report.explanation.claims import Test

ONE_SEED = "with one seed, the difference that another seed makes is unknown"


def seeds_known(axis: Axis) -> bool:
    """Whether the noise of seeds is known: some value has two seeds, or no seed changes anything."""
    results = [result for point in axis.points for result in point.results]
    return all(map(is_as_loaded, results)) or any(len({r.seed for r in point.results}) > 1 for point in axis.points)


def recorded_samples(axis: Axis, name: str) -> dict[str, Sample]:
    """Return label of a point → a recorded quantity over seeds, with the noise pooled over the axis.

    Runs of one seed at other values of the other paths are averaged. Points without the quantity are omitted.
    """
    samples = {}
    for point in axis.having(name):
        by_seed: dict[int, list[float]] = {}
        for result in point.results:
            by_seed.setdefault(result.seed, []).append(recorded(result)[name])
        values = np.array([math.fsum(each) / len(each) for each in by_seed.values()])
        samples[point.label] = Sample(tuple(by_seed), values)
    noise = pooled_seed_variance(list(samples.values()))
    return {label: evolve(sample, seed_variance=noise) for label, sample in samples.items()}


def recorded_test(axis: Axis, name: str, high: AxisPoint, low: AxisPoint, direction: Literal[-1, 0, 1] = 0) -> Test:
    """Test whether a recorded quantity differs between two points, both chosen before looking at the runs."""
    what = f"{full_label(name)}, {high.label} minus {low.label}"
    samples = recorded_samples(axis, name)
    if high.label not in samples or low.label not in samples:
        return Test(what, None, direction, "it was not recorded at both values")
    found = compare(samples[high.label], samples[low.label])
    if found is None:
        same = all(np.ptp(sample.values) == 0 for sample in samples.values())
        return Test(what, None, direction, "it is the same for all seeds" if same and seeds_known(axis) else ONE_SEED)
    return Test(what, found, direction)


def chosen(test: Test, of: int) -> Test:
    """Return a test with p corrected for the number of pairs that its two points were chosen from (Bonferroni)."""
    return test if test.found is None else evolve(test, found=evolve(test.found, p=min(1.0, of * test.found.p)))
