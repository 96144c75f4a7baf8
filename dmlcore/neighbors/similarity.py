"""How near two vectors are: exactly for chosen pairs, and quickly, with a bound on the error, for all.

The exact similarity of a pair is float64 arithmetic on the two vectors alone, always in the same order. It is
the same number wherever the pair stands, so equal pairs tie, in any block and any order of the samples.
A matrix product is many times faster, but its roundings depend on the shapes of its operands: it serves to
tell far from near, and what lies within its error is left to the exact similarity.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from attrs import frozen

Distance = Literal["cosine", "l2", "inner_product"]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

CACHED_VALUES = 2**16
"""Values of paired vectors worked on at once: half a megabyte, so that they stay in the cache."""


@frozen(eq=False)
class Product:
    """Approximate similarities by a matrix product; |approximate − exact| ≤ error of the query.

    left: (Q, E); right: (G, E); error: (Q,) float64. The error leaves room for the rounding of a limit that
    a product is compared with.
    """

    left: np.ndarray
    right: np.ndarray
    error: Floats

    def tile(self, queries: Indices, gallery: slice) -> np.ndarray:
        """(len(queries), length of the slice), in the dtype of the factors."""
        return np.asarray(self.left[queries] @ self.right[gallery].T)


@frozen(eq=False)
class Similarity:
    """The similarity of queries (Q, D) to a gallery (G, D): the higher, the nearer.

    The cosine, the inner product, or for "l2" the negative squared distance, which orders like the distance.
    """

    queries: Floats
    gallery: Floats
    distance: Distance

    @classmethod
    def of(cls, queries: np.ndarray, gallery: np.ndarray, distance: Distance) -> Similarity:
        """For vectors as they came in: finite, of any real dtype, and for the cosine not zero."""
        ours = queries.astype(np.float64, order="C")
        theirs = ours if gallery is queries else gallery.astype(np.float64, order="C")
        sides = [ours] if theirs is ours else [ours, theirs]
        largest = max(np.abs(side).max() for side in sides)
        for side in sides:
            if distance == "cosine":
                _scale(side, np.abs(side).max(axis=1, keepdims=True))
                side /= _norms(side)[:, None]
            else:
                _scale(side, largest)
        return cls(ours, theirs, distance)

    def exact(self, queries: Indices, gallery: Indices) -> Floats:
        """(P,): the similarity of each pair (queries[p], gallery[p])."""
        values = np.empty(len(queries))
        step = max(1, CACHED_VALUES // self.queries.shape[1])
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            ours, theirs = self.queries[queries[part]], self.gallery[gallery[part]]
            # numpy adds up a contiguous row in an order that depends on its length only
            if self.distance == "l2":
                values[part] = -np.square(ours - theirs).sum(axis=1)
            else:
                values[part] = (ours * theirs).sum(axis=1)
        return values

    def product(self, dtype: type[np.floating]) -> Product:
        """All pairs at once, in float32 or float64.

        Error: a sum of n products, in any order, is off by at most n·u·Σ|aᵢbᵢ| (1 + n·u), u the unit roundoff
        (Higham, Accuracy and Stability of Numerical Algorithms, §3.1), and Σ|aᵢbᵢ| ≤ |a||b|; for the l2 factors
        below it is at most (|q| + |g|)². Rounding the factors to `dtype`, their squared norms, and the exact
        similarity itself add at most twice as much again; 4·(D + 4) covers all of it, and underflow.
        """
        norms, others = _norms(self.queries), _norms(self.gallery)
        left, right = self.queries, self.gallery
        if self.distance == "l2":
            # −|q − g|² = 2 q·g − |g|² − |q|², as one product
            left = np.column_stack([2 * left, np.full(len(left), -1.0), -np.square(norms)])
            right = np.column_stack([right, np.square(others), np.ones(len(right))])
            size = np.square(norms + others.max())
        else:
            size = norms * others.max()
        facts = np.finfo(dtype)
        error = 4 * (self.queries.shape[1] + 4) * (facts.eps / 2 * size + float(facts.tiny))
        return Product(left.astype(dtype, copy=False), right.astype(dtype, copy=False), error)


def check_distance(distance: str) -> None:
    """Raises ValueError for a distance that is not known."""
    if distance not in get_args(Distance):
        raise ValueError(f"distance must be one of {', '.join(get_args(Distance))}, not {distance!r}")


def _scale(vectors: Floats, largest: npt.ArrayLike) -> None:
    """Divide, in place, by a power of two near the largest value: no digit changes, and no square overflows."""
    np.ldexp(vectors, -np.frexp(largest)[1], out=vectors)


def _norms(vectors: Floats) -> Floats:
    return np.asarray(np.sqrt(np.square(vectors).sum(axis=1)))
