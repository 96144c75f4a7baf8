"""Vectors and labels as they come in: checked, and freed of repetitions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import frozen

SHOWN_ROWS = 5
"""How many rows a message names."""


class VectorError(ValueError):
    """Values that no ranking or clustering can use: NaN, infinity, or a zero vector without direction."""


def checked_vectors(vectors: npt.ArrayLike, what: str = "vectors", *, nonzero: bool = False) -> np.ndarray:
    """The vectors (N, D) as an array of real numbers, in the dtype that they have.

    Raises ValueError for another shape or kind, VectorError for NaN and infinity, and with `nonzero` for
    vectors of zeros; the message begins with `what` and names the first such rows.
    """
    array = np.asarray(vectors)
    if not np.can_cast(array.dtype, np.float64):
        raise ValueError(f"{what} must be real numbers that fit float64, not {array.dtype}")
    if array.ndim != 2:
        raise ValueError(f"{what} must be of shape (N, D), one row a sample, not {array.shape}")
    if 0 in array.shape:
        raise ValueError(f"{what} are empty: shape {array.shape}")
    _refuse(~np.isfinite(array).all(axis=1), f"{what} hold NaN or infinite values")
    if nonzero:
        _refuse(~array.any(axis=1), f"{what} are zero, and zero has no direction for a cosine,")
    return array


def checked_labels(labels: npt.ArrayLike, count: int, what: str = "labels") -> npt.NDArray[np.int64]:
    """The labels (N,) as int64. Raises ValueError unless they are integers, one for each of `count` samples."""
    array = np.asarray(labels)
    if not np.can_cast(array.dtype, np.int64):
        raise ValueError(f"{what} must be integers that fit int64, not {array.dtype}")
    if array.shape != (count,):
        raise ValueError(f"{what} must be of shape ({count},), one a sample, not {array.shape}")
    return array.astype(np.int64)


def _refuse(bad: npt.ArrayLike, complaint: str) -> None:
    bad = np.asarray(bad)
    rows = np.flatnonzero(bad)
    if not len(rows):
        return
    first = ", ".join(str(row) for row in rows[:SHOWN_ROWS]) + (", …" if len(rows) > SHOWN_ROWS else "")
    raise VectorError(f"{complaint} in {len(rows):,} of {len(bad):,} rows: {first}")


@frozen(eq=False)
class Items:
    """Samples without repetitions: those of one class with the same vector are one item, with a weight.

    Such samples rank alike, so an embedding that collapsed to few points costs little.
    vectors: (U, D); labels: (U,), ascending; weights: (U,), samples an item; inverse: (N,), the item of a sample.
    """

    vectors: np.ndarray
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.int64]
    inverse: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def distinct(vectors: np.ndarray, labels: npt.NDArray[np.int64]) -> Items:
    """The items among samples (N, D) with labels (N,)."""
    rows = np.ascontiguousarray(vectors)
    as_bytes = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    _, content = np.unique(as_bytes, return_inverse=True)
    _, code = np.unique(labels, return_inverse=True)
    _, first, inverse, weights = np.unique(
        code * len(rows) + content, return_index=True, return_inverse=True, return_counts=True
    )
    return Items(rows[first], labels[first], weights, inverse)
