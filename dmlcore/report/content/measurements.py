"""What was measured for each row of a study's tables: a grid point over its seeds, or the untrained network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from statistics import fmean

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from dmlcore.api.result import Result
from dmlcore.report.content.naming import Names
from dmlcore.report.content.statistics import Resampling, Sample, pooled_seed_variance
from dmlcore.results.evidence import Evidence

UNTRAINED = "untrained"
TRAINED = "trained"
AS_LOADED = "as loaded"

ReadEvidence = Callable[[Result], Evidence | None]


@frozen(eq=False)
class PointMeasurements:
    """One row: its runs, and each metric as a sample."""

    label: str
    short: str
    """The label below a heading that names the setting: "64"."""
    results: tuple[Result, ...]
    samples: Mapping[str, Sample]
    untrained: bool = False

    @property
    def seeds(self) -> int:
        return len(self.results)

    @property
    def seconds(self) -> float:
        """Mean time of a run."""
        return fmean(result.seconds for result in self.results)

    @property
    def point(self) -> Mapping[str, object]:
        return self.results[0].point


def measure(
    results: Sequence[Result], evidence: ReadEvidence, untrained_evidence: ReadEvidence
) -> tuple[PointMeasurements, ...]:
    """Return the rows: untrained first, then the grid's points in the order of their first run."""
    groups: dict[str, list[Result]] = {}
    names = Names.of(result.point for result in results)
    for result in results:
        groups.setdefault(names.point(result.point), []).append(result)
    points = list(groups.values())
    resampled = cache(lambda labels: Resampling.of(np.frombuffer(labels, dtype=np.int64)))  # once for all rows
    bases = _untrained_groups(points)
    untrained = []
    for group in bases:
        label, short = (UNTRAINED if len(bases) == 1 else f"{UNTRAINED} {label}" for label in _labels(names, group[0]))
        samples = _samples(group, "baseline", untrained_evidence, resampled)
        untrained.append(PointMeasurements(label, short, tuple(group), samples, True))
    trained = []
    for group in points:
        label, short = _labels(names, group[0])
        trained.append(PointMeasurements(label, short, tuple(group), _samples(group, "metrics", evidence, resampled)))
    return (*_with_seed_noise(untrained), *_with_seed_noise(trained))


def selecting_metric(results: Sequence[Result]) -> str:
    """Return the metric that selects the best row: MAP@R if it was measured, else a headline metric; empty if none."""
    names = [name for result in results for name in result.metrics]
    maps = [name for name in names if name.endswith("/map_at_r")]
    return [*maps, *(name for result in results for name in result.headline), *names, ""][0]


def kind_of(result: Result) -> str:
    """The label of a run without a grid: trained, as loaded, or not trained but with a random layer on top."""
    if result.protocol.get("epochs") != 0:
        return TRAINED
    return AS_LOADED if is_as_loaded(result) else "not trained"


def is_as_loaded(result: Result) -> bool:
    """Whether a run only measured its network's features, so that its metrics are its baseline."""
    return result.protocol.get("epochs") == 0 and result.metrics == result.baseline


def _with_seed_noise(rows: Sequence[PointMeasurements]) -> list[PointMeasurements]:
    """The rows with the variance over seeds pooled over all of them, metric by metric."""
    names = dict.fromkeys(name for row in rows for name in row.samples)
    noise = {name: pooled_seed_variance([row.samples[name] for row in rows if name in row.samples]) for name in names}
    return [
        evolve(row, samples={name: evolve(sample, seed_variance=noise[name]) for name, sample in row.samples.items()})
        for row in rows
    ]


def _labels(names: Names, result: Result) -> tuple[str, str]:
    """The label and the short label of a trained row."""
    kind = kind_of(result)
    return names.point(result.point) or kind, names.short(result.point) or kind


def _untrained_groups(points: Sequence[list[Result]]) -> list[list[Result]]:
    """One group with a result per seed if the grid does not change the untrained network, else one per point.

    None if all runs only measured: their rows are these networks.
    """
    results = [result for group in points for result in group]
    if all(map(is_as_loaded, results)):
        return []
    by_seed: dict[int, Result] = {}
    for result in results:
        if by_seed.setdefault(result.seed, result).baseline != result.baseline:
            return list(points)
    return [list(by_seed.values())]


def _samples(
    results: Sequence[Result], which: str, evidence: ReadEvidence, resampled: Callable[[bytes], Resampling]
) -> dict[str, Sample]:
    """A sample of every metric that at least one run has; `which` is the field of the runs that has the metrics."""
    stored = [found for result in results if (found := evidence(result)) is not None]
    resampling, replicates = None, {}
    if len(stored) == len(results) and all(np.array_equal(found.labels, stored[0].labels) for found in stored):
        resampling = resampled(stored[0].labels.tobytes())
        replicates = _replicates([found.queries for found in stored], resampling)
    samples = {}
    for name in dict.fromkeys(name for result in results for name in getattr(result, which)):
        having = [result for result in results if name in getattr(result, which)]
        values = np.array([getattr(result, which)[name] for result in having])
        drawn = replicates.get(name) if len(having) == len(results) else None
        seeds = tuple(result.seed for result in having)
        samples[name] = Sample(seeds, values, None if drawn is None else resampling, drawn)
    return samples


def _replicates(
    runs: Sequence[Mapping[str, npt.NDArray[np.float64]]], resampling: Resampling
) -> dict[str, npt.NDArray[np.float64]]:
    """Metric → (runs, RESAMPLES), for the metrics that every run has."""
    names = [name for name in runs[0] if all(name in run for run in runs)]
    if not names:
        return {}
    stacked = np.array([run[name] for name in names for run in runs], dtype=np.float64)
    drawn = resampling.replicates(stacked).reshape(len(names), len(runs), -1)
    return dict(zip(names, drawn, strict=True))
