"""What other choices of the epoch would have reported: the best on validation classes, and the best on test classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dmlcore.api.blocks import Table
from dmlcore.api.result import Result
from dmlcore.api.values import EpochSummary
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import Measured
from dmlcore.report.content.table import Spread, headline, short_name

NOTE = (
    "The best test epoch is chosen by looking at the test classes, as the numbers of many older papers were: it is"
    " optimistic, and shown for comparison with them. The result is the first column."
)


def epochs_grid(material: StudyMaterial) -> Table | None:
    """A row a grid point; None where no curve has a measured epoch beside the result."""
    names = headline(material)
    rows = [row for row in material.rows if not row.untrained]
    if not names or not any(_measured(result, names[0]) for row in rows for result in row.results):
        return None
    metric = names[0]
    name = short_name(metric)
    header: tuple[str, ...] = (
        "run",
        name,
        "at the best validation epoch",
        "best test epoch (optimistic)",
        "which epoch",
    )
    cells: tuple[tuple[str, ...], ...] = tuple(_row(row, metric) for row in rows)
    if all(row[2] == "–" for row in cells):
        header, cells = (*header[:2], *header[3:]), tuple((*row[:2], *row[3:]) for row in cells)
    return Table(header, cells, notes=(NOTE,))


def _row(row: Measured, metric: str) -> tuple[str, ...]:
    reported = _spread([result.metrics[metric] for result in row.results if metric in result.metrics])
    by_validation = _over_seeds(row.results, metric, lambda result: _best(result, metric, "validation"))
    by_test = _over_seeds(row.results, metric, lambda result: _best(result, metric, "test"))
    chosen = [best.epoch for result in row.results if (best := _best(result, metric, "test")) is not None]
    return row.label, reported, by_validation, by_test, ", ".join(map(str, chosen)) or "–"


def _over_seeds(results: Sequence[Result], metric: str, choose: Callable[[Result], EpochSummary | None]) -> str:
    """The test metric at the chosen epochs; empty where some run has none."""
    chosen = [choose(result) for result in results]
    values = [best.test[metric] for best in chosen if best is not None and best.test and metric in best.test]
    return _spread(values) if len(values) == len(results) else "–"


def _best(result: Result, metric: str, split: str) -> EpochSummary | None:
    """The trained epoch with the highest metric on a split; of equals, the earliest."""
    measured: list[tuple[float, EpochSummary]] = []
    for epoch in result.curve[1:]:
        metrics: Mapping[str, float] = (epoch.test if split == "test" else epoch.validation) or {}
        if metric in metrics:
            measured.append((metrics[metric], epoch))
    return max(measured, key=lambda pair: pair[0])[1] if measured else None


def _measured(result: Result, metric: str) -> bool:
    return sum(metric in (epoch.test or {}) or metric in (epoch.validation or {}) for epoch in result.curve[1:]) > 1


def _spread(values: Sequence[float]) -> str:
    return str(Spread.of(values)) if values else "–"
