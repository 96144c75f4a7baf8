"""How sure a metric is: intervals over classes and seeds, and the test between two rows of a table.

A metric on unseen classes is a mean over queries, but queries of a class are alike: what was drawn by chance are the
classes. So classes are resampled (cluster bootstrap; Davison & Hinkley, Bootstrap Methods, 1997, section 3.8), the
same draws for all rows, so that differences are paired. Another seed would give another network; where there are
several, their spread is added.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen
from scipy.special import stdtr, stdtrit

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
"""Of all intervals; a difference counts where its p-value is below 1 − LEVEL."""

RESAMPLES = 2000

Source = Literal["classes", "seeds", "classes and seeds"]
"""Whose chance an interval or a test takes into account."""


@frozen(eq=False)
class Resampling:
    """The classes of one test set, drawn with replacement, as many as there are, RESAMPLES times.

    labels: (N,); draws: (RESAMPLES, C), how often each class was drawn.
    """

    labels: npt.NDArray[np.int64]
    draws: npt.NDArray[np.integer[Any]]
    _classes: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls, labels: npt.NDArray[np.int64], seed: int = 0, draws: npt.NDArray[np.integer[Any]] | None = None
    ) -> Self:
        """The draws for queries of these labels; the same labels and seed give the same draws. `draws` replace them."""
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
        """values: (M, N), a value a query, NaN where it is left out → (M, RESAMPLES), their mean in each draw."""
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
    """A variance, and the degrees of freedom that it is known by."""

    value: float
    freedom: float

    def over(self, count: int) -> Variance:
        """Of the mean of so many."""
        return Variance(self.value / count, self.freedom)


@frozen(eq=False)
class Sample:
    """One metric of one row: its value for each seed and, where queries were kept, in each draw of the classes.

    values: (S,); replicates: (S, RESAMPLES).
    """

    seeds: tuple[int, ...]
    values: Floats
    resampling: Resampling | None = None
    replicates: Floats | None = None
    seed_variance: Variance | None = None
    """Of one run, over seeds; None where it is not known, or where the seed changes nothing."""

    @property
    def mean(self) -> float:
        # equal values give themselves, to the last digit
        return float(self.values[0]) if np.ptp(self.values) == 0 else math.fsum(self.values) / len(self.values)

    @property
    def sd(self) -> float | None:
        """Sample deviation over seeds (n − 1); None for one seed."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None

    def of_seeds(self, seeds: Sequence[int]) -> Sample:
        """The same of some of its seeds, in the order given."""
        places = [self.seeds.index(seed) for seed in seeds]
        replicates = None if self.replicates is None else self.replicates[places]
        return evolve(self, seeds=tuple(seeds), values=self.values[places], replicates=replicates)


def pooled_seed_variance(samples: Sequence[Sample]) -> Variance | None:
    """The variance over seeds, taken to be the same in all rows; None where no row has two seeds, or none matters.

    Two or three seeds say little of it (a t-test of two pairs has one degree of freedom); all rows together say more.
    """
    freedom = sum(len(sample.values) - 1 for sample in samples)
    squares = math.fsum(float(np.var(sample.values)) * len(sample.values) for sample in samples)
    return None if freedom == 0 or squares == 0 else Variance(squares / freedom, freedom)


def averaged(samples: Sequence[Sample]) -> Sample:
    """The mean of samples of the same seeds: the marginal of a row over what else the grid varies.

    Raises ValueError where the seeds differ.
    """
    first = samples[0]
    if any(sample.seeds != first.seeds for sample in samples):
        raise ValueError("samples of different seeds have no mean a seed")
    values = np.mean([sample.values for sample in samples], axis=0)
    noise = None if first.seed_variance is None else first.seed_variance.over(len(samples))
    drawn = [sample.replicates for sample in samples if sample.replicates is not None]
    if len(drawn) < len(samples) or any(sample.resampling is not first.resampling for sample in samples):
        return Sample(first.seeds, values, seed_variance=noise)
    return Sample(first.seeds, values, first.resampling, np.mean(drawn, axis=0), noise)


@frozen
class Interval:
    """Where a metric, or a difference, lies with confidence LEVEL, given the chance in `source`."""

    low: float
    high: float
    source: Source

    def __str__(self) -> str:
        return f"[{self.low:.3f}, {self.high:.3f}]".replace("-", "−")


@frozen
class Comparison:
    """Row a minus row b."""

    difference: float
    interval: Interval
    p: float
    """Of the two-sided test that there is no difference."""


def interval(sample: Sample) -> Interval | None:
    """The interval of a row's mean; None where there is neither a second class nor a second seed.

    Seed noise unknown: percentiles of the draws, at the levels that make up for few classes (expanded percentile
    interval; Hesterberg, What Teachers Should Know about the Bootstrap, 2015, section 4.4.2). Known: mean ± t · se,
    where se² is the variance over draws plus that over seeds / S, with degrees of freedom after Satterthwaite (1946).
    How a class answers to a seed is in both parts, so the interval is rather too wide than too narrow.
    """
    if sample.seed_variance is None and len(sample.seeds) == 1:
        return _percentiles(sample)
    over_classes, over_seeds = _over_classes(sample.resampling, sample.replicates), _over_seeds(sample)
    return _around(sample.mean, over_classes, over_seeds)


def compare(a: Sample, b: Sample) -> Comparison | None:
    """The test of two rows, paired by query: t = difference / se, se² from classes and seeds as for `interval`.

    Each draw of the classes gives one difference of the rows' means over seeds. Seeds of different rows count as
    independent. None where rows can't be compared: measured on different queries, or neither values for each query
    nor a second seed.
    """
    if a.replicates is not None and b.replicates is not None:
        if a.resampling is not b.resampling:
            return None
        over_classes = _over_classes(a.resampling, (a.replicates.mean(0) - b.replicates.mean(0))[None])
    else:
        over_classes = None
    over_seeds = _sum([_over_seeds(a), _over_seeds(b)])
    error = _sum([over_classes, over_seeds])
    bounds = _around(a.mean - b.mean, over_classes, over_seeds)
    return None if error is None or bounds is None else Comparison(a.mean - b.mean, bounds, _p(a.mean - b.mean, error))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for being several (Holm, 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _over_classes(resampling: Resampling | None, replicates: Floats | None) -> Variance | None:
    """Of the mean over seeds of (S, RESAMPLES) replicates; resampling C classes shows (C − 1)/C of the variance."""
    if resampling is None or replicates is None or resampling.classes < 2:
        return None
    count = resampling.classes
    return Variance(float(np.nanvar(replicates.mean(0), ddof=1)) * count / (count - 1), count - 1)


def _over_seeds(sample: Sample) -> Variance | None:
    return None if sample.seed_variance is None else sample.seed_variance.over(len(sample.seeds))


def _sum(parts: Sequence[Variance | None]) -> Variance | None:
    """Variances added; degrees of freedom after Satterthwaite (1946), of equal sources as they are."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    value = math.fsum(part.value for part in known)
    if value == 0:
        return Variance(0.0, min(part.freedom for part in known))
    return Variance(value, value**2 / math.fsum(part.value**2 / part.freedom for part in known))


def _around(centre: float, over_classes: Variance | None, over_seeds: Variance | None) -> Interval | None:
    error = _sum([over_classes, over_seeds])
    if error is None:
        return None
    reach = float(stdtrit(error.freedom, (1 + LEVEL) / 2)) * math.sqrt(error.value)
    source: Source = "seeds" if over_classes is None else "classes" if over_seeds is None else "classes and seeds"
    return Interval(centre - reach, centre + reach, source)


def _p(difference: float, error: Variance) -> float:
    if error.value == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stdtr(error.freedom, -abs(difference) / math.sqrt(error.value)))


def _percentiles(sample: Sample) -> Interval | None:
    if sample.replicates is None or sample.resampling is None or sample.resampling.classes < 2:
        return None
    count = sample.resampling.classes
    reach = math.sqrt(count / (count - 1)) * float(stdtrit(count - 1, (1 + LEVEL) / 2))
    tail = NormalDist().cdf(-reach)
    low, high = np.nanquantile(sample.replicates[0], [tail, 1 - tail])
    return Interval(float(low), float(high), "classes")
