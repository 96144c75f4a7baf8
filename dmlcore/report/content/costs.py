"""What the runs took: time and memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dmlcore.api.blocks import Table
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import Measured
from dmlcore.text import byte_size, duration, listing


def costs_grid(material: StudyMaterial) -> Table:
    """A row a grid point: mean time of a run, images a second in training, and the most memory that a run held."""
    rows = tuple(_row(row) for row in material.rows if not row.untrained)
    total = math.fsum(result.seconds for result in material.results)
    devices = listing(dict.fromkeys(str(result.environment.get("device", "?")) for result in material.results))
    return Table(
        ("run", "time a run", "images a second", "peak memory"),
        rows,
        notes=(f"All runs together took {duration(total)}, on {devices}.",),
    )


def _row(row: Measured) -> tuple[str, ...]:
    seconds = math.fsum(result.seconds for result in row.results) / len(row.results)
    speeds = [e.images_per_second for r in row.results for e in r.curve if e.images_per_second is not None]
    memory = [result.peak_memory for result in row.results if result.peak_memory is not None]
    return row.label, duration(seconds), _mean(speeds), byte_size(max(memory)) if memory else "–"


def _mean(values: Sequence[float]) -> str:
    return f"{math.fsum(values) / len(values):,.0f}" if values else "–"
