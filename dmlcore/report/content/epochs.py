"""What other choices of the epoch would have reported: the best on validation classes, and the best on test classes."""

from __future__ import annotations

from collections.abc import Sequence

from dmlcore.api.blocks import Table
from dmlcore.api.result import Result
from dmlcore.api.values import EpochSummary
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import PointMeasurements
from dmlcore.report.content.quantities import MISSING, label
from dmlcore.report.content.statistics import Spread
from dmlcore.report.content.table import headline

NOTE = (
    "The first column is the result. The best test epoch is selected on the test classes, as in many older papers; it"
    " is optimistic and shown only for comparison with them."
)


def epochs_grid(material: StudyMaterial) -> Table | None:
    """Return a row per grid point; None if no curve offers a choice of epochs."""
    rows = material.trained
    metric = next(iter(headline(material)), "")
    if not any(_measured(result, metric) for row in rows for result in row.results):
        return None
    header = (
        material.row_heading,
        label(metric),
        "at best validation epoch",
        "at best test epoch (optimistic)",
        "best test epoch",
    )
    columns = list(zip(header, *(_row(row, metric) for row in rows), strict=True))
    if all(cell == MISSING for cell in columns[2][1:]):
        del columns[2]
    kept, *cells = zip(*columns, strict=True)
    return Table(kept, tuple(cells), notes=(NOTE,))


def _row(row: PointMeasurements, metric: str) -> tuple[str, ...]:
    reported = [result.metrics[metric] for result in row.results if metric in result.metrics]
    chosen = [_best(result, metric, "test") for result in row.results]
    return (
        row.short,
        str(Spread.of(reported)) if reported else MISSING,
        _over_seeds([_best(result, metric, "validation") for result in row.results], metric),
        _over_seeds(chosen, metric),
        ", ".join(str(best.epoch) for best in chosen if best is not None) or MISSING,
    )


def _over_seeds(chosen: Sequence[EpochSummary | None], metric: str) -> str:
    """The test metric at the chosen epochs; missing if some run has none."""
    values = [best.test[metric] for best in chosen if best is not None and best.test and metric in best.test]
    return str(Spread.of(values)) if len(values) == len(chosen) else MISSING


def _best(result: Result, metric: str, split: str) -> EpochSummary | None:
    """The trained epoch with the highest metric on a split, the earliest of equals."""
    epochs = [epoch for epoch in result.curve[1:] if metric in (getattr(epoch, split) or {})]
    return max(epochs, key=lambda epoch: getattr(epoch, split)[metric], default=None)


def _measured(result: Result, metric: str) -> bool:
    """Whether there are several epochs to choose from."""
    return sum(metric in {**(epoch.test or {}), **(epoch.validation or {})} for epoch in result.curve[1:]) > 1
