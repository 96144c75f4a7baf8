"""`rank`: each query against all others, or against a gallery."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dmlcore.neighbors.counting import Counter, Counts
from dmlcore.neighbors.ranking import PerQuery, Ranking
from dmlcore.neighbors.similarity import Distance, Similarity, check_distance
from dmlcore.neighbors.vectors import Items, checked_labels, checked_vectors, distinct


def rank(
    queries: npt.ArrayLike,
    query_labels: npt.ArrayLike,
    gallery: npt.ArrayLike | None = None,
    gallery_labels: npt.ArrayLike | None = None,
    *,
    distance: Distance = "cosine",
    block_size: int = 1024,
) -> Ranking:
    """Rank the gallery, or without one all other queries, for each query.

    queries: (Q, D), gallery: (G, D), real numbers of any dtype; labels (Q,), (G,), integers. Items are near
    where their cosine or inner product is high, or their Euclidean distance ("l2") low, in float64, and tie where
    these are equal numbers. Without a gallery a query is left out of its own ranking by its index: another
    sample with the same vector stays.

    The outcome depends neither on the order of the samples nor on `block_size`, the queries and gallery items
    that are compared at once. Beside the vectors, 1024 takes about 30 MB, and 130 MB where most similarities lie
    within the rounding of float64; that grows with the square.

    Raises ValueError for arrays that don't fit together, fewer than two classes in the gallery, or no query
    that has another member of its class to find; VectorError for NaN, infinity, and zero under the cosine.

    >>> vectors = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9], [0.6, 0.5]]
    >>> ranking = rank(vectors, [0, 0, 1, 1, 1])
    >>> ranking.recall_at(1), ranking.map_at_r()
    (0.8, 0.8)
    """
    check_distance(distance)
    if isinstance(block_size, bool) or not isinstance(block_size, int | np.integer) or block_size < 1:
        raise ValueError(f"block_size must be a whole number ≥ 1, not {block_size!r}")
    leave_one_out = gallery is None and gallery_labels is None
    ours = theirs = _items(queries, query_labels, "queries", distance)
    if gallery is not None and gallery_labels is not None:
        theirs = _items(gallery, gallery_labels, "gallery", distance)
    elif not leave_one_out:
        raise ValueError("gallery and gallery_labels go together: give both or neither")
    if ours.vectors.shape[1] != theirs.vectors.shape[1]:
        raise ValueError(
            f"queries have {ours.vectors.shape[1]} dimensions, but the gallery has {theirs.vectors.shape[1]}"
        )
    if theirs.labels[0] == theirs.labels[-1]:
        raise ValueError(
            f"all {len(theirs.inverse):,} samples to rank are of one class, label {theirs.labels[0]}: "
            "a ranking needs two classes or more"
        )
    similarity = Similarity.of(ours.vectors, theirs.vectors, distance)
    counter = Counter(similarity, ours, theirs, leave_one_out, int(block_size))
    relevant = counter.relevant()
    if not relevant.any():
        raise ValueError(
            f"none of the {len(ours.inverse):,} queries has another member of its class to find: "
            "every class needs two samples, or one in the gallery"
        )
    against, in_favour = zip(*counter.run(), strict=True)
    return Ranking(
        relevant[ours.inverse],
        len(theirs.inverse) - leave_one_out,
        _of_samples(against, relevant, ours.inverse),
        _of_samples(in_favour, relevant, ours.inverse),
    )


def _items(vectors: npt.ArrayLike, labels: npt.ArrayLike, what: str, distance: Distance) -> Items:
    array = checked_vectors(vectors, what, nonzero=distance == "cosine")
    return distinct(array, checked_labels(labels, len(array), f"labels of {what}"))


def _of_samples(blocks: Sequence[PerQuery], relevant: Counts, inverse: Counts) -> PerQuery:
    """The blocks of the items with R > 0, laid out for every sample."""

    def spread(name: str, lone: float) -> np.ndarray:
        parts = np.concatenate([getattr(block, name) for block in blocks])
        items = np.full(len(relevant), lone, parts.dtype)
        items[relevant > 0] = parts
        return items[inverse]

    return PerQuery(spread("first", 0), spread("r_precision", np.nan), spread("map_at_r", np.nan))
