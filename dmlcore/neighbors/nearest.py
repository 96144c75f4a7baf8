"""The k nearest of each query: a product in float32 finds the few that can be among them, float64 decides."""

from __future__ import annotations

import numpy as np
import torch
from attrs import define, field

from dmlcore.neighbors.factors import ROWS
from dmlcore.neighbors.products import Products, true_float32
from dmlcore.neighbors.shards import OnProgress
from dmlcore.neighbors.similarity import Floats, Indices, Similarity
from dmlcore.neighbors.threads import each_in_threads
from dmlcore.neighbors.vectors import blocks


def nearest(
    similarity: Similarity, k: int, *, leave_one_out: bool, block_size: int, device: str, progress: OnProgress | None
) -> tuple[Indices, Floats]:
    """Return gallery indices (Q, k) and exact similarities (Q, k), the nearest first, of k candidates or more.

    Memory: the factors of `Products`, and about 100 bytes for each of block_size² pairs, at most, in each thread.
    """
    found, values = np.empty((len(similarity.queries), k), np.intp), np.empty((len(similarity.queries), k))
    block_size += -block_size % ROWS
    if not k:
        return found, values

    def search(rows: slice) -> None:
        best = Best(rows, k)
        left = products.left(rows)
        for columns in blocks(len(similarity.gallery), block_size):
            far = products.tile(left, columns)[: best.count, : columns.stop - columns.start]
            row, column = best.candidates(far, products, columns)
            if leave_one_out:
                others = row + rows.start != column
                row, column = row[others], column[others]
            best.add(row, column, similarity.exact(row + rows.start, column))
        found[rows], values[rows] = best.columns.reshape(-1, k), best.values.reshape(-1, k)

    with true_float32():
        products = Products.of(similarity, "float32", device)
        parts = blocks(len(found), block_size)
        for done, _ in enumerate(each_in_threads(search, parts), 1):
            if progress:
                progress(done, len(parts))
    return found, values


@define(eq=False)
class Best:
    """The nearest items found so far for a block of B queries, at most k each.

    rows, columns, values: (P,) each, query by query, from near to far; of equally near ones the lower column first.
    worst: (B,), the similarity of a query's k-th, −∞ where it has fewer.
    """

    block: slice
    k: int
    rows: Indices = field(factory=lambda: np.empty(0, np.intp))
    columns: Indices = field(factory=lambda: np.empty(0, np.intp))
    values: Floats = field(factory=lambda: np.empty(0))
    worst: Floats = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.worst = np.full(self.count, -np.inf)

    @property
    def count(self) -> int:
        return int(self.block.stop - self.block.start)

    def candidates(self, far: torch.Tensor, products: Products, columns: slice) -> tuple[Indices, Indices]:
        """Return rows and gallery indices of all pairs of a tile (B, W) that can be among the k nearest."""
        error = products.error(self.block, columns)
        bound = products.frame.far(self.worst)
        if np.isinf(bound).any() and self.k < far.shape[1]:
            # one more than k: a query's distance to itself may be among them
            bound = np.minimum(bound, far.kthvalue(self.k + 1, dim=1).values.cpu().numpy() + error)
        limit = torch.from_numpy(np.nextafter((bound + error).astype(np.float32), np.float32(np.inf)))
        row, column = (far <= limit.to(far.device)[:, None]).nonzero().cpu().numpy().T
        return row, column + columns.start

    def add(self, rows: Indices, columns: Indices, values: Floats) -> None:
        """Keep the k nearest of each query among those known and these pairs (P,)."""
        rows = np.concatenate((self.rows, rows))
        columns = np.concatenate((self.columns, columns))
        values = np.concatenate((self.values, values))
        order = np.lexsort((columns, -values, rows))
        counts = np.bincount(rows, minlength=self.count)
        place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        kept = order[place < self.k]
        self.rows, self.columns, self.values = rows[kept], columns[kept], values[kept]
        full = np.flatnonzero(counts >= self.k)
        ends = np.cumsum(np.minimum(counts, self.k))
        self.worst[full] = self.values[ends[full] - 1]
