"""Differences of the metrics to a float64 reference, on embeddings of published sizes: part of `make bench`.

The reference ranks by float64 products of all pairs, and counts the items before each item of the query's class by
plain comparisons. The table also has the difference to faiss's NMI, and the queries with a near-tie: an item of another
class within 1e-6 of one of the query's class that decides a metric, so that float32 may give either result.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from metrics import RECALL_AT, SHAPES, Values, dmlcore_suite, faiss_k_means, made_up, say, write

BEGIN, END = "<!-- filled by exactness.py -->", "<!-- end of what exactness.py fills -->"
ROWS = 512
"""Queries compared at once."""
NEAR = 1e-6


class Reference(NamedTuple):
    """The metrics in float64, and the number of queries with a near-tie that matters."""

    values: Values
    near_ties: int


def reference(vectors: np.ndarray, labels: np.ndarray) -> Reference:
    """vectors: (N, D); labels: (N,), each class with two samples or more."""
    order = np.argsort(labels, kind="stable")
    labels = labels[order]
    rows = vectors[order].astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    parts = [_ranks(rows, labels, start) for start in range(0, len(rows), ROWS)]
    first = np.concatenate([ranks[:, 0] for ranks, _ in parts])
    relevant = np.bincount(labels)[labels] - 1
    precision = np.concatenate([_precision(ranks) for ranks, _ in parts])
    hits = np.concatenate([(ranks <= _relevant(ranks)[:, None]).sum(axis=1) for ranks, _ in parts])
    values = {f"recall_at_{k}": float((first <= k).mean()) for k in RECALL_AT}
    values |= {"r_precision": float((hits / relevant).mean()), "map_at_r": float((precision / relevant).mean())}
    return Reference(values, sum(near for _, near in parts))


def _ranks(rows: np.ndarray, labels: np.ndarray, start: int) -> tuple[np.ndarray, int]:
    """(B, most R): ranks of the items of each query's class, ∞ where it has fewer; and queries with a near-tie."""
    ours = labels[start : start + ROWS]
    similarity = rows[start : start + ROWS] @ rows.T
    low, high = (np.searchsorted(labels, ours, side) for side in ("left", "right"))
    own = np.full((len(ours), (high - low).max() - 1), np.nan)
    for row in range(len(ours)):
        others = np.delete(similarity[row, low[row] : high[row]], start + row - low[row])
        own[row, : len(others)] = np.sort(others)[::-1]
        similarity[row, low[row] : high[row]] = -np.inf
    ranks, near = np.full(own.shape, np.inf), np.zeros(len(ours), bool)
    for place in range(own.shape[1]):
        limit = own[:, place, None]
        before = (similarity >= limit).sum(axis=1)
        ranks[:, place] = np.where(np.isnan(limit[:, 0]), np.inf, place + 1 + before)
        close = (similarity > limit - NEAR).sum(axis=1) > (similarity > limit + NEAR).sum(axis=1)
        near |= close & ((ranks[:, place] <= high - low) | (place == 0))
    return ranks, int(near.sum())


def _relevant(ranks: np.ndarray) -> np.ndarray:
    return np.isfinite(ranks).sum(axis=1)


def _precision(ranks: np.ndarray) -> np.ndarray:
    """(B,): Σ P(i)·rel(i) over the R nearest."""
    places = np.arange(1, ranks.shape[1] + 1)
    return np.where(ranks <= _relevant(ranks)[:, None], places / ranks, 0).sum(axis=1)


def line(name: str, dim: int) -> str:
    vectors, labels = made_up(SHAPES[name], dim)
    expected = reference(vectors, labels)
    ours = dmlcore_suite(vectors, labels)
    off = max(abs(ours[metric] - value) for metric, value in expected.values.items())
    nmi = abs(ours["nmi"] - faiss_k_means(vectors, labels)["nmi"])
    cells = (SHAPES[name].title, dim, f"{off:.1e}", f"{nmi:.1e}", f"{expected.near_ties:,} of {len(labels):,}")
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["cub", "cars", "sop"])
    parser.add_argument("--dims", nargs="+", type=int, choices=[128, 512], default=[128, 512])
    parser.add_argument("--print", action="store_true", help="print the table instead of updating the page")
    asked = parser.parse_args()
    lines = [
        "| shape | D | largest difference of a metric to float64 | of NMI to faiss | queries with a near-tie |",
        "| --- | --: | --: | --: | --: |",
    ]
    for name in asked.shapes:
        for dim in asked.dims:
            lines.append(line(name, dim))
            say(lines[-1])
    text = "\n".join(lines)
    if asked.print:
        print(text)
    else:
        write(text, Path(__file__).parents[1] / "docs" / "performance.md", BEGIN, END)


if __name__ == "__main__":
    main()
