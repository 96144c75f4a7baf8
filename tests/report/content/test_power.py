"""The power of the test that reports use, and the seeds that it needs."""

from __future__ import annotations

import numpy as np
import pytest
from attrs import evolve

from dmlcore.report.content.power import POWER, power, seeds_needed, smallest_found
from dmlcore.report.content.statistics import LEVEL, Resampling, Sample, Variance, compare, pooled_seed_variance

SD = 0.01


def known(seeds: int, rows: int = 2) -> Sample:
    """A row of a study with a seed noise of SD, pooled over its rows."""
    return Sample(tuple(range(seeds)), np.full(seeds, 0.5), seed_variance=Variance(SD**2, rows * (seeds - 1)))


def of_classes(spread: float, noise: Variance | None = None) -> Sample:
    """A row that differs from one of equal queries by `spread` over classes, and not over seeds."""
    labels = np.repeat(np.arange(30), 4)
    resampling = Resampling.of(labels)
    values = 0.5 + np.random.default_rng(0).normal(0, spread, 30)[labels]
    return Sample((0, 1), np.full(2, 0.5), resampling, resampling.replicates(np.stack([values, values])), noise)


@pytest.mark.parametrize(("rows", "seeds", "size"), [(2, 2, 0.05), (2, 3, 0.03), (5, 3, 0.03), (5, 8, 0.015)])
@pytest.mark.parametrize("tests", [1, 10])
def test_power_is_how_often_the_difference_is_found(rows: int, seeds: int, size: float, tests: int) -> None:
    generator = np.random.default_rng(0)
    trials, found = 1500, 0
    for _ in range(trials):
        drawn = 0.5 + generator.normal(0, SD, (rows, seeds))
        drawn[0] += size
        samples = [Sample(tuple(range(seeds)), values) for values in drawn]
        noise = pooled_seed_variance(samples)
        test = compare(*(evolve(sample, seed_variance=noise) for sample in samples[:2]))
        assert test is not None
        found += test.p < (1 - LEVEL) / tests
    expected = power(known(seeds, rows), known(seeds, rows), size, seeds, tests)
    allowed = 0.03 if rows == 2 else 0.09  # a few rows look noisier than the others, and get their own variance
    assert expected - allowed <= found / trials <= expected + 0.03


def test_the_seeds_needed_are_the_fewest_with_the_power() -> None:
    rows = known(3), known(3)
    for size in (0.008, 0.015, 0.04):
        needed = seeds_needed(*rows, size)
        assert needed is not None
        assert power(*rows, size, needed) >= POWER
        assert needed == 2 or power(*rows, size, needed - 1) < POWER
    assert (seeds_needed(*rows, 0.008), seeds_needed(*rows, 1.0)) == (26, 2)


def test_more_tests_need_more_seeds() -> None:
    needed = [seeds_needed(known(3), known(3), 0.015, tests) or 0 for tests in (1, 3, 10)]
    assert needed == sorted(set(needed))


def test_no_seeds_help_if_the_classes_are_too_few() -> None:
    noise = Variance(SD**2, 2)
    assert seeds_needed(of_classes(0.2, noise), of_classes(0.0, noise), 0.01) is None
    assert seeds_needed(of_classes(0.2, noise), of_classes(0.0, noise), 0.5) is not None


def test_the_smallest_difference_found_is_the_one_with_the_power() -> None:
    for seeds in (2, 3, 8):
        size = smallest_found(known(3), known(3), seeds)
        assert size == float(f"{size:.2g}")
        assert power(known(3), known(3), size, seeds) >= POWER
        assert power(known(3), known(3), 0.95 * size, seeds) < POWER + 0.02


def test_without_noise_everything_is_found_and_with_unknown_noise_nothing_is_planned() -> None:
    certain = Sample((0,), np.array([0.5]))
    equal = of_classes(0.0)
    assert power(equal, equal, 0.01, 2) == 1.0
    with pytest.raises(ValueError, match="unknown"):
        power(certain, certain, 0.01, 2)
