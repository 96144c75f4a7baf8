"""How certain a metric is: intervals over classes and seeds, and the test between two rows of a table.

A metric on unseen classes is a mean over queries, but the queries of a class are alike: the classes are the random
sample. So classes are resampled (cluster bootstrap; Davison & Hinkley, Bootstrap Methods, 1997, section 3.8), with the
same draws for all rows, so that differences are paired. Another seed gives another network; with several seeds, their
variance is added.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist, stdev
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen
from scipy.special import fdtrc, stdtr, stdtrit

from dmlcore.report.content.quantities import MISSING, column, decimals, typeset

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
"""Confidence of all intervals; a difference is significant if its p-value is below 1 − LEVEL."""

RESAMPLES = 2000

SMALLEST = 1e-15
"""The smallest p-value of two sources of chance."""

ROUNDING = 1e-6
"""Differences up to this share of the larger mean are those of single precision, and count as none."""

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
    def squares(self) -> float:
        """Sum of the squared deviations of the seeds from their mean."""
        return float(np.var(self.values)) * len(self.values)

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
    squares = math.fsum(sample.squares for sample in samples)
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
        shown = " ± ".join(decimals(value) for value in (self.mean, self.sd) if value is not None)
        return f"{shown} {BEST}" if self.best else shown


def spread_cells(name: str, spreads: Sequence[Spread | None]) -> list[str]:
    """Return mean ± deviation of a quantity in each cell, all with the same number of decimals."""
    values = [value for spread in spreads for value in ((spread.mean, spread.sd) if spread else (None, None))]
    cells = iter(column(name, values))
    return [mean if sd == MISSING else f"{mean} ± {sd}" for mean, sd in zip(cells, cells, strict=True)]


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
    Hesterberg, What Teachers Should Know about the Bootstrap, 2015, section 4.4.2). Known seed noise: mean ± √(t² v +
    t'² v'), where v is the variance over draws, v' that over seeds / S, and t and t' are the quantiles of their degrees
    of freedom (Banerjee, 1960): the coverage is at least LEVEL, also with one degree of freedom for the seeds. The
    interaction of class and seed counts in both parts, so the interval is rather too wide than too narrow.
    """
    if sample.seed_variance is None and len(sample.seeds) == 1:
        return _percentiles(sample)
    found = _tested(sample.mean, _over_classes(sample.resampling, sample.replicates), _over_seeds(sample))
    return None if found is None else found.interval


def compare(a: Sample, b: Sample) -> Comparison | None:
    """Test two rows, paired by query, with the variances over classes and seeds combined as for `interval`.

    Each draw of the classes gives one difference of the rows' means over seeds. Seeds of different rows count as
    independent. Rows that differ by rounding alone have p = 1. None if the rows can't be compared: they were measured
    on different queries, or there are neither per-query values nor a second seed.
    """
    if a.replicates is not None and b.replicates is not None and a.resampling is not b.resampling:
        return None
    found = _tested(a.mean - b.mean, difference_over_classes(a, b), difference_over_seeds(a, b))
    rounded = abs(a.mean - b.mean) <= ROUNDING * max(abs(a.mean), abs(b.mean))
    return evolve(found, p=1.0) if found is not None and rounded else found


def difference_over_classes(a: Sample, b: Sample) -> Variance | None:
    """Return the variance of a difference over classes, paired by query; None without per-query values."""
    if a.replicates is None or b.replicates is None:
        return None
    return _over_classes(a.resampling, (a.replicates.mean(0) - b.replicates.mean(0))[None])


def difference_over_seeds(a: Sample, b: Sample) -> Variance | None:
    """Return the variance of a difference over seeds; None if it is unknown or the seeds change nothing.

    It is pooled over all rows, because two seeds say little about a row; but if these two rows vary significantly more
    than the others (F-test), it is their own (Welch, 1947): rows with little noise say nothing about those with much.
    """
    noise = a.seed_variance
    if noise is None or noise != b.seed_variance:
        return sum_of_variances([_over_seeds(a), _over_seeds(b)])
    if _noisier(a, b, noise):
        return sum_of_variances([_own_variance(a), _own_variance(b)])
    # one estimate, pooled over the rows of both: two would have twice its degrees of freedom
    return Variance(noise.value * (1 / len(a.seeds) + 1 / len(b.seeds)), noise.freedom)


def _noisier(a: Sample, b: Sample, noise: Variance) -> bool:
    """Whether two rows of at least two seeds vary significantly more than the other rows of a pooled variance."""
    own, squares = len(a.values) + len(b.values) - 2, a.squares + b.squares
    others, rest = noise.freedom - own, noise.value * noise.freedom - squares
    if min(len(a.values), len(b.values)) < 2 or others <= 0 or squares == 0:
        return False
    return rest <= 0 or float(fdtrc(own, others, (squares / own) / (rest / others))) < 1 - LEVEL


def _own_variance(sample: Sample) -> Variance:
    """Of the mean over at least two seeds, from these alone."""
    freedom = len(sample.values) - 1
    return Variance(sample.squares / freedom, freedom).over(len(sample.values))


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


def reach(parts: Sequence[Variance], p: float) -> float:
    """Return the half width √Σ t² v of an interval that misses with probability p at most (Banerjee, 1960).

    The sum of the parts with one t, of degrees of freedom after Satterthwaite, misses several times too often if the
    noisiest part has one or two: by chance, it looks small, and the sum looks as certain as the other parts.
    """
    return math.sqrt(math.fsum(float(stdtrit(part.freedom, p / 2)) ** 2 * part.value for part in parts))


def _tested(center: float, over_classes: Variance | None, over_seeds: Variance | None) -> Comparison | None:
    """A mean or a difference with its interval, and the test of whether it is 0; None if no chance is known."""
    parts = [part for part in (over_classes, over_seeds) if part is not None]
    if not parts:
        return None
    source: Source = "seeds" if over_classes is None else "classes" if over_seeds is None else "classes and seeds"
    width = reach(parts, 1 - LEVEL)
    return Comparison(center, Interval(center - width, center + width, source), _p_value(abs(center), parts))


def _p_value(size: float, parts: Sequence[Variance]) -> float:
    """The p at which `reach` is the size; without variance, that of a sign test of equal signs."""
    if size == 0:
        return 1.0
    varying = [part for part in parts if part.value > 0]
    if not varying:
        return float(2.0 ** -min(part.freedom for part in parts))
    if len(varying) == 1:
        return float(2 * stdtr(varying[0].freedom, -size / math.sqrt(varying[0].value)))
    low, high = math.log10(SMALLEST), 0.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if reach(varying, 10**middle) < size else (middle, high)
    return float(10**high)


def _percentiles(sample: Sample) -> Interval | None:
    if sample.replicates is None or sample.resampling is None or sample.resampling.classes < 2:
        return None
    count = sample.resampling.classes
    reach = math.sqrt(count / (count - 1)) * float(stdtrit(count - 1, (1 + LEVEL) / 2))
    tail = NormalDist().cdf(-reach)
    low, high = np.nanquantile(sample.replicates[0], [tail, 1 - tail])
    return Interval(float(low), float(high), "classes")
