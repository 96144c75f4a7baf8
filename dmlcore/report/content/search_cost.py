"""What each embedding dimension costs in use: memory, and the time of an exact search."""

from __future__ import annotations

import csv
from pathlib import Path

from attrs import frozen

from dmlcore.api.blocks import Table
from dmlcore.report.content.axis import DIMENSION
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import MISSING, byte_sizes, whole

MEASURED = Path(__file__).with_name("search_cost.csv")
"""Times of benchmarks/search_time.py."""

COLUMNS = ("dimension", "images", "milliseconds per query", "machine")

BYTES = 4
"""Of a number in an embedding: float32."""

IMAGES = 1_000_000


@frozen
class Search:
    """A measured exact search: CPU milliseconds for one query among `images`, on one thread."""

    images: int
    milliseconds: str
    """As measured, with two decimals."""
    machine: str


def search_costs(material: StudyMaterial) -> Table | None:
    """Return a row for each embedding dimension of the grid; None if the study does not vary it."""
    dims = sorted({dim for row in material.trained if isinstance(dim := row.point.get(DIMENSION), int)})
    if len(dims) < 2:
        return None
    searches = measured_searches()
    columns = (
        [str(dim) for dim in dims],
        [whole(BYTES * dim) for dim in dims],
        byte_sizes([BYTES * dim * IMAGES for dim in dims]),
        [whole(dim) for dim in dims],
        [searches[dim].milliseconds if dim in searches else MISSING for dim in dims],
    )
    any_search = next(iter(searches.values()))
    header = (
        "embedding dimension",
        "bytes per image",
        f"memory of {IMAGES:,} images",
        "multiply-adds per comparison",
        f"ms per query among {any_search.images:,} images",
    )
    notes = (
        f"An image has D numbers of {BYTES} bytes (float32), so N images have {BYTES}·N·D bytes; a comparison with a"
        " query has D multiply-adds.",
        "The times are not of this study: exact search by inner product with faiss, one thread, CPU time, measured on"
        f" {any_search.machine} (docs/performance.md).",
    )
    return Table(header, tuple(zip(*columns, strict=True)), "Cost of each dimension", notes)


def measured_searches() -> dict[int, Search]:
    """Return dimension → its measured search."""
    _, *lines = csv.reader(MEASURED.read_text(encoding="utf-8").splitlines())
    return {int(dim): Search(int(images), time, machine) for dim, images, time, machine in lines}
