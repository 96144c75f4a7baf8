"""The figures of embeddings against plain loops, laws, and embeddings that have no geometry to speak of."""

from __future__ import annotations

import doctest
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dmlcore import Embeddings, TrainingError
from dmlcore.engine import geometry
from dmlcore.engine.geometry import evidence_of
from running import python

FIGURES = [
    "effective_rank",
    "dimensions_for_90_percent",
    "intra_class_distance",
    "inter_class_distance",
    "distance_ratio",
    "alignment",
    "uniformity",
    "hubness",
    "positive_similarity",
    "negative_similarity",
    "similarity_overlap",
]


def made_up(count: int = 60, classes: int = 7, dim: int = 5, noise: float = 0.8) -> Embeddings:
    """Classes of different sizes about centres, of different lengths."""
    generator = np.random.default_rng(0)
    labels = np.sort(generator.integers(0, classes, count))
    labels[:classes] = np.arange(classes)
    vectors = generator.standard_normal((classes, dim))[labels] + noise * generator.standard_normal((count, dim))
    return Embeddings(vectors.astype(np.float32), labels, tuple(f"class {c}" for c in range(classes)))


def looped(embeddings: Embeddings) -> dict[str, float]:
    """Every figure by its definition, pair by pair in float64."""
    vectors = embeddings.vectors.astype(float)
    vectors /= np.sqrt((vectors**2).sum(1, keepdims=True))
    labels, count = embeddings.labels, len(embeddings)
    cosine = {(i, j): float(vectors[i] @ vectors[j]) for i, j in itertools.permutations(range(count), 2)}
    distance = {(i, j): math.dist(vectors[i], vectors[j]) for i, j in cosine}
    positives = [pair for pair in cosine if labels[pair[0]] == labels[pair[1]]]
    negatives = [pair for pair in cosine if labels[pair[0]] != labels[pair[1]]]
    centres = [vectors[labels == label].mean(0) for label in np.unique(labels)]
    between = np.mean([math.dist(a, b) for a, b in itertools.combinations(centres, 2)])
    variances = np.linalg.svd(vectors - vectors.mean(0), compute_uv=False) ** 2
    shares = variances / variances.sum()
    occurrences = [0] * count
    for i in range(count):
        for j in sorted((j for j in range(count) if j != i), key=lambda j: -cosine[i, j])[:10]:
            occurrences[j] += 1
    within = np.mean([distance[pair] for pair in positives])
    return {
        "effective_rank": math.exp(-sum(share * math.log(share) for share in shares)),
        "dimensions_for_90_percent": next(k for k in range(1, 99) if shares[:k].sum() >= 0.9),
        "intra_class_distance": within,
        "inter_class_distance": between,
        "distance_ratio": within / between,
        "alignment": np.mean([distance[pair] ** 2 for pair in positives]),
        "uniformity": math.log(np.mean([math.exp(-2 * d**2) for d in distance.values()])),
        "hubness": stats.skew(occurrences),
        "positive_similarity": np.mean([cosine[pair] for pair in positives]),
        "negative_similarity": np.mean([cosine[pair] for pair in negatives]),
        "similarity_overlap": np.mean([cosine[n] > cosine[p] for p in positives for n in negatives]),
    }


@pytest.mark.parametrize("block", [geometry.BLOCK, 500])
@pytest.mark.parametrize("shape", [{}, {"dim": 90}, {"classes": 2, "noise": 0.1}], ids=str)
def test_figures_equal_plain_loops(shape: dict[str, Any], block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "BLOCK", block)
    embeddings = made_up(**shape)
    _, figures = evidence_of(embeddings, {})
    expected = looped(embeddings)
    assert list(figures) == [name for name in FIGURES if name != "distance_ratio"] + ["distance_ratio"]
    overlap = expected.pop("similarity_overlap")
    assert {name: figures[name] for name in expected} == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert figures["similarity_overlap"] == pytest.approx(overlap, abs=1e-3), "cosines of one bin count as equal"


values = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12).map(sorted)


@given(values, values)
def test_overlap_counts_ties_half(positives: list[float], negatives: list[float]) -> None:
    expected = np.mean([(n > p) + (n == p) / 2 for p in positives for n in negatives])
    assert geometry.overlap(np.float32(positives), np.float32(negatives)) == pytest.approx(expected, abs=1e-12)
    (ours, our_counts), (theirs, their_counts) = (
        np.unique(np.float32(each), return_counts=True) for each in (positives, negatives)
    )
    assert geometry.overlap(ours, theirs, our_counts, their_counts) == pytest.approx(expected, abs=1e-12)


def test_the_evidence() -> None:
    embeddings = made_up()
    queries = {"retrieval/recall_at_1": np.arange(60.0)}
    evidence, _ = evidence_of(embeddings, queries)
    assert evidence.queries is queries
    assert evidence.labels is embeddings.labels
    assert evidence.class_names == embeddings.class_names
    assert evidence.spectrum.sum() == pytest.approx(1)
    assert evidence.spectrum.tolist() == sorted(evidence.spectrum, reverse=True)
    assert evidence.similarity_edges.tolist() == [k / 32 - 1 for k in range(65)]

    unit = embeddings.vectors / np.linalg.norm(embeddings.vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    same = embeddings.labels[:, None] == embeddings.labels
    others = ~np.eye(60, dtype=bool)
    for density, which in ((evidence.positive_density, same & others), (evidence.negative_density, ~same)):
        expected, _ = np.histogram(cosines[which], bins=64, range=(-1, 1), density=True)
        np.testing.assert_allclose(density, expected, atol=0.05)  # a cosine on an edge may fall to either side
        assert density.sum() / 32 == pytest.approx(1)

    away = np.where(others, -cosines, np.inf)
    assert evidence.neighbors.tolist() == away.argsort(1, kind="stable")[:, :10].tolist()
    assert evidence.neighbors.dtype == np.int32
    np.testing.assert_allclose(evidence.neighbor_similarities, -np.sort(away)[:, :10], atol=1e-6)
    assert evidence.neighbor_similarities.dtype == np.float32


def test_a_duplicate_stays_a_neighbour() -> None:
    evidence, _ = evidence_of(Embeddings(np.eye(3, dtype=np.float32)[[0, 1, 0, 2]], np.array([0, 0, 1, 1])), {})
    assert evidence.neighbors.tolist() == [[2, 1, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_length_and_rotation_do_not_count() -> None:
    embeddings = made_up()
    rotation, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((5, 5)))
    lengths = np.random.default_rng(2).uniform(1e-25, 1e25, (60, 1))
    other = Embeddings((embeddings.vectors @ rotation * lengths).astype(np.float32), embeddings.labels)
    assert evidence_of(other, {})[1] == pytest.approx(evidence_of(embeddings, {})[1], abs=1e-4)


def test_an_even_spread_has_full_rank_and_one_axis_has_one() -> None:
    corners = np.concatenate([np.eye(8), -np.eye(8)]).astype(np.float32)
    _, even = evidence_of(Embeddings(corners, np.arange(16) // 2), {})
    assert even["effective_rank"] == pytest.approx(8)
    assert even["dimensions_for_90_percent"] == 8
    _, line = evidence_of(Embeddings(corners[[0, 8, 0, 8]], np.array([0, 1, 0, 1])), {})
    assert line["effective_rank"] == pytest.approx(1)
    assert line["dimensions_for_90_percent"] == 1
    assert line["intra_class_distance"] == line["alignment"] == line["similarity_overlap"] == 0
    assert line["inter_class_distance"] == 2


@pytest.mark.parametrize("point", [np.ones(4), np.zeros(4), np.array([0.3, 0.1, -0.7, 0.2])], ids=str)
def test_collapsed_embeddings_have_figures_where_they_mean_something(point: np.ndarray) -> None:
    collapsed = Embeddings(np.tile(point, (30, 1)).astype(np.float32), np.arange(30) % 3)
    evidence, figures = evidence_of(collapsed, {})
    assert evidence.spectrum.tolist() == [0] * 4
    assert set(FIGURES) - set(figures) == {"effective_rank", "dimensions_for_90_percent", "distance_ratio"}
    assert figures["inter_class_distance"] == 0
    assert figures["similarity_overlap"] == 0.5
    assert all(math.isfinite(value) for value in figures.values())
    if point.any():
        assert figures["uniformity"] == pytest.approx(0, abs=1e-5)


def test_classes_of_one_image_have_no_positive_pair() -> None:
    evidence, figures = evidence_of(Embeddings(made_up(12).vectors, np.arange(12)), {})
    missing = {"intra_class_distance", "distance_ratio", "alignment", "positive_similarity", "similarity_overlap"}
    assert set(FIGURES) - set(figures) == missing
    assert evidence.positive_density.tolist() == [0] * 64


def test_one_class_has_no_negative_pair() -> None:
    evidence, figures = evidence_of(Embeddings(made_up(12).vectors, np.zeros(12, int)), {})
    missing = {"inter_class_distance", "distance_ratio", "negative_similarity", "similarity_overlap"}
    assert set(FIGURES) - set(figures) == missing
    assert evidence.negative_density.tolist() == [0] * 64


def test_a_single_image() -> None:
    evidence, figures = evidence_of(Embeddings(np.ones((1, 3), np.float32), np.zeros(1, int)), {})
    assert figures == {}
    assert evidence.neighbors.shape == (1, 0)


def test_one_dimension() -> None:
    vectors = np.array([[1.0], [2.0], [-1.0], [-3.0]], np.float32)
    evidence, figures = evidence_of(Embeddings(vectors, np.array([0, 0, 1, 1])), {})
    assert evidence.spectrum.tolist() == [1]
    assert figures["positive_similarity"] == 1
    assert figures["negative_similarity"] == -1


def test_labels_that_some_classes_lack() -> None:
    embeddings = made_up(20, classes=4)
    spread = Embeddings(embeddings.vectors, 5 * embeddings.labels)
    assert evidence_of(spread, {})[1] == evidence_of(embeddings, {})[1]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    embeddings = made_up()
    embeddings.vectors[3, 1] = value
    with pytest.raises(TrainingError, match="NaN or infinite values"):
        evidence_of(embeddings, {})


def test_many_pairs_are_sampled_by_anchors() -> None:
    embeddings = made_up(2000, classes=40, dim=16)
    labels, vectors = embeddings.labels, geometry.unit_length(embeddings.vectors)
    most = 20_000
    for pairs in (geometry.positive_pairs, geometry.negative_pairs):
        whole, sampled, again = (pairs(vectors, labels, limit) for limit in (geometry.PAIRS, most, most))
        assert whole is not None
        assert sampled is not None
        assert again is not None
        assert whole.histogram.sum() == whole.count == sampled.count
        assert 0 < sampled.histogram.sum() < 2 * most
        assert sampled.similarity == pytest.approx(whole.similarity, abs=0.05)
        assert again.similarity == sampled.similarity
    exact, estimate = (geometry.inter_class_distance(vectors, labels, limit) for limit in (geometry.PAIRS, 400))
    assert exact != estimate == pytest.approx(exact, rel=0.1)


def test_the_examples_of_the_docstrings() -> None:
    outcome = doctest.testmod(geometry)
    assert outcome.failed == 0
    assert outcome.attempted == 20


def test_it_loads_no_torch() -> None:
    code = "import sys, dmlcore.engine.geometry; assert 'torch' not in sys.modules"
    python("-c", code)
