"""Counting instead of sorting: how many items of other classes are nearer to a query than its own class is.

For each query the similarities to its own class, sorted, are thresholds. Over blocks of the product of queries
and gallery, each item of another class is counted into the gap between two thresholds that it falls in. The
j-th nearest item of the own class then has the rank j plus the items counted above it, which is all that
Recall@K, R-precision and MAP@R need: the gallery is never sorted, and no neighbour list is kept.

With R items in the own class, a threshold whose rank has passed R can't matter any more and is dropped; only
the first is followed to the end. So after a few blocks next to nothing lies above the lowest threshold.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from attrs import define, frozen

from dmlcore.neighbors.ranking import PerQuery
from dmlcore.neighbors.similarity import Floats, Indices, Product, Similarity
from dmlcore.neighbors.vectors import Items

Counts = npt.NDArray[np.int64]

FIRST_WIDTH = 64
"""Gallery items in the first block; widths double from there, so that thresholds drop before most is done."""

OPEN_SHARE = 1 / 8
"""Where a float32 block leaves more of its items open than this, it is multiplied again in float64."""


@define(eq=False)
class Thresholds:
    """The own class of a block of B queries, sorted by similarity, and what was counted so far.

    values: (T,), row after row, each falling; starts, live: (B,), a row's first threshold, and the end of those
    that still matter. strictly, at_least: (T,), items of other classes above, or at or above, a threshold and
    below the one before it.
    """

    values: Floats
    starts: Indices
    live: Indices
    relevant: Counts
    strictly: Counts
    at_least: Counts

    @classmethod
    def of(cls, rows: Indices, similarities: Floats, relevant: Counts) -> Thresholds:
        """similarities: (T,), of pairs that belong to the query `rows` (T,); relevant: (B,), pairs a query."""
        ends = np.cumsum(relevant)
        counts = np.zeros(len(rows), np.int64)
        order = np.lexsort((-similarities, rows))
        return cls(similarities[order], ends - relevant, ends, relevant, counts, counts.copy())

    def limits(self) -> tuple[Floats, Floats]:
        """(B,) each: the lowest threshold of a query that still matters, and its highest."""
        return self.values[self.live - 1], self.values[self.starts]

    def place(self, rows: Indices, similarities: Floats, *, ties: bool) -> Indices:
        """Index of the first threshold of the row that does not lie above the similarity; `live` if all do.

        With `ties`, one equal to the similarity counts as above it.
        """
        low, high = self.starts[rows], self.live[rows]
        lies_above = np.greater_equal if ties else np.greater
        while (searching := low < high).any():
            middle = (low + high) // 2
            above = lies_above(self._at(middle), similarities)
            low = np.where(searching & above, middle + 1, low)
            high = np.where(searching & ~above, middle, high)
        return low

    def count(self, rows: Indices, similarities: Floats, error: Floats, samples: Counts) -> np.ndarray:
        """Count items of other classes, as many `samples` each, whose similarity is known up to `error`.

        Returns those, (I,) bool, that may be on either side of a threshold: they are left uncounted.
        """
        place = self.place(rows, similarities + error, ties=False)
        below_all = place == self.live[rows]
        unsettled = ~below_all & (self._at(place) >= similarities - error)
        clear = ~(below_all | unsettled)
        np.add.at(self.strictly, place[clear], samples[clear])
        np.add.at(self.at_least, place[clear], samples[clear])
        return np.asarray(unsettled)

    def count_exact(self, rows: Indices, similarities: Floats, samples: Counts) -> None:
        """Count items of other classes by their exact similarity."""
        for counts, ties in ((self.strictly, True), (self.at_least, False)):
            place = self.place(rows, similarities, ties=ties)
            matters = place < self.live[rows]
            np.add.at(counts, place[matters], samples[matters])

    def count_above_all(self, samples: Counts) -> None:
        """Count items of other classes above a row's highest threshold; samples: (B,)."""
        self.strictly[self.starts] += samples
        self.at_least[self.starts] += samples

    def drop(self) -> None:
        """Stop following thresholds whose rank has passed R even where ties count for the query."""
        ranks = self._ranks(self.strictly)
        matters = ranks <= np.repeat(self.relevant, self.relevant)
        matters[self.starts] = True
        self.live = self.starts + np.add.reduceat(matters, self.starts, dtype=np.intp)

    def scores(self, counts: Counts) -> PerQuery:
        """The metrics of each query, by `strictly` (ties count for it) or by `at_least` (against it)."""
        ranks = self._ranks(counts)
        hit = ranks <= np.repeat(self.relevant, self.relevant)
        precisions = np.where(hit, self._positions() / ranks, 0.0)
        return PerQuery(
            first=ranks[self.starts],
            r_precision=np.add.reduceat(hit, self.starts, dtype=np.int64) / self.relevant,
            map_at_r=np.add.reduceat(precisions, self.starts) / self.relevant,
        )

    def _at(self, place: Indices) -> Floats:
        return self.values[np.minimum(place, len(self.values) - 1)]

    def _positions(self) -> Counts:
        """(T,): 1 for a row's first threshold, 2 for its second, …"""
        return np.arange(1, len(self.values) + 1) - np.repeat(self.starts, self.relevant)

    def _ranks(self, counts: Counts) -> Counts:
        """(T,): exact where at most R, and for a row's first threshold; elsewhere only known to be above R."""
        total = np.cumsum(counts)
        before = total[self.starts] - counts[self.starts]
        return self._positions() + total - np.repeat(before, self.relevant)


@frozen(eq=False)
class Counter:
    """Ranks the own class of each query among the gallery.

    queries and gallery are what `similarity` compares; `leave_one_out` says that they are the same, so that a
    query is not ranked against itself. Memory: a few blocks of block_size² values.
    """

    similarity: Similarity
    queries: Items
    gallery: Items
    leave_one_out: bool
    block_size: int

    def relevant(self) -> Counts:
        """(Q,): R, the other samples of the query's class in the gallery."""
        low, high = self._own_class(np.arange(len(self.queries)))
        samples = np.concatenate([[0], np.cumsum(self.gallery.weights)])
        return np.asarray(samples[high] - samples[low] - self.leave_one_out)

    def run(self) -> Iterator[tuple[PerQuery, PerQuery]]:
        """The metrics of the queries with R > 0, block after block: with ties against a query, and for it."""
        products = [self.similarity.product(dtype) for dtype in (np.float32, np.float64)]
        relevant = self.relevant()
        for rows in _blocks(relevant, self.block_size):
            thresholds = self._thresholds(rows, relevant[rows])
            for columns in _tiles(len(self.gallery), self.block_size):
                self._count(thresholds, products, rows, columns)
                thresholds.drop()
            yield thresholds.scores(thresholds.at_least), thresholds.scores(thresholds.strictly)

    def _own_class(self, rows: Indices) -> tuple[Indices, Indices]:
        """(B,) each: where the query's class begins and ends in the gallery, which is sorted by class."""
        labels = self.queries.labels[rows]
        low, high = (np.searchsorted(self.gallery.labels, labels, side) for side in ("left", "right"))
        return low, high

    def _thresholds(self, rows: Indices, relevant: Counts) -> Thresholds:
        low, high = self._own_class(rows)
        lengths = high - low
        row = np.repeat(np.arange(len(rows)), lengths)
        column = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths - low, lengths)
        samples = self.gallery.weights[column]
        if self.leave_one_out:
            samples = samples - (rows[row] == column)
        similarities = self.similarity.exact(rows[row], column)
        return Thresholds.of(np.repeat(row, samples), np.repeat(similarities, samples), relevant)

    def _count(self, thresholds: Thresholds, products: list[Product], rows: Indices, columns: slice) -> None:
        lowest, highest = thresholds.limits()
        for product in products:
            error = product.error[rows]
            tile = product.tile(rows, columns)
            self._hide_own_class(tile, rows, columns)
            above = tile > (highest + error).astype(tile.dtype)[:, None]
            between = (tile >= (lowest - error).astype(tile.dtype)[:, None]) ^ above
            row, column = np.nonzero(between)
            if len(row) <= OPEN_SHARE * between.size:
                break
        weights = self.gallery.weights[columns]
        thresholds.count_above_all((above.astype(np.float64) @ weights).astype(np.int64))
        samples = weights[column]
        unsettled = thresholds.count(row, tile[row, column].astype(np.float64), error[row], samples)
        row, column, samples = row[unsettled], column[unsettled], samples[unsettled]
        exact = self.similarity.exact(rows[row], column + columns.start)
        thresholds.count_exact(row, exact, samples)

    def _hide_own_class(self, tile: np.ndarray, rows: Indices, columns: slice) -> None:
        low, high = self._own_class(rows)
        first = np.flatnonzero(np.diff(low, prepend=-1))
        last = np.append(first[1:], len(rows))
        for start, stop, left, right in zip(first, last, low[first], high[first], strict=True):
            if left < columns.stop and right > columns.start:
                tile[start:stop, max(left - columns.start, 0) : right - columns.start] = -np.inf


def _blocks(relevant: Counts, block_size: int) -> Iterator[Indices]:
    """Queries with R > 0, in order: at most block_size at once, and thresholds for a quarter of a block."""
    rows = np.flatnonzero(relevant)
    total = np.cumsum(relevant[rows])
    start = 0
    while start < len(rows):
        before = total[start] - relevant[rows[start]]
        affordable = int(np.searchsorted(total, before + block_size**2 // 4, "right"))
        stop = min(max(affordable, start + 1), start + block_size)
        yield rows[start:stop]
        start = stop


def _tiles(count: int, block_size: int) -> Iterator[slice]:
    start, width = 0, min(FIRST_WIDTH, block_size)
    while start < count:
        yield slice(start, min(start + width, count))
        start, width = start + width, min(2 * width, block_size)
