"""What was measured for each row of a study's tables: a grid point over its seeds, or the untrained network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import numpy as np
import numpy.typing as npt
from attrs import evolve, field, frozen

from dmlcore.api.result import Result
from dmlcore.report.content.statistics import Resampling, Sample, pooled_seed_variance
from dmlcore.results.evidence import Evidence
from dmlcore.text import point_label

UNTRAINED = "untrained"

ReadEvidence = Callable[[Result], Evidence | None]


@frozen(eq=False)
class PointMeasurements:
    """One row: its runs, and each metric as a sample."""

    label: str
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
    points: dict[str, list[Result]] = {}
    for result in results:
        points.setdefault(point_label(result.point), []).append(result)
    reader = _Reader()
    untrained = [
        PointMeasurements(
            label, tuple(group), reader.samples(group, [r.baseline for r in group], untrained_evidence), True
        )
        for label, group in _untrained_groups(points).items()
    ]
    trained = [
        PointMeasurements(label or "trained", tuple(group), reader.samples(group, [r.metrics for r in group], evidence))
        for label, group in points.items()
    ]
    return (*_with_seed_noise(untrained), *_with_seed_noise(trained))


def _with_seed_noise(rows: Sequence[PointMeasurements]) -> list[PointMeasurements]:
    """The rows with the variance over seeds pooled over all of them, metric by metric."""
    names = dict.fromkeys(name for row in rows for name in row.samples)
    noise = {name: pooled_seed_variance([row.samples[name] for row in rows if name in row.samples]) for name in names}
    return [
        evolve(row, samples={name: evolve(sample, seed_variance=noise[name]) for name, sample in row.samples.items()})
        for row in rows
    ]


def _untrained_groups(points: Mapping[str, Sequence[Result]]) -> dict[str, list[Result]]:
    """One group with a result per seed if the grid does not change the untrained network, else one per point."""
    by_seed: dict[int, Result] = {}
    for result in (result for group in points.values() for result in group):
        if by_seed.setdefault(result.seed, result).baseline != result.baseline:
            return {f"{UNTRAINED} {label}": list(group) for label, group in points.items()}
    return {UNTRAINED: list(by_seed.values())} if by_seed else {}


@frozen
class _Reader:
    """Creates samples; rows with the same test labels share one resampling of their classes."""

    _resamplings: dict[bytes, Resampling] = field(factory=dict)

    def samples(
        self, results: Sequence[Result], metrics: Sequence[Mapping[str, float]], evidence: ReadEvidence
    ) -> dict[str, Sample]:
        """Return a sample of every metric that at least one run has; `metrics` are those of each run."""
        queries, resampling = self._queries([evidence(result) for result in results])
        replicates = {} if resampling is None else _replicates(queries, resampling)
        samples = {}
        for name in dict.fromkeys(name for values in metrics for name in values):
            having = [index for index, values in enumerate(metrics) if name in values]
            seeds = tuple(results[index].seed for index in having)
            values = np.array([metrics[index][name] for index in having])
            drawn = replicates.get(name) if len(having) == len(results) else None
            samples[name] = Sample(seeds, values, None if drawn is None else resampling, drawn)
        return samples

    def _queries(
        self, stored: Sequence[Evidence | None]
    ) -> tuple[list[Mapping[str, npt.NDArray[np.float64]]], Resampling | None]:
        """Each run's per-query values, if every run has them for the same labels."""
        found = [evidence for evidence in stored if evidence is not None]
        if len(found) < len(stored) or any(not np.array_equal(e.labels, found[0].labels) for e in found):
            return [], None
        key = found[0].labels.tobytes()
        if key not in self._resamplings:
            self._resamplings[key] = Resampling.of(found[0].labels)
        return [evidence.queries for evidence in found], self._resamplings[key]


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
