"""The metrics against plain loops."""

import doctest
import re
import warnings

import dmlcore_confusion
import numpy as np
import pytest
from dmlcore_confusion import Confusion

from dmlcore import Embeddings, MetricWarning


def by_loops(queries: Embeddings, gallery: Embeddings | None = None) -> dict[str, float]:
    """The docstring's definitions, query by query, classes matched by name."""
    against = gallery or queries
    found: dict[str, list[bool]] = {}
    taken: dict[tuple[str, str], int] = {}
    for i, vector in enumerate(queries.vectors):
        own = queries.class_names[queries.labels[i]]
        nearest: dict[str, float] = {}
        for j, other in enumerate(against.vectors):
            if gallery is None and i == j:
                continue
            name = against.class_names[against.labels[j]]
            cosine = vector @ other / np.linalg.norm(vector) / np.linalg.norm(other)
            nearest[name] = max(cosine, nearest.get(name, -2.0))
        if own in nearest:
            best = max((name for name in nearest if name != own), key=lambda name: nearest[name])
            found.setdefault(own, []).append(nearest[own] > nearest[best])
            if not found[own][-1]:
                taken[own, best] = taken.get((own, best), 0) + 1
    recalls = sorted(float(np.mean(hits)) for hits in found.values())
    return {
        "worst_class": recalls[0],
        "worst_tenth": float(np.mean(recalls[: max(1, len(recalls) // 10)])),
        "classes_not_found": float(recalls.count(0.0)),
        "hardest_pair": max((count / len(found[own]) for (own, _), count in taken.items()), default=0.0),
    }


def embeddings(count: int, classes: int, seed: int, noise: float = 1.0) -> Embeddings:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    means = np.random.default_rng(99).normal(size=(classes, 4))
    vectors = (means[labels] + noise * generator.normal(size=(count, 4))).astype(np.float32)
    return Embeddings(vectors, labels, tuple(f"class {number}" for number in range(classes)))


@pytest.mark.parametrize(("count", "classes"), [(60, 5), (150, 30), (90, 60)])
def test_against_loops(count: int, classes: int) -> None:
    queries = embeddings(count, classes, seed=count)
    with pytest.warns(MetricWarning):
        assert Confusion().evaluate(queries) == pytest.approx(by_loops(queries))


def test_classes_of_queries_and_gallery_are_matched_by_name() -> None:
    queries, gallery = embeddings(60, 8, seed=1), embeddings(80, 8, seed=2)
    turned = Embeddings(gallery.vectors, 7 - gallery.labels, gallery.class_names[::-1])
    with pytest.warns(MetricWarning):
        numbers = Confusion().evaluate(queries, turned)
    assert numbers == pytest.approx(by_loops(queries, gallery))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    queries = embeddings(150, 30, seed=3)
    whole = Confusion(named_pairs=0).evaluate(queries)
    monkeypatch.setattr(dmlcore_confusion, "BLOCK", 7)
    assert Confusion(named_pairs=0).evaluate(queries) == whole


def test_the_hardest_pairs_are_named() -> None:
    vectors = np.array([[1, 0], [0.9, 0.1], [0.7, 0.6], [0, 1], [0.6, 0.7]], dtype=np.float32)
    queries = Embeddings(vectors, np.array([0, 0, 1, 1, 0]), ("apple", "pear"))
    text = "the classes that are confused most: pear taken for apple (100%), apple taken for pear (33%)"
    with pytest.warns(MetricWarning, match=f"^{re.escape(text)}$"):
        Confusion().evaluate(queries)
    with pytest.warns(MetricWarning, match=r"pear taken for apple \(100%\)$"):
        Confusion(named_pairs=1).evaluate(queries)


def test_where_all_are_found_nothing_is_named() -> None:
    queries = embeddings(60, 5, seed=0, noise=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        numbers = Confusion().evaluate(queries)
    assert numbers == {"worst_class": 1, "worst_tenth": 1, "classes_not_found": 0, "hardest_pair": 0}


def test_a_tie_with_another_class_counts_against_a_query() -> None:
    queries = Embeddings(np.ones((4, 2), np.float32), np.array([0, 0, 1, 1]), ("a", "b"))
    assert Confusion(named_pairs=0).evaluate(queries)["classes_not_found"] == 2


def test_where_no_image_has_another_nothing_can_be_measured() -> None:
    with pytest.raises(ValueError, match="none of the 3 queries has another member of its class"):
        Confusion().evaluate(Embeddings(np.eye(3, dtype=np.float32), np.arange(3)))


def test_the_example_of_the_docstring() -> None:
    outcome = doctest.testmod(dmlcore_confusion)
    assert (outcome.failed, outcome.attempted > 0) == (0, True)
