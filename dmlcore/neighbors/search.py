"""`rank` and `top_k`: each query against all others, or against a gallery."""

from __future__ import annotations

from typing import get_args

import numpy as np
import numpy.typing as npt

from dmlcore.neighbors.pairing import Pairing
from dmlcore.neighbors.ranking import Ranking
from dmlcore.neighbors.shards import FirstPass, OnProgress, Shard, Share, merge
from dmlcore.neighbors.similarity import Distance, Similarity, Vectors, check_distance
from dmlcore.neighbors.vectors import Items, checked_labels, checked_vectors, device_of, distinct


def rank(
    queries: npt.ArrayLike,
    query_labels: npt.ArrayLike,
    gallery: npt.ArrayLike | None = None,
    gallery_labels: npt.ArrayLike | None = None,
    *,
    distance: Distance = "cosine",
    block_size: int = 2048,
    first_pass: FirstPass = "auto",
    progress: OnProgress | None = None,
) -> Ranking:
    """Rank the gallery for each query, or without a gallery all other queries.

    queries: (Q, D), gallery: (G, D), real numbers of any dtype, as arrays or torch tensors; labels (Q,), (G,),
    integers. The nearest items have the highest cosine or inner product, or the lowest Euclidean distance ("l2"), in
    float64; equal numbers tie. Without a gallery, a query is excluded from its ranking by its index, so a duplicate of
    it is kept.

    All pairs are compared once in the precision of the first pass, by default the fastest on this machine; undecided
    pairs are compared again, up to float64. The result does not depend on it, nor on the order of the samples, the
    number of threads, or `block_size`, the queries and items compared at once (rounded up to a multiple of 32). Tensors
    on another device are multiplied there; undecided pairs are copied to the host.

    Memory, in addition to the vectors: 4 bytes per value, 2 more for a first pass in bfloat16, 24 bytes per pair of one
    class, and about 100 MB for a block size of 2048. `progress` is called after each step with the number of finished
    steps and of all.

    Raises ValueError if the arrays do not match, the gallery has fewer than two classes, or no query has another member
    of its class to find; VectorError for NaN, infinity, and zero vectors under the cosine.

    >>> vectors = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9], [0.6, 0.5]]
    >>> ranking = rank(vectors, [0, 0, 1, 1, 1])
    >>> ranking.recall_at(1), ranking.map_at_r()
    (0.8, 0.8)
    """
    shard = rank_shard(
        0,
        1,
        queries,
        query_labels,
        gallery,
        gallery_labels,
        distance=distance,
        block_size=block_size,
        first_pass=first_pass,
        progress=progress,
    )
    return merge([shard])


def rank_shard(
    number: int,
    count: int,
    queries: npt.ArrayLike,
    query_labels: npt.ArrayLike,
    gallery: npt.ArrayLike | None = None,
    gallery_labels: npt.ArrayLike | None = None,
    *,
    distance: Distance = "cosine",
    block_size: int = 2048,
    first_pass: FirstPass = "auto",
    progress: OnProgress | None = None,
) -> Shard:
    """Return shard `number`, from 0, of `count`: a part of what `rank` computes, for one of several processes.

    Each process passes the same vectors and labels; `merge` combines all shards into the ranking. The other arguments
    are those of `rank`.
    """
    _check_positive("block_size", block_size)
    if not (_whole(number) and _whole(count) and 0 <= number < count):
        raise ValueError(f"number must be from 0 to count - 1, not {number!r} of {count!r}")
    if first_pass not in get_args(FirstPass):
        raise ValueError(f"first_pass must be one of {', '.join(get_args(FirstPass))}, not {first_pass!r}")
    check_distance(distance)
    leave_one_out = gallery is None and gallery_labels is None
    ours = theirs = _items(queries, query_labels, "queries", distance)
    if gallery is not None and gallery_labels is not None:
        theirs = _items(gallery, gallery_labels, "gallery", distance)
    elif not leave_one_out:
        raise ValueError("pass both gallery and gallery_labels, or neither")
    _check_dimensions(ours.samples, theirs.samples)
    if theirs.labels[0] == theirs.labels[-1]:
        raise ValueError(
            f"all {len(theirs.inverse):,} samples to rank have the label {theirs.labels[0]}: "
            "a ranking needs at least two classes"
        )
    vectors = Vectors(ours.samples, ours.first)
    others = vectors if theirs is ours else Vectors(theirs.samples, theirs.first)
    pairing = Pairing(Similarity.of(vectors, others, distance), ours, theirs, leave_one_out)
    if not pairing.relevant().any():
        raise ValueError(
            f"none of the {len(ours.inverse):,} queries has another member of its class to find: "
            "a class needs two samples, or one in the gallery"
        )
    from dmlcore.neighbors.counting import count_share

    share, device = Share(int(number), int(count)), device_of(queries)
    return count_share(
        pairing, share, block_size=int(block_size), first_pass=first_pass, device=device, progress=progress
    )


def top_k(
    queries: npt.ArrayLike,
    k: int,
    gallery: npt.ArrayLike | None = None,
    *,
    distance: Distance = "cosine",
    block_size: int = 2048,
    progress: OnProgress | None = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the k nearest gallery items of each query, or without a gallery its k nearest among the other queries.

    queries: (Q, D), gallery: (G, D), real numbers of any dtype, as arrays or torch tensors. Returns indices (Q, K) into
    the gallery and values (Q, K), from near to far: the cosine or inner product, or for "l2" the Euclidean distance.
    K is k, or the number of candidates if there are fewer: G, or Q − 1 without a gallery.

    The search is exact, in float64. Equally near items are ordered by index. Without a gallery, a query is excluded
    from its own neighbors by its index, so a duplicate of it is kept. The result depends neither on `block_size` (the
    queries and items compared at once) nor on the number of threads, and memory never holds a (Q, G) matrix. Tensors
    are searched on their device. `progress` is called with the number of finished blocks of queries and of all blocks.

    Raises ValueError for k < 1 and for arrays of the wrong shape or kind; VectorError for NaN, infinity, and zero
    vectors under the cosine.

    >>> indices, values = top_k([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], 1)
    >>> indices.tolist(), values.tolist()
    ([[1], [2], [1]], [[0.6], [0.8], [0.8]])
    >>> indices, values = top_k([[0.0]], 2, gallery=[[3.0], [-1.0], [1.0]], distance="l2")
    >>> indices.tolist(), values.tolist()
    ([[1, 2]], [[1.0, 1.0]])
    """
    check_distance(distance)
    _check_positive("k", k)
    _check_positive("block_size", block_size)
    ours = theirs = checked_vectors(queries, "queries", nonzero=distance == "cosine")
    if gallery is not None:
        theirs = checked_vectors(gallery, "gallery", nonzero=distance == "cosine")
    _check_dimensions(ours, theirs)
    vectors = Vectors(ours, np.arange(len(ours)))
    others = vectors if gallery is None else Vectors(theirs, np.arange(len(theirs)))
    similarity = Similarity.of(vectors, others, distance)
    from dmlcore.neighbors.nearest import nearest

    indices, similarities = nearest(
        similarity,
        min(int(k), len(theirs) - (gallery is None)),
        leave_one_out=gallery is None,
        block_size=int(block_size),
        device=device_of(queries),
        progress=progress,
    )
    return indices.astype(np.int64), similarity.in_given_units(similarities)


def _check_dimensions(queries: np.ndarray, gallery: np.ndarray) -> None:
    if queries.shape[1] != gallery.shape[1]:
        raise ValueError(f"queries have {queries.shape[1]} dimensions, but the gallery has {gallery.shape[1]}")


def _items(vectors: npt.ArrayLike, labels: npt.ArrayLike, what: str, distance: Distance) -> Items:
    array = checked_vectors(vectors, what, nonzero=distance == "cosine")
    return distinct(array, checked_labels(labels, len(array), f"labels of {what}"))


def _check_positive(name: str, value: int) -> None:
    if not _whole(value) or value < 1:
        raise ValueError(f"{name} must be a whole number ≥ 1, not {value!r}")


def _whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
