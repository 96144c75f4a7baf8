"""Time of an exact search by embedding dimension: part of `make bench`.

A query is compared with N unit vectors by inner product, and the 10 nearest are returned (faiss, IndexFlatIP, one
thread, one query at a time). The table has the median of the CPU time of a query, which other processes disturb less
than the wall time. It is written to docs/performance.md, and as the numbers that reports cite.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path

import faiss
import numpy as np
from metrics import machine, say, unit, write

import dmlcore.report.content.search_cost as cited

BEGIN, END = "<!-- filled by search_time.py -->", "<!-- end of what search_time.py fills -->"
DIMS = (32, 64, 128, 256, 512, 1024)
NEAREST = 10


def milliseconds(images: int, dim: int, queries: int) -> float:
    """The median CPU time of one query among `images` vectors."""
    generator = np.random.default_rng(0)
    index = faiss.IndexFlatIP(dim)
    index.add(unit(generator.standard_normal((images, dim), dtype=np.float32)))
    asked = unit(generator.standard_normal((queries + 1, dim), dtype=np.float32))
    index.search(asked[:1], NEAREST)  # not counted: the first use of memory
    times = []
    for query in asked[1:]:
        started = time.process_time()
        index.search(query[None], NEAREST)
        times.append(1000 * (time.process_time() - started))
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=51)
    parser.add_argument("--print", action="store_true", help="print the table instead of updating page and numbers")
    asked = parser.parse_args()
    faiss.omp_set_num_threads(1)
    where = machine()
    lines = [f"{where}", "", f"| D | ms per query, {asked.images:,} images | per dimension |", "| --: | --: | --: |"]
    found = {}
    for dim in DIMS:
        found[dim] = milliseconds(asked.images, dim, asked.queries)
        lines.append(f"| {dim} | {found[dim]:.2f} | {found[dim] / dim:.4f} |")
        say(lines[-1])
    if asked.print:
        print("\n".join(lines))
        return
    write("\n".join(lines), Path(__file__).parents[1] / "docs" / "performance.md", BEGIN, END)
    with cited.MEASURED.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(cited.COLUMNS)
        writer.writerows((dim, asked.images, f"{time:.2f}", where.partition(";")[0]) for dim, time in found.items())


if __name__ == "__main__":
    main()
