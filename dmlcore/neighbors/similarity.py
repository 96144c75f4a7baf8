"""The exact similarity of two vectors.

It is float64 arithmetic on the two vectors alone, always in the same order. So it does not depend on the position of
the pair, and equal pairs tie in any block and any order of the samples.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from attrs import frozen

from dmlcore.neighbors.threads import in_threads
from dmlcore.neighbors.vectors import parts

Distance = Literal["cosine", "l2", "inner_product"]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

SAFE_EXPONENT = 400
"""Values within 2^±400 have squares, and norms, that float64 holds."""


@frozen(eq=False)
class Vectors:
    """Vectors in float64, converted from the samples on demand: a copy of all would be twice their size.

    samples: (N, D), of any real dtype; index: (U,), the sample of each vector; norms: (U,), the divisor of each
    vector, or None.
    """

    samples: np.ndarray
    index: Indices
    norms: Floats | None = None

    def __len__(self) -> int:
        return len(self.index)

    @property
    def dim(self) -> int:
        return int(self.samples.shape[1])

    def rows(self, which: Indices | slice) -> Floats:
        """(P, D) float64, the vectors at `which`."""
        rows = self.samples[self.index[which]].astype(np.float64)
        if self.norms is not None:
            rows /= self.norms[which][:, None]
        return rows

    def normalized(self) -> Vectors:
        norms = np.concatenate([lengths(self.rows(part)) for part in parts(len(self), self.dim)])
        return Vectors(self.samples, self.index, norms)


@frozen(eq=False)
class Similarity:
    """The similarity of queries (Q, D) to a gallery (G, D): the higher, the nearer.

    The cosine, the inner product, or for "l2" the negative squared distance, which orders like the distance.
    """

    queries: Vectors
    gallery: Vectors
    distance: Distance
    exponent: int = 0
    """The vectors are the given ones divided by 2^exponent; without effect on the cosine."""

    @classmethod
    def of(cls, queries: Vectors, gallery: Vectors, distance: Distance) -> Similarity:
        """Return the similarity of the given vectors, which are finite, and for the cosine not zero."""
        sides, exponent = [queries] if queries is gallery else [queries, gallery], 0
        if not all(_safe(side.samples) for side in sides):
            sides, exponent = _scaled(sides, each_row=distance == "cosine")
        if distance == "cosine":
            sides = [side.normalized() for side in sides]
        return cls(sides[0], sides[-1], distance, exponent)

    def in_given_units(self, similarities: Floats) -> Floats:
        """Return the cosines, inner products, or for "l2" Euclidean distances of the vectors as they were given."""
        if self.distance == "cosine":
            return similarities
        with np.errstate(over="ignore"):  # a value beyond the range of float64 is infinite
            if self.distance == "l2":
                return np.asarray(np.ldexp(np.sqrt(-similarities), self.exponent))
            return np.asarray(np.ldexp(similarities, 2 * self.exponent))

    def exact(self, queries: Indices, gallery: Indices) -> Floats:
        """Return (P,), the similarity of each pair (queries[p], gallery[p])."""
        values = np.empty(len(queries))

        def fill(part: slice) -> None:
            values[part] = self.of_pairs(self.queries.rows(queries[part]), self.gallery.rows(gallery[part]))

        in_threads(fill, parts(len(queries), self.queries.dim))
        return values

    def exact_block(self, queries: Indices, gallery: slice) -> Floats:
        """Return (B, W), the similarity of each of these queries to each of a part of the gallery, as in `exact`."""
        ours = self.queries.rows(queries)
        values = np.empty((len(queries), gallery.stop - gallery.start))

        def fill(part: slice) -> None:
            theirs = self.gallery.rows(slice(gallery.start + part.start, gallery.start + part.stop))
            for row, vector in enumerate(ours):
                values[row, part] = self.of_pairs(vector, theirs)

        if len(queries):
            in_threads(fill, parts(values.shape[1], self.queries.dim))
        return values

    def quick_block(self, queries: Indices, gallery: slice) -> tuple[Floats, Floats]:
        """As `exact_block` by products (B, W) in float64, and (B,) the largest error of each row.

        The error is that of a sum of D products in any order, as in `factors.Room.error`.
        """
        ours = self.queries.rows(queries)
        norms, most = lengths(ours), 0.0
        values = np.empty((len(queries), gallery.stop - gallery.start))
        for part in parts(values.shape[1], max(1, ours.shape[1] // 16)):
            theirs = self.gallery.rows(slice(gallery.start + part.start, gallery.start + part.stop))
            others = lengths(theirs)
            most = max(most, others.max())
            np.matmul(ours, theirs.T, out=values[:, part])
            if self.distance == "l2":
                values[:, part] = 2 * values[:, part] - np.square(others) - np.square(norms)[:, None]
        size = np.square(norms + most) if self.distance == "l2" else norms * most
        facts = np.finfo(np.float64)
        return values, 4 * (ours.shape[1] + 4) * (facts.eps / 2 * size + float(facts.tiny))

    def of_pairs(self, ours: Floats, theirs: Floats) -> Floats:
        """(...,): of vectors (..., D), which broadcast."""
        # numpy adds up a contiguous row in an order that depends on its length only
        if self.distance == "l2":
            difference = ours - theirs
            return np.asarray(-np.multiply(difference, difference, out=difference).sum(axis=-1))
        return np.asarray((ours * theirs).sum(axis=-1))


def check_distance(distance: str) -> None:
    """Raise ValueError for an unknown distance."""
    if distance not in get_args(Distance):
        raise ValueError(f"distance must be one of {', '.join(get_args(Distance))}, not {distance!r}")


def lengths(rows: Floats) -> Floats:
    """Return (N,), the Euclidean lengths of rows (N, D)."""
    return np.asarray(np.sqrt(np.square(rows).sum(axis=1)))


def _safe(samples: np.ndarray) -> bool:
    """Whether squares and their sums neither overflow nor underflow; all but extreme float64 values are safe."""
    if samples.dtype != np.float64:
        return True
    exponents = np.frexp(np.abs(samples).max(axis=1))[1]
    return bool(np.abs(exponents).max() < SAFE_EXPONENT)


def _scaled(sides: list[Vectors], *, each_row: bool) -> tuple[list[Vectors], int]:
    """Return vectors over a power of two near the largest value, of the row or of all, and the exponent of all."""
    largest = [np.abs(side.samples.astype(np.float64)).max(axis=1, keepdims=True) for side in sides]
    most = max(float(side.max()) for side in largest)
    if not each_row:
        largest = [np.full_like(side, most) for side in largest]
    scaled = [
        Vectors(np.ldexp(side.samples.astype(np.float64), -np.frexp(values)[1]), side.index)
        for side, values in zip(sides, largest, strict=True)
    ]
    return scaled, int(np.frexp(most)[1])
