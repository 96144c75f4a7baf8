"""The geometry of embeddings: figures that explain why they retrieve well or badly.

Everything is measured on L2-normalized vectors. Neighbors and spectrum are exact. Statistics over pairs of images or
classes are exact for up to `PAIRS` pairs, that is 8,192 images; with more, anchors are sampled with a fixed seed, and
each is paired with all others. A figure that is undefined for the given embeddings is omitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from dmlcore.api.values import Embeddings
from dmlcore.errors import TrainingError
from dmlcore.neighbors import top_k
from dmlcore.results.evidence import Evidence

PAIRS = 2**26
"""Largest number of pairs, counted in both orders, that are all used."""

BLOCK = 2**22
"""Numbers in memory at once."""

FINE_BINS = 2**16
"""Bins of cosines in which pairs are counted: 1/32768 wide."""

BINS = 64
"""Bins of the stored densities."""

NEIGHBORS = 10

Vectors = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]


def evidence_of(
    embeddings: Embeddings, queries: Mapping[str, npt.NDArray[np.float64]]
) -> tuple[Evidence, dict[str, float]]:
    """Return the evidence that explains the metrics of embeddings (N, D), and its figures by name.

    queries: evaluator/metric → (N,), stored unchanged. The figures: effective_rank, dimensions_for_90_percent,
    intra_class_distance, inter_class_distance, distance_ratio (intra over inter), alignment, uniformity, hubness,
    positive_similarity, negative_similarity, similarity_overlap.
    Raises TrainingError if the embeddings are not finite.

    >>> vectors = np.array([[1, 0], [0.8, 0.6], [0, 1], [0, 1]], np.float32)
    >>> evidence, figures = evidence_of(Embeddings(vectors, np.array([0, 0, 1, 1]), ("left", "right")), {})
    >>> evidence.neighbors[:, 0]
    array([1, 0, 3, 2], dtype=int32)
    >>> round(figures["positive_similarity"], 6), round(figures["similarity_overlap"], 6)
    (0.9, 0.0)
    """
    if not np.isfinite(embeddings.vectors).all():
        raise TrainingError(
            "The embeddings contain NaN or infinite values. Lower the learning rate, or check the initial weights."
        )
    vectors, labels = unit_length(embeddings.vectors), embeddings.labels
    shares = spectrum(vectors)
    positives, negatives = positive_pairs(vectors, labels), negative_pairs(vectors, labels)
    indices, cosines = top_k(vectors, NEIGHBORS, distance="inner_product")
    nearest = indices.astype(np.int32)
    evidence = Evidence(
        labels=labels,
        class_names=embeddings.class_names,
        queries=queries,
        spectrum=shares,
        similarity_edges=np.linspace(-1, 1, BINS + 1),
        positive_density=density(positives),
        negative_density=density(negatives),
        neighbors=nearest,
        neighbor_similarities=cosines.astype(np.float32),
    )
    figures = {
        "effective_rank": effective_rank(shares),
        "dimensions_for_90_percent": dimensions_for(shares, 0.9),
        "intra_class_distance": positives.distance if positives else None,
        "inter_class_distance": inter_class_distance(vectors, labels),
        "alignment": alignment(positives),
        "uniformity": uniformity(positives, negatives),
        "hubness": hubness(nearest),
        "positive_similarity": positives.similarity if positives else None,
        "negative_similarity": negatives.similarity if negatives else None,
    }
    if positives and negatives:
        bins = np.arange(FINE_BINS)
        figures["similarity_overlap"] = overlap(bins, bins, positives.histogram, negatives.histogram)
    if positives and figures["inter_class_distance"]:
        figures["distance_ratio"] = positives.distance / figures["inter_class_distance"]
    return evidence, {name: float(value) for name, value in figures.items() if value is not None}


def unit_length(vectors: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the vectors (N, D) scaled to length 1, float32; zeros stay zeros.

    >>> unit_length(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    scaled = np.zeros(vectors.shape, np.float32)
    np.divide(vectors, largest, out=scaled, where=largest > 0, casting="same_kind")
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    np.divide(scaled, lengths, out=scaled, where=lengths > 0)
    return scaled


def spectrum(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Return the shares of the variance along the principal axes (min(N, D),), falling; zeros if all points are equal.

    λ_k / Σ λ with λ the eigenvalues of the covariance matrix, as in principal component analysis (Pearson, 1901).

    >>> spectrum(np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
    array([0.8, 0.2])
    >>> spectrum(np.ones((3, 2)))
    array([0., 0.])
    """
    count, dims = vectors.shape
    mean = vectors.mean(axis=0, dtype=np.float64)
    if count < dims:
        centered = vectors - mean
        scatter = centered @ centered.T
    else:
        scatter = np.zeros((dims, dims))
        for rows in _runs(count, dims):
            centered = (vectors[rows] - mean).astype(vectors.dtype)
            scatter += centered.T @ centered
    variances = np.linalg.eigvalsh(scatter)[::-1].clip(min=0)
    total = variances.sum()
    rounding = (total + count * (mean @ mean)) * np.finfo(vectors.dtype).eps ** 2
    shares: npt.NDArray[np.float64] = variances / total if total > rounding else np.zeros(min(count, dims))
    return shares


def effective_rank(shares: npt.NDArray[np.float64]) -> float | None:
    """Return exp(−Σ λ_k ln λ_k), from 1 to the number of dimensions; None if there is no variance.

    The exponential of the entropy of the spectrum of the covariance matrix (Roy and Vetterli, "The effective rank: a
    measure of effective dimensionality", 2007): the number of axes that the variance would fill evenly.

    >>> round(effective_rank(np.array([0.25, 0.25, 0.25, 0.25, 0.0])), 6)
    4.0
    """
    held = shares[shares > 0]
    return float(np.exp(-(held * np.log(held)).sum())) if len(held) else None


def dimensions_for(shares: npt.NDArray[np.float64], share: float) -> int | None:
    """Return the fewest principal axes that have this share of the variance; None if there is no variance.

    >>> dimensions_for(np.array([0.5, 0.3, 0.1, 0.1]), 0.9)
    3
    """
    if not shares.any():
        return None
    return int(np.searchsorted(np.cumsum(shares), share - 1e-9)) + 1


@frozen(eq=False)
class Pairs:
    """Statistics of positive or negative pairs, over those that were sampled.

    count: of all pairs, in both orders. Means over pairs of unit vectors with cosine s: similarity, of s; distance,
    of d = √(2 − 2s); potential, of exp(−2 d²). histogram: (FINE_BINS,) int64, pairs by cosine from −1 to 1.
    """

    count: int
    similarity: float
    distance: float
    potential: float
    histogram: npt.NDArray[np.int64]

    @classmethod
    def of(cls, count: int, blocks: Iterator[npt.NDArray[np.floating[Any]]]) -> Pairs | None:
        """Return the statistics of cosines, block by block; None if there are none."""
        seen, sums, histogram = 0, np.zeros(3), np.zeros(FINE_BINS, np.int64)
        for block in blocks:
            cosines = block.clip(-1, 1)
            squared = 2 - 2 * cosines
            values = (cosines, np.sqrt(squared), np.exp(-2 * squared))
            sums += [part.sum(dtype=np.float64) for part in values]
            seen += len(cosines)
            places = ((cosines + 1) * (FINE_BINS / 2)).astype(np.int64).clip(max=FINE_BINS - 1)
            histogram += np.bincount(places, minlength=FINE_BINS)
        if not seen:
            return None
        similarity, distance, potential = (sums / seen).tolist()
        return cls(count, similarity, distance, potential, histogram)


def positive_pairs(vectors: Vectors, labels: Labels, most: int = PAIRS) -> Pairs | None:
    """Return the pairs of one class, from unit vectors (N, D) and labels (N,); None if every class has one image.

    >>> pairs = positive_pairs(np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]), np.array([0, 0, 1]))
    >>> pairs.count, round(pairs.similarity, 6)
    (2, 0.6)
    """
    sizes = np.bincount(labels)
    count = int((sizes * (sizes - 1)).sum())
    anchors = _anchors(len(labels), count, most)

    def blocks() -> Iterator[npt.NDArray[np.floating[Any]]]:
        order = np.argsort(labels, kind="stable")
        for members in np.split(order, np.cumsum(sizes)[:-1]):
            if len(members) < 2:
                continue
            own = vectors[members].astype(np.float64)
            chosen = np.flatnonzero(np.isin(members, anchors, assume_unique=True))
            for places in (chosen[part] for part in _runs(len(chosen), len(members))):
                others = np.arange(len(members)) != places[:, None]
                yield (own[places] @ own.T)[others]

    return Pairs.of(count, blocks())


def negative_pairs(vectors: Vectors, labels: Labels, most: int = PAIRS) -> Pairs | None:
    """Return the pairs of two classes, from unit vectors (N, D) and labels (N,); None if there is only one class.

    >>> pairs = negative_pairs(np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]), np.array([0, 0, 1]))
    >>> pairs.count, round(pairs.similarity, 6)
    (4, 0.4)
    """
    count = len(labels) ** 2 - int((np.bincount(labels) ** 2).sum())
    anchors = _anchors(len(labels), len(labels) ** 2, most)
    return Pairs.of(
        count,
        (
            (vectors[rows] @ vectors.T)[labels[rows, None] != labels]
            for rows in (anchors[part] for part in _runs(len(anchors), len(labels)))
        ),
    )


def density(pairs: Pairs | None) -> npt.NDArray[np.float64]:
    """Return the density (BINS,) of the cosines from −1 to 1, of integral 1; zeros if there are no pairs."""
    if pairs is None:
        return np.zeros(BINS)
    shares: npt.NDArray[np.float64] = pairs.histogram.reshape(BINS, -1).sum(axis=1) / pairs.histogram.sum()
    return shares * (BINS / 2)


def overlap(
    positives: npt.NDArray[Any],
    negatives: npt.NDArray[Any],
    positive_counts: npt.NDArray[np.int64] | None = None,
    negative_counts: npt.NDArray[np.int64] | None = None,
) -> float:
    """Return the probability that a random negative pair is more similar than a random positive pair; ties count half.

    1 − AUC (Mann and Whitney, 1947): 0 if all positive pairs are nearer than all negative ones, 0.5 if similarity says
    nothing about the class. positives: (P,), negatives: (M,), rising similarities; counts: how often each occurs, once
    by default.

    >>> overlap(np.float32([0.4, 0.9]), np.float32([0.1, 0.5]))
    0.25
    >>> overlap(np.arange(2), np.arange(2), np.array([1, 3]), np.array([2, 2]))
    0.375
    """
    ours = np.ones(len(positives), np.int64) if positive_counts is None else positive_counts
    theirs = np.ones(len(negatives), np.int64) if negative_counts is None else negative_counts
    up_to = np.concatenate([[0], np.cumsum(theirs)])
    below, not_above = (up_to[np.searchsorted(negatives, positives, side)] for side in ("left", "right"))
    return 1 - int(ours @ (below + not_above)) / (2 * int(ours.sum()) * int(up_to[-1]))


def alignment(positives: Pairs | None) -> float | None:
    """Return the mean squared distance of positive pairs: E d², d² = 2 − 2s. None if there are none.

    Wang and Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity on the
    Hypersphere", 2020, with their α = 2. 0 if each class is one point.
    """
    return None if positives is None else 2 - 2 * positives.similarity


def uniformity(positives: Pairs | None, negatives: Pairs | None) -> float | None:
    """Return ln E exp(−2 d²) over all pairs of different images; None for a single image.

    Wang and Isola, 2020, with their t = 2: 0 if all points are equal; the lower, the more evenly the sphere is filled.

    >>> vectors, labels = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0, 1])
    >>> uniformity(None, negative_pairs(vectors, labels))
    -8.0
    """
    sorts = [pairs for pairs in (positives, negatives) if pairs is not None]
    if not sorts:
        return None
    return float(np.log(np.average([p.potential for p in sorts], weights=[p.count for p in sorts])))


def inter_class_distance(vectors: Vectors, labels: Labels, most: int = PAIRS) -> float | None:
    """Return the mean Euclidean distance between the means of two classes; None if there is only one class.

    Classes are separated if this distance is large compared with the distances within classes (Fisher, 1936).

    >>> vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> inter_class_distance(vectors, np.array([0, 0, 1, 1]))
    1.0
    """
    sizes = np.bincount(labels)
    present = np.flatnonzero(sizes)
    if len(present) < 2:
        return None
    order = np.argsort(labels, kind="stable")
    starts = (np.cumsum(sizes) - sizes)[present]
    sums = np.stack([vectors[members].sum(axis=0, dtype=np.float64) for members in np.split(order, starts[1:])])
    centers = sums / sizes[present, None]
    lengths = (centers**2).sum(axis=1)
    anchors = _anchors(len(centers), len(centers) ** 2, most)
    total = 0.0
    for rows in (anchors[part] for part in _runs(len(anchors), len(centers))):
        squared = lengths[rows, None] + lengths - 2 * centers[rows] @ centers.T
        squared[np.arange(len(rows)), rows] = 0
        total += float(np.sqrt(squared.clip(min=0)).sum())
    return total / (len(anchors) * (len(centers) - 1))


def hubness(nearest: npt.NDArray[np.int32]) -> float | None:
    """Return the skewness of the 10-occurrence, from the neighbors (N, 10); None if all images occur equally often.

    E (n − μ)³ / σ³, with n how often an image is among the 10 nearest of another, as in Radovanović et al., "Hubs in
    Space: Popular Nearest Neighbors in High-Dimensional Data", 2010, section 3. It is high if a few images, the hubs,
    are neighbors of very many.

    >>> round(hubness(np.array([[1], [0], [0], [0], [0]])), 3)
    1.291
    """
    occurrences = np.bincount(nearest.ravel(), minlength=len(nearest)).astype(np.float64)
    deviations = occurrences - occurrences.mean()
    spread = np.sqrt((deviations**2).mean())
    return float((deviations**3).mean() / spread**3) if spread else None


def _anchors(count: int, pairs: int, most: int) -> npt.NDArray[np.int64]:
    """Return rising indices below count: all, or a sample with a fixed seed that leaves about `most` pairs."""
    if pairs <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, max(1, count * most // pairs), replace=False))


def _runs(count: int, width: int) -> Iterator[slice]:
    """Return slices of `count` rows of `width` numbers, each of about BLOCK numbers."""
    step = max(1, BLOCK // width)
    return (slice(start, start + step) for start in range(0, count, step))
