"""Lloyd's algorithm, exactly, for many clusters: only samples that may change their cluster are assigned again.

After each step, most of many centers do not move. If the center of a sample came nearer or did not move, only a center
that moved can replace it; otherwise all centers are searched, unless a bound on the second nearest one excludes a
change. Products of low precision find the few centers that can be nearest, float64 decides.
"""

from __future__ import annotations

import numpy as np
import torch
from attrs import define

from dmlcore.neighbors.products import Products, bfloat16_pays
from dmlcore.neighbors.similarity import Floats, Indices, Similarity, Vectors
from dmlcore.neighbors.threads import in_threads
from dmlcore.neighbors.tiles import ROUNDING, floats, least_of_groups, limits, near_groups, near_values, part_of
from dmlcore.neighbors.vectors import blocks

BLOCK = 2048
"""Samples and centers compared at once."""

CENTERS = 256
"""Centers updated at once."""

SPLIT = np.float32(1 / 1024)
"""The distance between the halves of a split cluster, as a share of each value."""

SPLIT_SEED = 1234
"""Of the generator that draws the clusters to split, the same in each step, as in faiss."""


@define(eq=False)
class Clustering:
    """A state of Lloyd's algorithm.

    samples: (N, D) float32; centers: (K, D) float32; assigned: (N,), the nearest center; distance: (N,), its squared
    distance; others: (N,), what no squared distance to another center is below; stale: (K,), whether a center is not
    the mean of its samples.
    """

    samples: np.ndarray
    centers: np.ndarray
    similarity: Similarity
    products: Products
    assigned: Indices
    distance: Floats
    others: Floats
    stale: np.ndarray

    @classmethod
    def of(cls, samples: np.ndarray, initial: Indices, device: str) -> Clustering:
        """Assign each sample to the nearest initial center; these are given as samples."""
        count, centers = len(samples), samples[initial]
        similarity = Similarity(Vectors(samples, np.arange(count)), Vectors(centers, np.arange(len(centers))), "l2")
        products = Products.of(similarity, "bfloat16" if bfloat16_pays(device) else "float32", device)
        far, stale = np.full(count, np.inf), np.ones(len(centers), bool)
        state = cls(samples, centers, similarity, products, np.full(count, -1), far, far.copy(), stale)
        state._search(np.arange(count), np.arange(len(centers)))
        return state

    def step(self) -> None:
        """Move the centers to the means of their samples, and update the assignment."""
        before = self.centers.copy()
        self._move()
        moved = (self.centers != before).any(axis=1)
        own = np.flatnonzero(moved[self.assigned])
        old = self.distance[own]
        self.distance[own] = -self.similarity.exact(own, self.assigned[own])
        doubtful = (self.distance[own] > old) & (self.distance[own] >= self.others[own])
        again = np.zeros(len(self.samples), bool)
        again[own[doubtful]] = True
        self.others[again] = np.inf
        self._search(np.flatnonzero(~again), np.flatnonzero(moved))
        self._search(np.flatnonzero(again), np.arange(len(self.centers)))

    def _move(self) -> None:
        sizes = np.bincount(self.assigned, minlength=len(self.centers))
        members = np.flatnonzero(self.stale[self.assigned])
        members = members[np.argsort(self.assigned[members], kind="stable")]
        centers, starts, counts = np.unique(self.assigned[members], return_index=True, return_counts=True)

        def fill(part: slice) -> None:
            total = np.zeros((part.stop - part.start, self.samples.shape[1]), np.float32)
            for turn in range(counts[part].max()):
                # one sample of each cluster at once, so that each sum is in the order of its samples
                has = np.flatnonzero(counts[part] > turn)
                total[has] += self.samples[members[starts[part][has] + turn]]
            self.centers[centers[part]] = total * (1 / counts[part].astype(np.float32))[:, None]

        in_threads(fill, blocks(len(centers), CENTERS))
        self.stale[:] = False
        self._split(sizes.astype(np.float32))

    def _split(self, sizes: np.ndarray) -> None:
        """Give each empty cluster half of another, drawn with a probability that increases with its size."""
        generator = np.random.RandomState(SPLIT_SEED)  # the Mersenne twister of faiss's draws
        most, spare = np.float32(2**32 - 1), np.float64(len(self.samples) - len(sizes))
        up, down = 1 + SPLIT, 1 - SPLIT
        turn = np.where(np.arange(self.samples.shape[1]) % 2 == 0, up, down)
        for empty in np.flatnonzero(sizes == 0):
            large = 0
            with np.errstate(divide="ignore", invalid="ignore"):  # with none to spare, any of two or more will do
                while not _draw(generator) / most < np.float32((np.float64(sizes[large]) - 1) / spare):
                    large = (large + 1) % len(sizes)
            self.centers[empty] = self.centers[large] * turn
            self.centers[large] *= up + down - turn
            sizes[empty] = sizes[large] / 2
            sizes[large] -= sizes[empty]
            self.stale[empty] = self.stale[large] = True

    def _search(self, rows: Indices, centers: Indices) -> None:
        """Assign samples to those of the centers that are nearer than their own."""
        if not len(rows) or not len(centers):
            return
        products = self.products.with_gallery(Vectors(self.centers, centers))
        rooms: list[torch.Tensor] = []

        def search(block: slice) -> None:
            left = products.left(rows[block])
            room = rooms.pop() if rooms else products.empty_tile(min(BLOCK, len(rows)), min(BLOCK, len(centers)))
            for columns in blocks(len(centers), BLOCK):
                far = products.tile(left, columns, out=part_of(room, len(left), products.width(columns)))
                self._compare(far, rows[block], centers[columns], products.error(rows[block], columns))
            rooms.append(room)

        in_threads(search, blocks(len(rows), BLOCK))

    def _compare(self, far: torch.Tensor, rows: Indices, centers: Indices, error: Floats) -> None:
        """Assign samples (B,) to those of the centers (W,) that are nearer, by a tile of products."""
        frame = self.products.frame
        least = least_of_groups(far)[: len(rows)]
        nearest = floats(least.amin(1).cpu().numpy(), far.dtype)
        nearest += np.abs(nearest) * ROUNDING[far.dtype] + error
        bound = np.minimum(frame.far(-self.distance[rows]), nearest)
        limit = limits(bound + error, far)
        row, column, _ = near_values(far, limit, *near_groups(least, limit), least.shape[1])
        candidate = self.assigned[rows[row]] != centers[column]
        row, center = rows[row[candidate]], centers[column[candidate]]
        self._lower(rows, -frame.similarity(bound))
        self._choose(row, center, -self.similarity.exact(row, center))

    def _choose(self, rows: Indices, centers: Indices, distance: Floats) -> None:
        """Assign samples to the nearest of pairs (P,) of sample and center, if it is nearer than their own."""
        order = np.lexsort((centers, distance, rows))
        rows, centers, distance = rows[order], centers[order], distance[order]
        first = np.ones(len(rows), bool)
        first[1:] = rows[1:] != rows[:-1]
        second = np.flatnonzero(~first & np.append(False, first[:-1]))
        self._lower(rows[second], distance[second])
        rows, centers, distance = rows[first], centers[first], distance[first]
        own, assigned = self.distance[rows], self.assigned[rows]
        nearer = (distance < own) | ((distance == own) & (centers < assigned))
        self._lower(rows, np.where(nearer, own, distance))
        rows, centers, distance = rows[nearer], centers[nearer], distance[nearer]
        left = assigned[nearer]
        self.stale[left[left >= 0]] = True
        self.stale[centers] = True
        self.assigned[rows], self.distance[rows] = centers, distance

    def _lower(self, rows: Indices, distance: Floats) -> None:
        self.others[rows] = np.minimum(self.others[rows], distance)


def _draw(generator: np.random.RandomState) -> np.float32:
    return np.float32(generator.randint(0, 2**32, dtype=np.uint32))
