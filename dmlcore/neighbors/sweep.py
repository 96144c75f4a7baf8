"""A sweep over tiles of all pairs: which items of other classes are near enough to a query to count.

A fast product of low precision covers all pairs, each only once if the queries are the gallery, and finds the few that
can matter. Only these are computed with higher precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

import numpy as np
import torch
from attrs import define, field, frozen

from dmlcore.neighbors.dense import count_dense
from dmlcore.neighbors.pairing import Pairing, runs
from dmlcore.neighbors.products import Products
from dmlcore.neighbors.similarity import Floats, Indices
from dmlcore.neighbors.threads import each_in_threads, in_threads
from dmlcore.neighbors.thresholds import Counts, Thresholds
from dmlcore.neighbors.tiles import (
    MOST,
    ROUNDING,
    below,
    bits,
    depth_of,
    floats,
    least_of_groups,
    limits,
    near_groups,
    near_values,
    part_of,
    rows_of,
    strips,
)
from dmlcore.neighbors.vectors import as_tensor, blocks

SAMPLED = 512
"""Items of a query's first tile that show which of its thresholds can't matter."""

SAMPLED_EACH = 32
"""The same, per threshold of the query, if that is more."""

CROWDED = 1 / 4
"""Share of near groups in a tile above which a query's whole row is compared."""

CROWDED_ROWS = 1 / 4
"""Share of rows compared as a whole above which all are, so that they need not be gathered."""

BETWEEN = 1 / 4
"""Share of a query's row between its thresholds above which the row is computed again in float64."""

OPEN_PAIRS = 2**15
"""Undecided pairs of a block of queries that are gathered before they are computed exactly."""

Tile = tuple[slice, slice]
"""Queries, and gallery items."""


@frozen(eq=False)
class View:
    """A tile from the side of its queries.

    far: (B, W), with the padding; least: (B, G), of `least_of_groups`; rows: B of the queries; columns: W of the
    gallery; error: (B,).
    """

    far: torch.Tensor
    least: torch.Tensor
    rows: slice
    columns: slice
    error: Floats

    def slack(self, row: Indices, far: Floats) -> Floats:
        """Return the largest errors of some values of these rows."""
        return np.asarray(self.error[row] + np.abs(far) * ROUNDING[self.far.dtype])


@define(eq=False)
class Block:
    """The state of a block of queries, in addition to their thresholds.

    bounded: whether the first tile has dropped thresholds; open: undecided pairs.
    """

    lock: Lock = field(factory=Lock)
    bounded: bool = False
    open: list[tuple[Indices, Indices]] = field(factory=list)


@define(eq=False)
class Sweep:
    """Counts for queries with few thresholds, by tiles of all pairs.

    A tile serves its queries, and where the queries are the gallery also its gallery items. Memory: the factors of
    `Products`, 24 bytes a threshold, and about 16 bytes a value of a tile.
    """

    pairing: Pairing
    products: Products
    thresholds: Thresholds
    block_size: int
    _states: dict[int, Block] = field(init=False)
    _room: list[torch.Tensor] = field(init=False, factory=list)

    @classmethod
    def of(cls, pairing: Pairing, products: Products, relevant: Counts, block_size: int) -> Sweep:
        """relevant: (Q,), R of the queries that are swept, and 0 of others."""
        swept = np.flatnonzero(relevant)
        parts = [pairing.thresholds(rows, quick=True) for rows in runs(swept, relevant, block_size, block_size**2 // 8)]
        values, errors = (np.concatenate(part) for part in zip(*parts, strict=True))
        error = np.zeros(len(relevant))
        error[swept] = errors
        return cls(pairing, products, Thresholds.of(values, relevant, error), block_size)

    def __attrs_post_init__(self) -> None:
        self._states = {rows.start: Block() for rows in blocks(len(self.pairing.queries), self.block_size)}

    def tiles(self) -> list[Tile]:
        """Return all tiles, first one for each query; consecutive ones hardly ever share queries."""
        rows = blocks(len(self.pairing.queries), self.block_size)
        columns = blocks(len(self.pairing.gallery), self.block_size)
        if not self.pairing.leave_one_out:
            return [(row, column) for column in columns for row in rows]
        return [(rows[first], rows[second]) for first, second in round_robin(len(rows))]

    def count(self, tiles: list[Tile]) -> Iterator[None]:
        """Count what these tiles hold, yielding after each."""
        yield from each_in_threads(self._count_tile, tiles)
        in_threads(self._close, self._states.values())

    def _count_tile(self, tile: Tile) -> None:
        shape = (min(self.block_size, len(side)) for side in (self.pairing.queries, self.pairing.gallery))
        room = self._room.pop() if self._room else self.products.empty_tile(*shape)
        rows, columns = tile
        left = self.products.left(rows)
        far = part_of(room, len(left), self.products.width(columns))
        both = self.pairing.leave_one_out and rows != columns
        least, by_column = self._fill(far, left, tile, both)
        self._scan(View(far, least, rows, columns, self.products.error(rows, columns)))
        if both:
            self._scan(View(far.T, by_column.T, columns, rows, self.products.error(columns, rows)))
        self._room.append(room)

    def _fill(self, far: torch.Tensor, left: torch.Tensor, tile: Tile, both: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute a tile without the pairs of one class; return the least values of groups by row and by column."""
        row, column = self.pairing.own_pairs(*tile)
        own = [as_tensor(index, far.device) for index in (row, column)]
        by_row, by_column = [], bits(torch.full_like(far[: len(far) // depth_of(len(far))], torch.inf))
        for part in strips(far):
            strip = self.products.tile(left[part], tile[1], out=far[part])
            which = slice(*np.searchsorted(row, [part.start, part.stop]))
            strip[own[0][which] - part.start, own[1][which]] = torch.inf
            by_row.append(least_of_groups(strip))
            if both:
                torch.minimum(by_column, bits(strip).view(-1, *by_column.shape).amin(0), out=by_column)
        return torch.cat(by_row), by_column

    def _scan(self, view: View) -> None:
        """Count for the queries of a tile what it holds, while no other thread counts for them."""
        if not self.thresholds.relevant[view.rows].any():
            return
        least = view.least[: len(view.error)]
        state = self._states[view.rows.start]
        with state.lock:
            if not state.bounded:
                state.bounded = True
                self._bound(view)
            lowest, highest = map(self.products.frame.far, self.thresholds.limits(view.rows))
            limit = limits(lowest + view.error, view.far)
            row, group = near_groups(least, limit)
            crowded = np.bincount(row, minlength=len(limit)) > least.shape[1] * CROWDED
            if crowded.mean() > CROWDED_ROWS:
                crowded[:] = True
            if crowded.any():
                self._count_crowded(view, np.flatnonzero(crowded), limit, highest - view.error)
                row, group = row[~crowded[row]], group[~crowded[row]]
            self._count(view, *near_values(view.far, limit, row, group, least.shape[1]))
            if sum(len(row) for row, _ in state.open) > OPEN_PAIRS:
                self._close(state)

    def _bound(self, view: View) -> None:
        """Drop thresholds with more than R items of other classes above them among the first of this tile."""
        relevant = self.thresholds.relevant[view.rows]
        sampled = max(SAMPLED, SAMPLED_EACH * int(relevant.max()))
        held = bits(view.far[: len(view.error), :sampled]).cpu().numpy()
        row = np.flatnonzero((relevant > 0) & (relevant < held.shape[1]))
        most = int(relevant[row].max(initial=0))  # one place is found many times faster than several
        nearest = np.sort(np.partition(held, most, axis=1)[:, : most + 1], axis=1)
        # bits of negative values are out of order among themselves: what is among them is at most 0
        far = floats(np.maximum(nearest[row, relevant[row]], 0), view.far.dtype)
        far = np.minimum(far, MOST)
        bound = self.products.frame.similarity(far + view.slack(row, far))
        self.thresholds.drop_below(row + view.rows.start, bound)

    def _count_crowded(self, view: View, rows: Indices, limit: torch.Tensor, sure: Floats) -> None:
        """Count for some rows of a tile, comparing all of it; what is nearer than `sure` (B,) is above all."""
        held = bits(rows_of(view.far[: len(view.error)], rows))[:, : view.columns.stop - view.columns.start]
        above = below(held, bits(limits(np.where(sure[rows] > 0, sure[rows], -np.inf), view.far)))
        between = np.flatnonzero(below(held, bits(limit[as_tensor(rows)]) + 1) & ~above)
        row = between // held.shape[1]
        dense = np.bincount(row, minlength=len(rows)) > BETWEEN * held.shape[1]
        if dense.any():
            queries = rows[dense] + view.rows.start
            self._make_exact(queries)
            count_dense(self.pairing, self.thresholds, queries, queries, view.columns)
            between, row = between[~dense[row]], row[~dense[row]]
        samples = np.where(dense, 0, _samples(above, self.pairing.gallery.weights[view.columns]))
        self.thresholds.count_above_all(rows + view.rows.start, samples)
        column = between - row * held.shape[1]
        far = held[as_tensor(row, held.device), as_tensor(column, held.device)].cpu().numpy()
        self._count(view, rows[row], column, floats(far, view.far.dtype))

    def _count(self, view: View, row: Indices, column: Indices, far: Floats) -> None:
        """Count pairs (P,) of a tile by their values, and gather those that these leave open."""
        error = view.slack(row, far)
        row, column = row + view.rows.start, column + view.columns.start
        unsettled = self._count_near(row, column, far, error)
        self._states[view.rows.start].open.append((row[unsettled], column[unsettled]))
        self.thresholds.drop(np.unique(row))

    def _count_near(self, row: Indices, column: Indices, far: Floats, error: Floats) -> np.ndarray:
        frame = self.products.frame
        samples = self.pairing.gallery.weights[column]
        return self.thresholds.count(row, frame.similarity(far), error / frame.factor, samples)

    def _close(self, state: Block) -> None:
        """Count the undecided pairs by a more precise product, and the rest exactly."""
        if not state.open:
            return
        row, column = (np.concatenate(indices) for indices in zip(*state.open, strict=True))
        state.open.clear()
        unsettled = self._count_near(row, column, *self.products.pairs(row, column))
        row, column = row[unsettled], column[unsettled]
        self._make_exact(row)
        samples = self.pairing.gallery.weights[column]
        self.thresholds.count_exact(row, self.pairing.similarity.exact(row, column), samples)
        self.thresholds.drop(np.unique(row))

    def _make_exact(self, rows: Indices) -> None:
        rows = np.unique(rows[self.thresholds.error[rows] > 0])
        if len(rows):
            self.thresholds.make_exact(rows, self.pairing.thresholds(rows)[0])


def round_robin(count: int) -> Iterator[tuple[int, int]]:
    """Yield each with itself, then all pairs, the lower first, in rounds that contain each at most once."""
    yield from ((place, place) for place in range(count))
    circle = list(range(count + count % 2))
    for _ in circle[1:]:
        for first, second in zip(circle[: len(circle) // 2], circle[: -len(circle) // 2 - 1 : -1], strict=True):
            if max(first, second) < count:
                yield min(first, second), max(first, second)
        circle[1:] = circle[-1:] + circle[1:-1]


def _samples(chosen: np.ndarray, weights: Counts) -> Counts:
    """Return (B,), the samples in the chosen items (B, W) bool, of weights (W,)."""
    heavy = np.flatnonzero(weights > 1)
    ones = np.bitwise_count(np.packbits(chosen, axis=1)).sum(axis=1, dtype=np.int64)
    return np.asarray(ones + chosen[:, heavy] @ (weights[heavy] - 1))
