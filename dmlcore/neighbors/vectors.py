"""Given vectors and labels: checked, and without repetitions."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

if TYPE_CHECKING:
    import torch

SHOWN_ROWS = 5
"""Maximum number of rows that a message names."""

CACHED_VALUES = 2**16
"""Values of vectors processed at once: half a megabyte, so that they stay in the cache."""


class VectorError(ValueError):
    """Values that rankings and clusterings can't use: NaN, infinity, or a zero vector without a direction."""


def checked_vectors(vectors: npt.ArrayLike, what: str = "vectors", *, nonzero: bool = False) -> np.ndarray:
    """Return the vectors (N, D) as an array of real numbers, in their own dtype.

    Torch tensors on any device are accepted. Raises ValueError for a wrong shape or kind, VectorError for NaN and
    infinity, and with `nonzero` for zero vectors; the message begins with `what` and names the first such rows.
    """
    array = _on_host(vectors)
    if not np.can_cast(array.dtype, np.float64):
        raise ValueError(f"{what} must be real numbers that fit float64, not {array.dtype}")
    if array.ndim != 2:
        raise ValueError(f"{what} must be of shape (N, D), one row per sample, not {array.shape}")
    if 0 in array.shape:
        raise ValueError(f"{what} are empty: shape {array.shape}")
    _refuse(~np.isfinite(array).all(axis=1), f"{what} contain NaN or infinite values")
    if nonzero:
        _refuse(~array.any(axis=1), f"{what} contain zero vectors, which have no cosine,")
    return array


def checked_labels(labels: npt.ArrayLike, count: int, what: str = "labels") -> npt.NDArray[np.int64]:
    """Return the labels (N,) as int64. Raises ValueError unless they are integers, one for each of `count` samples."""
    array = _on_host(labels)
    if not np.can_cast(array.dtype, np.int64):
        raise ValueError(f"{what} must be integers that fit int64, not {array.dtype}")
    if array.shape != (count,):
        raise ValueError(f"{what} must be of shape ({count},), one per sample, not {array.shape}")
    return array.astype(np.int64)


def device_of(vectors: Any) -> str:
    """Return the device of a torch tensor, else the CPU: products are computed there."""
    return str(vectors.device) if _is_tensor(vectors) else "cpu"


def as_tensor(array: np.ndarray, device: str | torch.device = "cpu") -> torch.Tensor:
    """Return the array as a read-only tensor on the device, without a copy on the CPU."""
    import torch

    with warnings.catch_warnings():
        # torch warns about read-only arrays, since the tensor is writable
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array).to(device)


def blocks(count: int, size: int) -> list[slice]:
    """Return slices of this size that cover `count`."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def parts(count: int, dim: int) -> list[slice]:
    """Return slices of vectors that fit in the cache."""
    return blocks(count, max(1, CACHED_VALUES // dim))


def _is_tensor(value: object) -> Any:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _on_host(values: Any) -> np.ndarray:
    if not _is_tensor(values):
        return np.asarray(values)
    tensor = values.detach().cpu()
    # numpy has no bfloat16; float32 holds its values exactly
    return np.asarray((tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy())


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
    samples: (N, D), as given; first: (U,), an item's first sample; labels: (U,), ascending; weights: (U,), samples
    an item; inverse: (N,), the item of a sample.
    """

    samples: np.ndarray
    first: npt.NDArray[np.intp]
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.int64]
    inverse: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.labels)


def distinct(vectors: np.ndarray, labels: npt.NDArray[np.int64]) -> Items:
    """Return the items among samples (N, D) with labels (N,)."""
    hashes = _hashes(vectors)
    order = np.lexsort((hashes, labels))
    here, before = order[1:], order[:-1]
    alike = np.flatnonzero((hashes[here] == hashes[before]) & (labels[here] == labels[before]))
    new = np.ones(len(order), bool)
    for part in (alike[rows] for rows in parts(len(alike), vectors.shape[1])):
        # a hash may be shared by chance: then of equal vectors some stay apart, which costs time and changes no number
        new[part + 1] = (vectors[here[part]] != vectors[before[part]]).any(axis=1)
    first = order[new]
    inverse = np.empty(len(order), np.intp)
    inverse[order] = np.cumsum(new) - 1
    return Items(vectors, first, labels[first], np.bincount(inverse), inverse)


def _hashes(vectors: np.ndarray) -> npt.NDArray[np.uint64]:
    """Return hashes (N,), equal for rows of equal bytes, hardly ever for others."""
    factors = np.random.default_rng(0).integers(1, 2**63, vectors.shape[1], np.uint64) | np.uint64(1)
    hashes = np.empty(len(vectors), np.uint64)
    for part in parts(*vectors.shape):
        rows = np.ascontiguousarray(vectors[part])
        bits = rows.view(f"u{rows.itemsize}").astype(np.uint64)
        hashes[part] = (bits * factors).sum(axis=1)
    return hashes
