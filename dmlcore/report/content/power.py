"""How many seeds a study needs to decide a difference of a given size."""

from __future__ import annotations

import math

from scipy.special import nctdtr

from dmlcore.report.content.statistics import (
    LEVEL,
    Sample,
    Variance,
    difference_over_classes,
    difference_over_seeds,
    reach,
    sum_of_variances,
)

POWER = 0.8
"""Probability with which a difference of the given size is to be found."""

MOST = 64
"""Seeds beyond which no study is planned."""


def seeds_needed(a: Sample, b: Sample, size: float, tests: int = 1) -> int | None:
    """Return how many seeds per row find a true difference of `size` with probability POWER.

    The variance over classes is taken as it is, although a part of it shrinks with more seeds, so the number is rather
    too large. None if MOST seeds are not enough: then the test classes are too few. Raises ValueError if the noise is
    unknown.
    """
    return next((seeds for seeds in range(2, MOST + 1) if power(a, b, size, seeds, tests) >= POWER), None)


def power(a: Sample, b: Sample, size: float, seeds: int, tests: int = 1) -> float:
    """Return the probability of finding a true difference of `size` with this number of seeds per row, at least two.

    The test is that of `compare` at level (1 − LEVEL) / tests. The difference over its standard error follows the
    noncentral t distribution, with degrees of freedom after Satterthwaite (1946).
    """
    parts = [part for part in (difference_over_classes(a, b), _planned(a, b, seeds)) if part is not None]
    total = sum_of_variances(parts)
    if total is None:
        raise ValueError("the noise of classes and seeds is unknown")
    if total.value == 0:
        return 1.0
    error = math.sqrt(total.value)
    limit = reach(parts, (1 - LEVEL) / tests) / error
    return 1 - float(nctdtr(total.freedom, size / error, limit))


def _planned(a: Sample, b: Sample, seeds: int) -> Variance | None:
    """The variance over seeds of a difference, and its degrees of freedom, if every row had this number of seeds."""
    noise = difference_over_seeds(a, b)
    if noise is None:
        return None
    alone = noise.value / (1 / len(a.seeds) + 1 / len(b.seeds))
    present = max(2, len(a.seeds), len(b.seeds))
    return Variance(2 * alone / seeds, noise.freedom * (seeds - 1) / (present - 1))


def smallest_found(a: Sample, b: Sample, seeds: int, tests: int = 1) -> float:
    """Return the smallest true difference, to two digits, that this number of seeds finds with probability POWER."""
    low, high = 0.0, 1.0
    while power(a, b, high, seeds, tests) < POWER:
        high *= 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if power(a, b, middle, seeds, tests) >= POWER else (middle, high)
    digits = 1 - math.floor(math.log10(high)) if high > 0 else 0
    return float(math.ceil(high * 10**digits) / 10**digits)
