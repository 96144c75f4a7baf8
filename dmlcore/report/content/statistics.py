"""How certain a metric is: intervals over classes and seeds, and the test between two rows of a table.

A metric on unseen classes is a mean over queries, but the queries of a class are alike: the classes are the random
sample. So classes are resampled (cluster bootstrap; Davison & Hinkley, Bootstrap Methods, 1997, section 3.8), with the
same draws for all rows, so that differences are paired. Another seed gives another network; with several seeds, their
variance is added.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import NormalDist, stdev
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen
from scipy.special import stdtr, stdtrit

from dmlcore.report.content.quantities import decimals, typeset

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
"""Confidence of all intervals; a difference is significant if its p-value is below 1 − LEVEL."""

RESAMPLES = 2000

Source = Literal["classes", "seeds", "classes and seeds"]
"""The sources of chance that an interval or a test accounts for."""


@frozen(eq=False)
class Resampling:
    """RESAMPLES bootstrap samples of the C classes of a test set.

    labels: (N,); draws: (RESAMPLES, C), how often each class was drawn.
    """

    labels: npt.NDArray[np.int64]
    draws: npt.NDArray[np.integer[Any]]
    _classes: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls, labels: npt.NDArray[np.int64], seed: int = 0, draws: npt.NDArray[np.integer[Any]] | None = None
    ) -> Self:
        """Return a resampling for queries of these labels, by the given draws or by those of the seed."""
        names, classes = np.unique(labels, return_inverse=True)
        count = len(names)
        if draws is None:
            generator = np.random.default_rng(seed)
            draws = np.empty((RESAMPLES, count), dtype=np.uint8)
            for row in draws:
                row[:] = np.bincount(generator.integers(0, count, count), minlength=count)
        return cls(labels, draws, classes)

    @property
    def classes(self) -> int:
        return int(self.draws.shape[1])

    def replicates(self, values: Floats) -> Floats:
        """values: (M, N), one per query, NaN for excluded queries → (M, RESAMPLES), their mean in each draw."""
        sums = np.stack([np.bincount(self._classes, row, self.classes) for row in np.nan_to_num(values)])
        counts = np.stack([np.bincount(self._classes, row, self.classes) for row in ~np.isnan(values)])
        out = np.empty((len(values), len(self.draws)))
        for start in range(0, len(self.draws), 200):  # as floats, all draws of ten thousand classes are large
            draws = self.draws[start : start + 200].T.astype(np.float64)
            with np.errstate(invalid="ignore"):
                out[:, start : start + 200] = (sums @ draws) / (counts @ draws)
        return out


@frozen
class Variance:
    """A variance and the degrees of freedom of its estimate."""

    value: float
    freedom: float

    def over(self, count: int) -> Variance:
        """Return the variance of the mean of `count` values."""
        return Variance(self.value / count, self.freedom)


@frozen(eq=False)
class Sample:
    """One metric of one row: its value for each seed and, if queries were stored, in each draw of the classes.

    values: (S,); replicates: (S, RESAMPLES).
    """

    seeds: tuple[int, ...]
    values: Floats
    resampling: Resampling | None = None
    replicates: Floats | None = None
    seed_variance: Variance | None = None
    """Of one run, over seeds; None if unknown or if the seed changes nothing."""

    @property
    def mean(self) -> float:
        # the mean of equal values is exact
        return float(self.values[0]) if np.ptp(self.values) == 0 else math.fsum(self.values) / len(self.values)

    @property
    def sd(self) -> float | None:
        """Sample standard deviation over seeds (n − 1); None for one seed."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None

    def of_seeds(self, seeds: Sequence[int]) -> Sample:
        """Return the sample of some of its seeds, in the order given."""
        places = [self.seeds.index(seed) for seed in seeds]
        replicates = None if self.replicates is None else self.replicates[places]
        return evolve(self, seeds=tuple(seeds), values=self.values[places], replicates=replicates)


def pooled_seed_variance(samples: Sequence[Sample]) -> Variance | None:
    """Return the variance over seeds, assumed equal in all rows; None if no row has two seeds or seeds change nothing.

    Two or three seeds estimate it poorly (a t-test of two pairs has one degree of freedom); all rows do it better.
    """
    freedom = sum(len(sample.values) - 1 for sample in samples)
    squares = math.fsum(float(np.var(sample.values)) * len(sample.values) for sample in samples)
    return None if freedom == 0 or squares == 0 else Variance(squares / freedom, freedom)


def averaged(samples: Sequence[Sample]) -> Sample:
    """Return the mean of samples of the same seeds: the marginal over the other paths of the grid.

    Raises ValueError if the seeds differ.
    """
    first = samples[0]
    if any(sample.seeds != first.seeds for sample in samples):
        raise ValueError("samples of different seeds can't be averaged")
    values = np.mean([sample.values for sample in samples], axis=0)
    noise = None if first.seed_variance is None else first.seed_variance.over(len(samples))
    drawn = [sample.replicates for sample in samples if sample.replicates is not None]
    if len(drawn) < len(samples) or any(sample.resampling is not first.resampling for sample in samples):
        return Sample(first.seeds, values, seed_variance=noise)
    return Sample(first.seeds, values, first.resampling, np.mean(drawn, axis=0), noise)


@frozen
class Interval:
    """The interval of a metric or a difference with confidence LEVEL, given the chance in `source`."""

    low: float
    high: float
    source: Source

    def __str__(self) -> str:
        return typeset(f"[{self.low:.3f}, {self.high:.3f}]")


BEST = "*"
"""Marks a value that differs significantly from that of every other row."""


@frozen
class Spread:
    """Mean over seeds, sample standard deviation if there are several, and the interval if there is one."""

    mean: float
    sd: float | None
    interval: Interval | None = None
    best: bool = False
    """Whether it is the highest of its column and differs significantly from every other."""

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least one value; the mean of equal values is exact."""
        if len(set(values)) == 1:
            return cls(values[0], 0.0 if len(values) > 1 else None)
        return cls(math.fsum(values) / len(values), stdev(values))

    @classmethod
    def of_sample(cls, sample: Sample) -> Spread:
        return cls(sample.mean, sample.sd, interval(sample))

    def __str__(self) -> str:
        return self.text(decimals) + (f" {BEST}" if self.best else "")

    def text(self, form: Callable[[float], str]) -> str:
        """Return mean ± deviation, each in a format."""
        return form(self.mean) + ("" if self.sd is None else f" ± {form(self.sd)}")


@frozen
class Comparison:
    """Row a minus row b."""

    difference: float
    interval: Interval
    p: float
    """Of the two-sided test for no difference."""


def interval(sample: Sample) -> Interval | None:
    """Return the interval of a row's mean; None without a second class or a second seed.

    Unknown seed noise: percentiles of the draws at levels that correct for few classes (expanded percentile interval;
    Hesterberg, What Teachers Should Know about the Bootstrap, 2015, section 4.4.2). Known seed noise: mean ± t · se,
    where se² is the variance over draws plus that over seeds / S, with degrees of freedom after Satterthwaite (1946).
    The interaction of class and seed counts in both parts, so the interval is rather too wide than too narrow.
    """
    if sample.seed_variance is None and len(sample.seeds) == 1:
        return _percentiles(sample)
    found = _tested(sample.mean, _over_classes(sample.resampling, sample.replicates), _over_seeds(sample))
    return None if found is None else found.interval


def compare(a: Sample, b: Sample) -> Comparison | None:
    """Test two rows, paired by query: t = difference / se, se² from classes and seeds as for `interval`.

    Each draw of the classes gives one difference of the rows' means over seeds. Seeds of different rows count as
    independent. None if the rows can't be compared: they were measured on different queries, or there are neither
    per-query values nor a second seed.
    """
    if a.replicates is not None and b.replicates is not None and a.resampling is not b.resampling:
        return None
    return _tested(a.mean - b.mean, difference_over_classes(a, b), difference_over_seeds(a, b))


def difference_over_classes(a: Sample, b: Sample) -> Variance | None:
    """Return the variance of a difference over classes, paired by query; None without per-query values."""
    if a.replicates is None or b.replicates is None:
        return None
    return _over_classes(a.resampling, (a.replicates.mean(0) - b.replicates.mean(0))[None])


def difference_over_seeds(a: Sample, b: Sample) -> Variance | None:
    """Return the variance of a difference over seeds; None if it is unknown or the seeds change nothing."""
    if a.seed_variance != b.seed_variance or a.seed_variance is None:
        return sum_of_variances([_over_seeds(a), _over_seeds(b)])
    # one estimate, pooled over the rows of both: two would have twice its degrees of freedom
    noise = a.seed_variance
    return Variance(noise.value * (1 / len(a.seeds) + 1 / len(b.seeds)), noise.freedom)


def compare_each(pairs: Iterable[tuple[Sample, Sample]]) -> list[Comparison | None]:
    """Test each pair of rows; p is adjusted for the number of tests (`holm`)."""
    tests = [compare(a, b) for a, b in pairs]
    adjusted = iter(holm([test.p for test in tests if test is not None]))
    return [None if test is None else evolve(test, p=next(adjusted)) for test in tests]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for multiple tests (Holm, 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _over_classes(resampling: Resampling | None, replicates: Floats | None) -> Variance | None:
    """Of the mean over seeds of (S, RESAMPLES) replicates; a bootstrap of C classes has (C − 1)/C of the variance."""
    if resampling is None or replicates is None or resampling.classes < 2:
        return None
    count = resampling.classes
    return Variance(float(np.nanvar(replicates.mean(0), ddof=1)) * count / (count - 1), count - 1)


def _over_seeds(sample: Sample) -> Variance | None:
    return None if sample.seed_variance is None else sample.seed_variance.over(len(sample.seeds))


def sum_of_variances(parts: Sequence[Variance | None]) -> Variance | None:
    """Return the sum of variances, with degrees of freedom after Satterthwaite (1946)."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    value = math.fsum(part.value for part in known)
    if value == 0:
        return Variance(0.0, min(part.freedom for part in known))
    return Variance(value, value**2 / math.fsum(part.value**2 / part.freedom for part in known))


def _tested(center: float, over_classes: Variance | None, over_seeds: Variance | None) -> Comparison | None:
    """A mean or a difference with its interval, and the test of whether it is 0; None if no chance is known."""
    error = sum_of_variances([over_classes, over_seeds])
    if error is None:
        return None
    reach = float(stdtrit(error.freedom, (1 + LEVEL) / 2)) * math.sqrt(error.value)
    source: Source = "seeds" if over_classes is None else "classes" if over_seeds is None else "classes and seeds"
    if error.value == 0:
        p = 1.0 if center == 0 else 0.0
    else:
        p = float(2 * stdtr(error.freedom, -abs(center) / math.sqrt(error.value)))
    return Comparison(center, Interval(center - reach, center + reach, source), p)


def _percentiles(sample: Sample) -> Interval | None:
    if sample.replicates is None or sample.resampling is None or sample.resampling.classes < 2:
        return None
    count = sample.resampling.classes
    reach = math.sqrt(count / (count - 1)) * float(stdtrit(count - 1, (1 + LEVEL) / 2))
    tail = NormalDist().cdf(-reach)
    low, high = np.nanquantile(sample.replicates[0], [tail, 1 - tail])
    return Interval(float(low), float(high), "classes")
