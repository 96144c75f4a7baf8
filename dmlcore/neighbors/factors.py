"""Vectors as factors of a matrix product that is the farness of all pairs.

*Farness* falls as the similarity s rises and is not negative: 1 − s for the cosine, M − s for the inner product with
M the largest possible, half the squared distance for "l2"; the latter two times a power of two. With vectors x, y
taken from a common center c, x' = x − c, each is

    far(x, y) = β(x) + β(y) − x'·y'

with β computed in float64, so that one product [−x', β(x), 1] · [y', 1, β(y)] suffices. The center removes what all
vectors share, as those of an untrained network do, and near pairs have a small farness, with small rounding errors.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from attrs import frozen

from dmlcore.neighbors.similarity import Distance, Floats, Indices, Similarity, Vectors, lengths
from dmlcore.neighbors.threads import in_threads
from dmlcore.neighbors.vectors import as_tensor, parts

Precision = Literal["bfloat16", "float32"]

ROWS = 32
"""Factors are padded to a multiple of this number of rows."""

PADDING = 1e30
"""The farness of the padding."""

CENTERED_VECTORS = 1024
"""The center is the mean of at least this number of vectors, or of all."""

SINGLE, DOUBLE = 2.0**-24, 2.0**-53
"""Rounding of a sum in float32, and in float64, to the nearest."""

CUT = 2.0**-23
"""Rounding of a sum in float32 by units that may cut digits off, as those of a GPU and for bfloat16."""

TINY = 2.0**-120
"""Margin for values that a processor may flush to zero, 2^-126 and less."""


@frozen(eq=False)
class Frame:
    """How similarities become farness: far = factor · (ceiling − similarity), of vectors times `unit`."""

    distance: Distance
    center: Floats
    unit: float
    factor: float
    ceiling: float

    @classmethod
    def of(cls, similarity: Similarity) -> Frame:
        step = len(similarity.gallery) // CENTERED_VECTORS + 1
        center = similarity.gallery.rows(slice(None, None, step)).mean(axis=0)
        if similarity.distance == "cosine":
            return cls("cosine", center, 1.0, 1.0, 1.0)
        sides = (similarity.queries, similarity.gallery)
        rows = (side.rows(part) for side in sides for part in parts(len(side), side.dim))
        longest = max(float(lengths(each).max()) for each in rows)
        unit = 2.0 ** -float(np.frexp(longest)[1])
        if similarity.distance == "l2":
            return cls("l2", unit * center, unit, unit**2 / 2, 0.0)
        return cls("inner_product", unit * center, unit, unit**2, 1.01 * longest**2)

    def far(self, similarity: Floats) -> Floats:
        return self.factor * (self.ceiling - similarity)

    def similarity(self, far: Floats) -> Floats:
        return self.ceiling - far / self.factor


@frozen(eq=False)
class Room:
    """The quantities that bound the error of a product, for each of U vectors, or their maximum.

    norm: the larger one of x' and its rounded x̂; residual: of their difference; offset: |β|; full: of x, plus that of
    the center.
    """

    norm: Floats
    residual: Floats
    offset: Floats
    full: Floats

    def at(self, which: slice | Indices) -> Room:
        return Room(self.norm[which], self.residual[which], self.offset[which], self.full[which])

    def largest(self) -> Room:
        return Room(*(np.asarray(values.max()) for values in (self.norm, self.residual, self.offset, self.full)))

    def error(self, other: Room, dim: int, rounding: float) -> Floats:
        """Largest error of the farness of these vectors to others, by products of factors with x̂ for x'.

        The factors' difference gives at most |x' − x̂||y'| + |x̂||y' − ŷ|, by Cauchy and Schwarz, with the norms of
        the residuals as they are, not as they could be. A sum of n products, in any order, is off by at most
        n·u·Σ|xᵢyᵢ| (1 + n·u), with the `rounding` u (Higham, Accuracy and Stability of Numerical Algorithms, §3.1), and
        Σ|xᵢyᵢ| ≤ |x̂||ŷ| + |β(x)| + |β(y)|. The 16 terms beyond the D leave room for β in three parts and for norms
        that were rounded. Products of two bfloat16 are exact in float32, of two float32 in float64. x', β and the
        exact similarity are off by their rounding in float64, 2^-53 a term.
        """
        terms = dim + 16
        factors = self.residual * other.norm + self.norm * other.residual
        addition = terms * rounding * (self.norm * other.norm + self.offset + other.offset)
        double = terms * 2.0**-51 * self.full * other.full
        return np.asarray((1 + 2.0**-10) * (factors + addition + double) + terms * TINY)


@frozen(eq=False)
class Factor:
    """One side of the products.

    matrix: (U + padding, D + 2) float32, [x', 1, β]; offset: (U,), β; room: what bounds the error in each precision.
    """

    matrix: np.ndarray
    offset: Floats
    room: dict[Precision, Room]

    @classmethod
    def of(cls, vectors: Vectors, frame: Frame, precision: Precision) -> Factor:
        count = len(vectors)
        matrix = np.zeros((count + -count % ROWS, vectors.dim + 2), np.float32)
        centered = matrix[:count, : vectors.dim]
        offset, norm, rounded, full = (np.zeros(count) for _ in range(4))

        def fill(part: slice) -> None:
            rows = frame.unit * vectors.rows(part)
            moved = rows - frame.center
            centered[part] = moved
            norm[part], full[part] = lengths(moved), lengths(rows)
            if frame.distance == "l2":
                offset[part] = np.square(norm[part]) / 2
            else:
                offset[part] = frame.factor * frame.ceiling / 2 - (rows - frame.center / 2) @ frame.center
            if precision == "bfloat16":
                # a float32 less what it is rounded to is a float32
                rest = centered[part] - torch.from_numpy(centered[part]).bfloat16().float().numpy()
                rounded[part] = lengths(rest.astype(np.float64))

        in_threads(fill, parts(count, vectors.dim))
        full += np.linalg.norm(frame.center)
        residual = 2.0**-24 * norm + 2.0**-51 * full + vectors.dim * TINY
        room: dict[Precision, Room] = {
            "float32": Room(norm + residual, residual, np.abs(offset), full),
            "bfloat16": Room(norm + residual + rounded, residual + rounded, np.abs(offset), full),
        }
        matrix[:, vectors.dim] = 1
        matrix[:count, -1], matrix[count:, -1] = offset, PADDING
        return cls(matrix, offset, room)

    @property
    def centered(self) -> np.ndarray:
        """x' (U, D)."""
        return self.matrix[: len(self.offset), :-2]

    def left(self, which: slice | Indices, precision: Precision) -> torch.Tensor:
        """[−x', β, 1] (B, K) of some vectors, and padding."""
        return _matrix(-self.centered[which], self.offset[which], precision, flipped=True)

    def right(self, precision: Precision) -> torch.Tensor:
        """[y', 1, β] (U, K) of all vectors, and padding."""
        if precision == "float32":
            return torch.from_numpy(self.matrix)
        return _matrix(self.centered, self.offset, precision, flipped=False)


def _matrix(centered: np.ndarray, offset: Floats, precision: Precision, *, flipped: bool) -> torch.Tensor:
    dtype, columns = (torch.bfloat16, 3) if precision == "bfloat16" else (torch.float32, 1)
    count, dim = centered.shape
    matrix = torch.zeros((count + -count % ROWS, dim + 2 * columns), dtype=dtype)
    matrix[:count, :dim] = as_tensor(centered)
    ones, split = matrix[:, dim : dim + columns], matrix[:, dim + columns :]
    if flipped:
        ones, split = split, ones
    ones[:] = 1
    # three bfloat16 hold the 24 digits of a float32
    rest = torch.full((len(matrix),), PADDING)
    rest[:count] = torch.from_numpy(offset).float()
    for column in split.T:
        column[:] = rest
        rest -= column.float()
    return matrix
