"""The pairs to compare, and those of one class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen

from dmlcore.neighbors.similarity import Floats, Indices, Similarity
from dmlcore.neighbors.thresholds import Counts
from dmlcore.neighbors.vectors import Items

LARGE_CLASS = 32
"""Class size from which comparing the vectors of a class as a block is faster."""


@frozen(eq=False)
class Pairing:
    """Queries and the gallery: what is compared, and which items are of a query's own class.

    `leave_one_out` says that they are the same, so that a query is not ranked against itself.
    """

    similarity: Similarity
    queries: Items
    gallery: Items
    leave_one_out: bool

    def relevant(self) -> Counts:
        """Return R (Q,), the other samples of the query's class in the gallery."""
        low, high = self.own_class(slice(None))
        samples = np.concatenate([[0], np.cumsum(self.gallery.weights)])
        return np.asarray(samples[high] - samples[low] - self.leave_one_out)

    def own_class(self, rows: Indices | slice) -> tuple[Indices, Indices]:
        """Return (B,) each: where the query's class begins and ends in the gallery, which is sorted by class."""
        labels = self.queries.labels[rows]
        low, high = (np.searchsorted(self.gallery.labels, labels, side) for side in ("left", "right"))
        return low, high

    def own_pairs(self, rows: Indices | slice, columns: slice | None = None) -> tuple[Indices, Indices]:
        """Return (P,) each: the pairs of one class, including self, as indices into these rows and these columns."""
        first, last = (0, len(self.gallery)) if columns is None else (columns.start, columns.stop)
        low, high = (np.clip(end, first, last) for end in self.own_class(rows))
        lengths = high - low
        row = np.repeat(np.arange(len(lengths)), lengths)
        column = np.arange(len(row)) + np.repeat(low - first - (np.cumsum(lengths) - lengths), lengths)
        return row, column

    def thresholds(self, rows: Indices, *, quick: bool = False) -> tuple[Floats, Floats]:
        """Return (T,), the similarities of some queries, one after the other, to their own class, each falling.

        And (B,) their largest error: 0, unless `quick` allows products in float64, which are faster for large classes.
        """
        row, column = self.own_pairs(rows)
        errors = np.zeros(len(rows))
        if len(column) < LARGE_CLASS * len(rows):
            similarities = self.similarity.exact(rows[row], column)
        elif quick:
            blocks = [self.similarity.quick_block(*each) for each in self._classes(rows)]
            similarities, errors = (np.concatenate([block[part].ravel() for block in blocks]) for part in (0, 1))
        else:
            similarities = np.concatenate([self.similarity.exact_block(*each).ravel() for each in self._classes(rows)])
        samples = self.gallery.weights[column]
        if self.leave_one_out:
            samples = samples - (rows[row] == column)
        counts = np.bincount(row, samples, len(rows)).astype(np.int64)
        held = np.arange(counts.max(initial=0)) < counts[:, None]
        sheet = np.full(held.shape, np.inf)
        sheet[held] = -np.repeat(similarities, samples)
        sheet.sort(axis=1)
        return -sheet[held], errors

    def _classes(self, rows: Indices) -> Iterator[tuple[Indices, slice]]:
        """The rows class by class, with the part of the gallery that is of the class."""
        low, high = self.own_class(rows)
        first = np.flatnonzero(np.diff(low, prepend=-1))
        for ours, start, stop in zip(np.split(rows, first[1:]), low[first], high[first], strict=True):
            yield ours, slice(start, stop)


def runs(rows: Indices, relevant: Counts, queries: int, thresholds: int) -> Iterator[Indices]:
    """Yield the rows in parts of at most `queries` queries and `thresholds` thresholds, except for single queries."""
    total = np.cumsum(relevant[rows])
    start = 0
    while start < len(rows):
        before = total[start] - relevant[rows[start]]
        affordable = int(np.searchsorted(total, before + thresholds, "right"))
        stop = min(max(affordable, start + 1), start + queries)
        yield rows[start:stop]
        start = stop
