"""Counting instead of sorting: how many items of other classes are nearer to a query than its own class is.

For each query the similarities to its own class, sorted, are thresholds. Each item of another class is counted into
the gap between two thresholds that it falls in. The j-th nearest item of the own class then has the rank j plus
the items counted above it, which is all that Recall@K, R-precision and MAP@R need: the gallery is never sorted, and
no neighbor list is kept. Counts of several parts of the gallery add up.

With R items in the own class, a threshold with a rank above R no longer matters and is dropped; only the first is
followed to the end. So after a few blocks, hardly any item is above the lowest threshold.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import define

from dmlcore.neighbors.similarity import Floats, Indices

Counts = npt.NDArray[np.int64]


@define(eq=False)
class Thresholds:
    """The own classes of Q queries, each sorted by similarity, and what was counted so far.

    values: (T,), query after query, each falling; starts, live: (Q,), a query's first threshold, and the end of those
    that still matter; relevant: (Q,), R, thresholds of a query, none where it is not followed; error: (Q,), how far its
    values may be from the exact ones. strictly, at_least: (T,), items of other classes above, or at or above, a
    threshold and below the one before it.
    """

    values: Floats
    starts: Indices
    live: Indices
    relevant: Counts
    error: Floats
    strictly: Counts
    at_least: Counts

    @classmethod
    def of(cls, values: Floats, relevant: Counts, error: Floats | None = None) -> Thresholds:
        """Start counting; values: as above, exact if there is no `error`."""
        ends = np.cumsum(relevant)
        counts = np.zeros(len(values), np.int64)
        error = np.zeros(len(relevant)) if error is None else error
        return cls(values, ends - relevant, ends, relevant, error, counts, counts.copy())

    def make_exact(self, rows: Indices, values: Floats) -> None:
        """Give these queries their exact values, query by query; counts are kept."""
        lengths = self.relevant[rows]
        offset = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        self.values[np.repeat(self.starts[rows], lengths) + offset] = values
        self.error[rows] = 0

    def limits(self, rows: slice | Indices) -> tuple[Floats, Floats]:
        """Return (B,) each: the lowest threshold of a query that still matters, and its highest; ∞ if it has none."""
        followed = self.relevant[rows] > 0
        last = len(self.values) - 1
        lowest, highest = self.values[self.live[rows] - 1], self.values[np.minimum(self.starts[rows], last)]
        lowest, highest = lowest - self.error[rows], highest + self.error[rows]
        return np.where(followed, lowest, np.inf), np.where(followed, highest, np.inf)

    def count(self, rows: Indices, similarities: Floats, error: Floats, samples: Counts) -> np.ndarray:
        """Count items of other classes, with weights `samples` and similarities known up to `error`.

        Returns those, (I,) bool, that may be on either side of a threshold: they are left uncounted.
        """
        error = error + self.error[rows]
        place = self._place(rows, similarities + error, ties=False)
        below_all = place == self.live[rows]
        unsettled = ~below_all & (self._at(place) >= similarities - error)
        clear = ~(below_all | unsettled)
        np.add.at(self.strictly, place[clear], samples[clear])
        np.add.at(self.at_least, place[clear], samples[clear])
        return np.asarray(unsettled)

    def count_exact(self, rows: Indices, similarities: Floats, samples: Counts) -> None:
        """Count items of other classes by their exact similarity."""
        for counts, ties in ((self.strictly, True), (self.at_least, False)):
            place = self._place(rows, similarities, ties=ties)
            matters = place < self.live[rows]
            np.add.at(counts, place[matters], samples[matters])

    def count_sorted(self, row: int, similarities: Floats, error: float) -> bool:
        """Count items of other classes, for one query, by their similarities (I,), rising, known up to `error`.

        Where one of them may be on either side of a threshold, counts nothing and returns False.
        """
        span = slice(self.starts[row], self.live[row])
        values = self.values[span]
        at_least = len(similarities) - np.searchsorted(similarities, values - error, "left")
        strictly = len(similarities) - np.searchsorted(similarities, values + error, "right")
        if error and (at_least != strictly).any():
            return False
        self.at_least[span] += np.diff(at_least, prepend=0)
        self.strictly[span] += np.diff(strictly, prepend=0)
        return True

    def count_above_all(self, rows: slice | Indices, samples: Counts) -> None:
        """Count items of other classes above the highest threshold of each of these queries; samples: (B,)."""
        starts = self.starts[rows]
        followed = self.relevant[rows] > 0
        self.strictly[starts[followed]] += samples[followed]
        self.at_least[starts[followed]] += samples[followed]

    def drop(self, rows: Indices) -> None:
        """Drop thresholds of these queries with ranks above R, even if ties count in their favor."""
        rows = rows[self.relevant[rows] > 0]
        if not len(rows):
            return
        lengths = self.live[rows] - self.starts[rows]
        ends = np.cumsum(lengths)
        begins = ends - lengths
        positions = np.arange(ends[-1]) - np.repeat(begins, lengths)
        total = np.cumsum(self.strictly[np.repeat(self.starts[rows], lengths) + positions])
        before = np.repeat(total[begins] - self.strictly[self.starts[rows]], lengths)
        matters = (positions + 1 + total - before <= np.repeat(self.relevant[rows], lengths)) | (positions == 0)
        self.live[rows] = self.starts[rows] + np.add.reduceat(matters, begins, dtype=np.intp)

    def drop_below(self, rows: Indices, similarities: Floats) -> None:
        """Drop thresholds of these queries below a similarity (B,), except for the first.

        They are known to have more than R items above them: R of these are counted at once.
        """
        end = np.maximum(self._place(rows, similarities - self.error[rows], ties=True), self.starts[rows] + 1)
        fewer = np.flatnonzero(end < self.live[rows])
        rows, end = rows[fewer], end[fewer]
        self.live[rows] = end
        self.strictly[end] += self.relevant[rows]
        self.at_least[end] += self.relevant[rows]

    def _place(self, rows: Indices, similarities: Floats, *, ties: bool) -> Indices:
        """Return the index of the first threshold of the row that is not above the similarity; `live` if all are.

        With `ties`, one equal to the similarity counts as above it.
        """
        place, end = self.starts[rows], self.live[rows]
        lies_above = np.greater_equal if ties else np.greater
        step = 1 << int((end - place).max(initial=0)).bit_length() >> 1
        while step:
            ahead = place + step
            above = lies_above(self._at(ahead - 1), similarities)
            above &= ahead <= end
            place += step * above
            step >>= 1
        return place

    def _at(self, place: Indices) -> Floats:
        return self.values.take(place, mode="clip") if len(self.values) else np.zeros(len(place))
