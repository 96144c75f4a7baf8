"""Results of a study in one table: a row a grid point, mean and deviation over its seeds, untrained row first."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from dmlcore.results import Result
from dmlcore.wording import point_label


@frozen
class Spread:
    """Mean over seeds, and sample deviation where there are several."""

    mean: float
    sd: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value; equal values give themselves, to the last digit."""
        if len(set(values)) == 1:
            return cls(values[0], 0.0 if len(values) > 1 else None)
        return cls(math.fsum(values) / len(values), statistics.stdev(values))

    def __str__(self) -> str:
        return f"{self.mean:.4f}" + ("" if self.sd is None else f" ± {self.sd:.4f}")


@frozen
class Row:
    """One line of the table."""

    label: str
    seeds: int
    metrics: Mapping[str, Spread]
    seconds: float | None
    """Mean time of a run; None for the untrained network."""


@frozen
class Table:
    """The results of a study."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


UNTRAINED = "untrained"


def study_table(results: Sequence[Result]) -> Table:
    """The table of at least one result, points in the order of their first run."""
    columns = tuple(dict.fromkeys(name for result in results for name in result.headline))
    points = _grouped(results)
    trained = [
        _row(label or "trained", [result.metrics for result in group], columns, _mean_seconds(group))
        for label, group in points.items()
    ]
    return Table(columns, (*_untrained_rows(points, columns), *trained))


def short_name(metric: str) -> str:
    """ "retrieval/recall_at_1" → "recall@1"."""
    return metric.rpartition("/")[2].replace("_at_", "@")


def _grouped(results: Iterable[Result]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(point_label(result.point), []).append(result)
    return groups


def _untrained_rows(points: Mapping[str, Sequence[Result]], columns: Sequence[str]) -> list[Row]:
    """One row where the grid does not change the untrained network, else one a point."""
    by_seed: dict[int, set[tuple[tuple[str, float], ...]]] = {}
    for group in points.values():
        for result in group:
            by_seed.setdefault(result.seed, set()).add(tuple(sorted(result.baseline.items())))
    if all(len(baselines) == 1 for baselines in by_seed.values()):
        return [_row(UNTRAINED, [dict(next(iter(b))) for b in by_seed.values()], columns, None)]
    return [
        _row(f"{UNTRAINED} {label}", [result.baseline for result in group], columns, None)
        for label, group in points.items()
    ]


def _row(label: str, metrics: Sequence[Mapping[str, float]], columns: Sequence[str], seconds: float | None) -> Row:
    spreads = {
        name: Spread.of([m[name] for m in metrics if name in m]) for name in columns if any(name in m for m in metrics)
    }
    return Row(label, len(metrics), spreads, seconds)


def _mean_seconds(results: Sequence[Result]) -> float:
    return math.fsum(result.seconds for result in results) / len(results)
