"""What the runs took: time and memory."""

from __future__ import annotations

from math import fsum
from statistics import fmean

from dmlcore.api.blocks import Table
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import PointMeasurements
from dmlcore.report.content.quantities import column, label
from dmlcore.text import duration, listing

COLUMNS = ("seconds", "images_per_second", "peak_memory")


def costs_grid(material: StudyMaterial) -> Table:
    """Return a row per grid point: mean time of a run, training speed, and the most memory that a run used."""
    columns = zip(*map(_figures, material.trained), strict=True)
    cells = (column(name, values) for name, values in zip(COLUMNS, columns, strict=True))
    rows = tuple(zip((row.short for row in material.trained), *cells, strict=True))
    total = fsum(result.seconds for result in material.results)
    devices = listing(dict.fromkeys(str(result.environment.get("device", "?")) for result in material.results))
    return Table(
        (material.row_heading, *map(label, COLUMNS)),
        rows,
        notes=(f"All runs together took {duration(total)} on {devices}.",),
    )


def _figures(row: PointMeasurements) -> tuple[float | None, ...]:
    """The values of COLUMNS."""
    speeds = [e.images_per_second for r in row.results for e in r.curve if e.images_per_second is not None]
    memory = [result.peak_memory for result in row.results if result.peak_memory is not None]
    return row.seconds, fmean(speeds) if speeds else None, max(memory, default=None)
