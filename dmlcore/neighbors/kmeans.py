"""`k_means`: clusters as faiss would make them, for many clusters faster."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dmlcore.neighbors.shards import OnProgress
from dmlcore.neighbors.vectors import VectorError, checked_vectors, device_of


def k_means(
    vectors: npt.ArrayLike, initial: npt.ArrayLike, *, iterations: int = 20, progress: OnProgress | None = None
) -> npt.NDArray[np.int64]:
    """(N,): the cluster of each vector after so many steps of Lloyd's algorithm.

    vectors: (N, D), real numbers, taken as float32; initial: (K,), indices of K different vectors, the first centers.
    A step moves each center to the mean of its vectors, and assigns every vector to its nearest center by Euclidean
    distance, of equally near ones to the first. A cluster without vectors takes half of another, drawn by size, and
    moves off it by a thousandth of each value.

    This is what faiss's `Kmeans` does (Douze et al., "The Faiss library", 2024), to the last bit of the means, but
    that distances are exact here: of centers that float32 can't tell apart, such as equal ones, faiss may take
    another. It has no sampling: faiss looks at 256 vectors a cluster at most. The outcome depends on `initial`.

    It pays from about 1000 clusters on. Memory: beside the vectors 4 bytes a value, 2 more for products in bfloat16,
    and about 100 MB. `progress` is called after each step with the number of those done and of all. Raises VectorError
    for NaN, infinity and values beyond float32, ValueError for arrays of another shape or kind.

    >>> from dmlcore.neighbors import k_means
    >>> k_means([[0.0], [0.2], [5.0], [5.2], [9.0]], [0, 3, 4])
    array([0, 0, 1, 1, 2])
    """
    if isinstance(iterations, bool) or not isinstance(iterations, int | np.integer) or iterations < 0:
        raise ValueError(f"iterations must be a whole number ≥ 0, not {iterations!r}")
    given = checked_vectors(vectors)
    with np.errstate(over="ignore"):
        samples = np.ascontiguousarray(given, np.float32)
    if not np.isfinite(samples).all():
        raise VectorError("vectors hold values beyond float32, in which clusters are made")
    chosen = np.asarray(initial)
    if chosen.ndim != 1 or not len(chosen) or chosen.dtype.kind not in "iu":
        raise ValueError(f"initial must be one index a cluster, of shape (K,), not {chosen.dtype} {chosen.shape}")
    if not 0 <= chosen.min() <= chosen.max() < len(samples):
        raise ValueError(
            f"initial must be indices of the {len(samples):,} vectors, not {chosen.min()} … {chosen.max()}"
        )
    if len(np.unique(chosen)) < len(chosen):
        raise ValueError("initial must be different vectors, but an index is there twice")
    from dmlcore.neighbors.lloyd import lloyd

    return lloyd(samples, chosen.astype(np.intp), int(iterations), device_of(vectors), progress).astype(np.int64)
