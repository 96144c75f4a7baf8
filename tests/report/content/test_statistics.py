"""Intervals cover what they say, and tests cry out no oftener than they say."""

from __future__ import annotations

import numpy as np
import pytest
from attrs import evolve
from scipy import stats

from dmlcore.report.content.statistics import (
    LEVEL,
    RESAMPLES,
    Interval,
    Resampling,
    Sample,
    Variance,
    averaged,
    compare,
    difference_over_classes,
    difference_over_seeds,
    holm,
    interval,
    pooled_seed_variance,
    reach,
)

CLASSES, PER_CLASS = 30, 12
LABELS = np.repeat(np.arange(CLASSES), PER_CLASS)
RESAMPLING = Resampling.of(LABELS)
TWELVE = Resampling.of(np.arange(12))
DIFFERING = np.random.default_rng(14).normal(0, 0.05, CLASSES)[LABELS]


def sample(values: np.ndarray, resampling: Resampling = RESAMPLING, noise: Variance | None = None) -> Sample:
    """values: (S, N)."""
    seeds = tuple(range(len(values)))
    return Sample(seeds, np.nanmean(values, axis=1), resampling, resampling.replicates(values), noise)


def drawn(generator: np.random.Generator, seeds: int = 1, seed_sd: float = 0.0) -> np.ndarray:
    """(S, N) values of true mean 0.5: the luck of a class, of an image, and of a seed."""
    classes = generator.normal(0, 0.15, CLASSES)[LABELS]
    images = generator.normal(0, 0.3, len(LABELS))
    own = generator.normal(0, 0.2, (seeds, len(LABELS)))
    return 0.5 + classes + images + own + generator.normal(0, seed_sd, (seeds, 1))


def test_replicates_are_means_over_the_drawn_classes() -> None:
    labels = np.array([2, 0, 2, 0, 0, 5])
    values = np.array([[1.0, 0.0, np.nan, 1.0, 1.0, 0.25], [0.0, 0.5, 1.0, 0.5, 0.5, 0.0]])
    resampling = Resampling.of(labels)
    found = resampling.replicates(values)
    assert resampling.draws.sum(axis=1).tolist() == [3] * RESAMPLES
    members = [np.flatnonzero(labels == label) for label in (0, 2, 5)]
    for place in (0, 1, 777, RESAMPLES - 1):
        queries = np.concatenate([np.tile(m, n) for m, n in zip(members, resampling.draws[place], strict=True)])
        np.testing.assert_allclose(found[:, place], np.nanmean(values[:, queries], axis=1))


def test_the_same_labels_give_the_same_draws() -> None:
    assert np.array_equal(Resampling.of(LABELS).draws, RESAMPLING.draws)
    assert not np.array_equal(Resampling.of(LABELS, seed=1).draws, RESAMPLING.draws)


def test_an_interval_of_one_seed_covers_the_truth_of_other_classes() -> None:
    generator = np.random.default_rng(1)
    trials = 600
    covered = 0
    for _ in range(trials):
        bounds = interval(sample(drawn(generator)))
        assert bounds is not None
        assert bounds.source == "classes"
        covered += bounds.low <= 0.5 <= bounds.high
    assert covered / trials == pytest.approx(LEVEL, abs=0.025)


def test_an_interval_of_several_seeds_covers_the_truth_of_other_classes_and_seeds() -> None:
    generator = np.random.default_rng(2)
    trials = 400
    covered = 0
    for _ in range(trials):
        rows = [drawn(generator, seeds=3, seed_sd=0.03) for _ in range(4)]
        noise = pooled_seed_variance([sample(row) for row in rows])
        bounds = interval(sample(rows[0], noise=noise))
        assert bounds is not None
        assert bounds.source == "classes and seeds"
        covered += bounds.low <= 0.5 <= bounds.high
    assert 0.925 <= covered / trials <= 0.99


def test_intervals_agree_with_the_t_interval_of_class_means() -> None:
    values = drawn(np.random.default_rng(3))
    means = values[0].reshape(CLASSES, PER_CLASS).mean(axis=1)
    low, high = stats.t.interval(LEVEL, CLASSES - 1, means.mean(), stats.sem(means))
    one = interval(sample(values))
    assert one is not None
    assert (one.low, one.high) == (pytest.approx(low, abs=0.006), pytest.approx(high, abs=0.006))
    several = interval(sample(np.repeat(values, 2, axis=0)))
    assert several is not None
    assert several.source == "classes"
    assert (several.low, several.high) == (pytest.approx(low, abs=0.004), pytest.approx(high, abs=0.004))


def test_an_interval_over_seeds_alone_is_the_t_interval() -> None:
    values = np.array([0.5, 0.52, 0.55])
    noise = pooled_seed_variance([Sample((0, 1, 2), values)])
    bounds = interval(Sample((0, 1, 2), values, seed_variance=noise))
    low, high = stats.t.interval(LEVEL, 2, values.mean(), stats.sem(values))
    assert bounds == Interval(pytest.approx(low), pytest.approx(high), "seeds")


def test_nothing_known_of_chance_gives_no_interval_and_no_test() -> None:
    alone = Sample((0,), np.array([0.5]))
    assert interval(alone) is None
    assert compare(alone, Sample((0,), np.array([0.7]))) is None
    one_class = Resampling.of(np.zeros(9, dtype=np.int64))
    assert interval(sample(np.ones((1, 9)), one_class)) is None


def test_the_test_agrees_with_the_paired_t_test_of_class_means() -> None:
    generator = np.random.default_rng(4)
    first = drawn(generator)
    second = first + 0.02 + generator.normal(0, 0.05, CLASSES)[LABELS]
    found = compare(sample(second), sample(first))
    means = (second - first)[0].reshape(CLASSES, PER_CLASS).mean(axis=1)
    wanted = stats.ttest_1samp(means, 0)
    assert found is not None
    assert found.difference == pytest.approx(means.mean())
    assert found.p == pytest.approx(wanted.pvalue, rel=0.3)
    assert found.interval.source == "classes"
    bounds = wanted.confidence_interval(LEVEL)
    assert (found.interval.low, found.interval.high) == (
        pytest.approx(bounds.low, abs=0.002),
        pytest.approx(bounds.high, abs=0.002),
    )


def test_the_test_agrees_with_flipping_the_signs_of_classes() -> None:
    generator = np.random.default_rng(5)
    first = drawn(generator)
    second = first + 0.018 + generator.normal(0, 0.05, CLASSES)[LABELS]
    sums = (second - first)[0].reshape(CLASSES, PER_CLASS).sum(axis=1)
    flips = generator.choice([-1, 1], (20_000, CLASSES)) @ sums
    found = compare(sample(second), sample(first))
    assert found is not None
    assert found.p == pytest.approx(np.mean(np.abs(flips) >= abs(sums.sum())), abs=0.02)


@pytest.mark.parametrize("seeds", [1, 3])
def test_two_rows_of_one_truth_are_called_different_no_oftener_than_said(seeds: int) -> None:
    generator = np.random.default_rng(6)
    trials = 400
    cries = 0
    for _ in range(trials):
        images = drawn(generator)  # the same test images, each with its own difficulty
        noise_sd = 0.0 if seeds == 1 else 0.02
        rows = [
            images + generator.normal(0, 0.2, (seeds, len(LABELS))) + generator.normal(0, noise_sd, (seeds, 1))
            for _ in range(4)
        ]
        noise = pooled_seed_variance([sample(row) for row in rows]) if seeds > 1 else None
        found = compare(sample(rows[0], noise=noise), sample(rows[1], noise=noise))
        assert found is not None
        cries += found.p < 1 - LEVEL
    assert 0.01 <= cries / trials <= 0.075


def test_a_difference_between_seeds_is_no_difference_between_settings() -> None:
    images = drawn(np.random.default_rng(7))
    rows = [images + np.array([[0.05], [-0.05], [0.0]]), images + np.array([[0.04], [-0.06], [0.08]])]
    noise = pooled_seed_variance([sample(row) for row in rows])
    blind = compare(sample(rows[1]), sample(rows[0]))
    seeing = compare(sample(rows[1], noise=noise), sample(rows[0], noise=noise))
    assert blind is not None
    assert seeing is not None
    assert blind.p < 0.001
    assert seeing.p > 0.3
    assert seeing.interval.source == "classes and seeds"


def test_lone_queries_are_left_out() -> None:
    generator = np.random.default_rng(8)
    values = drawn(generator)
    lone = values.copy()
    lone[0, LABELS == 3] = np.nan
    others = LABELS != 3
    found, wanted = interval(sample(lone)), interval(sample(values[:, others], Resampling.of(LABELS[others])))
    assert found is not None
    assert wanted is not None
    assert (found.low, found.high) == (pytest.approx(wanted.low, abs=0.02), pytest.approx(wanted.high, abs=0.02))


def test_rows_of_different_test_images_are_not_tested() -> None:
    other = Resampling.of(LABELS[::-1].copy())
    values = drawn(np.random.default_rng(9))
    assert compare(sample(values), sample(values, other)) is None


def test_equal_rows_do_not_differ() -> None:
    values = drawn(np.random.default_rng(10))
    found = compare(sample(values), sample(values))
    assert found is not None
    assert (found.difference, found.p) == (0.0, 1.0)


def test_the_variance_over_seeds_is_pooled() -> None:
    rows = [
        Sample((0, 1, 2), np.array([0.1, 0.2, 0.3])),
        Sample((0, 1), np.array([0.5, 0.7])),
        Sample((0,), np.ones(1)),
    ]
    pooled = pooled_seed_variance(rows)
    assert pooled == Variance(pytest.approx((2 * 0.01 + 1 * 0.02) / 3), 3)
    assert pooled_seed_variance(rows[2:]) is None
    assert pooled_seed_variance([Sample((0, 1), np.array([0.5, 0.5]))]) is None


def test_an_average_of_rows_has_less_noise() -> None:
    values = drawn(np.random.default_rng(11), seeds=2)
    rows = [sample(values, noise=Variance(0.04, 6)), sample(values + 0.2, noise=Variance(0.04, 6))]
    mean = averaged(rows)
    assert mean.mean == pytest.approx(values.mean() + 0.1)
    assert mean.seed_variance == Variance(0.02, 6)
    assert mean.replicates is not None
    np.testing.assert_allclose(mean.replicates, (rows[0].replicates + rows[1].replicates) / 2)  # type: ignore[operator]
    with pytest.raises(ValueError, match="different seeds"):
        averaged([rows[0], rows[1].of_seeds([0])])


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("rows", [2, 4])
def test_two_seeds_hold_the_level_next_to_few_classes(rows: int) -> None:
    generator = np.random.default_rng(12)
    p_values = []
    for _ in range(400):
        values = generator.normal(0.5, 0.03, (rows, 2, 1)) + generator.normal(0, 0.02, (rows, 2, 12))
        samples = [sample(each, TWELVE) for each in values]
        noise = pooled_seed_variance(samples)
        found = compare(*(evolve(each, seed_variance=noise) for each in samples[:2]))
        assert found is not None
        p_values.append(found.p)
    assert np.mean(np.array(p_values) < 0.05) <= 0.065
    assert np.mean(np.array(p_values) < 0.01) <= 0.02


def test_the_reach_of_two_parts_is_that_of_their_own_quantiles() -> None:
    parts = [Variance(4e-4, 1), Variance(9e-4, 40)]
    expected = np.hypot(stats.t.ppf(0.975, 1) * 0.02, stats.t.ppf(0.975, 40) * 0.03)
    assert reach(parts, 0.05) == pytest.approx(expected)
    assert reach(parts[:1], 0.05) == pytest.approx(stats.t.ppf(0.975, 1) * 0.02)


def test_p_is_the_level_at_which_the_interval_ends_at_zero() -> None:
    values = drawn(np.random.default_rng(13), seeds=2)
    rows = [sample(values + shift, noise=Variance(1e-4, 3)) for shift in (0.05, DIFFERING)]
    found = compare(*rows)
    parts = [part for part in (difference_over_classes(*rows), difference_over_seeds(*rows)) if part is not None]
    assert found is not None
    assert len(parts) == 2
    assert reach(parts, found.p) == pytest.approx(abs(found.difference))


def seeds_only(*rows: list[float]) -> list[Sample]:
    samples = [Sample(tuple(range(len(row))), np.array(row)) for row in rows]
    noise = pooled_seed_variance(samples)
    return [evolve(each, seed_variance=noise) for each in samples]


def test_rows_that_vary_more_than_the_others_are_compared_by_their_own_variance() -> None:
    quiet = [[0.5, 0.501, 0.502], [0.6, 0.601, 0.602], [0.4, 0.401, 0.402]]
    noisy = [[0.5, 0.55, 0.6], [0.58, 0.64, 0.68]]
    first, second, *others = seeds_only(*noisy, *quiet)
    found, welch = compare(second, first), stats.ttest_ind(noisy[1], noisy[0], equal_var=False)
    assert found is not None
    assert found.p == pytest.approx(welch.pvalue)
    pooled = difference_over_seeds(others[0], others[1])
    assert first.seed_variance is not None
    assert pooled == Variance(pytest.approx(first.seed_variance.value * 2 / 3), 10)


def test_rows_that_alone_vary_are_compared_by_their_own_variance() -> None:
    first, second, *_ = seeds_only([0.5, 0.6], [0.7, 0.9], [0.5, 0.5], [0.4, 0.4])
    found = compare(second, first)
    assert found is not None
    assert found.p == pytest.approx(stats.ttest_ind([0.7, 0.9], [0.5, 0.6], equal_var=False).pvalue)


def test_a_difference_by_rounding_is_none() -> None:
    values = drawn(np.random.default_rng(15))
    found = compare(sample(values + 1e-9), sample(values))
    assert found is not None
    assert found.p == 1.0


def test_without_any_variance_p_is_that_of_a_sign_test_of_the_classes() -> None:
    few = Resampling.of(np.repeat(np.arange(5), 3))
    found = compare(sample(np.ones((1, 15)), few), sample(np.zeros((1, 15)), few))
    assert found is not None
    assert (found.difference, found.p) == (1.0, 2.0**-4)
