"""Each definition of another codebase against a direct loop, and what the notes claim against counting."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from dmlcore import DataError, Embeddings, MetricWarning
from dmlcore.commands.metrics.example_embeddings import example_embeddings
from dmlcore.neighbors import rank
from dmlcore_plugins.conformance import bnu, open_metric_learning, pml, proxy_anchor, roth
from dmlcore_plugins.conformance.conformance import Conformance
from plugins.conformance import loops
from running import python

RECALL_AT = [1, 2, 5]


def sign_codes(seed: int, unequal: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of ± 1/4 in 16 dimensions: of unit length, with exact products, many ties and duplicates."""
    generator = np.random.default_rng(seed)
    classes = int(generator.integers(3, 8))
    sizes = generator.integers(1, 8, classes) if unequal else np.full(classes, 5)
    sizes[0] = 6
    labels = generator.permutation(np.repeat(np.arange(classes), sizes))
    signs = generator.choice([-1.0, 1.0], (classes, 16))[labels]
    flips = np.where(generator.random(signs.shape) < 0.25, -1, 1)
    vectors = (signs * flips / 4).astype(np.float32)
    vectors[3] = vectors[0]
    return vectors, labels


CASES = [pytest.param(*sign_codes(seed), id=f"seed {seed}") for seed in range(12)]


@pytest.mark.parametrize(("vectors", "labels"), CASES)
def test_proxy_anchor_drops_the_first(vectors: np.ndarray, labels: np.ndarray) -> None:
    near = loops.nearness(vectors, "cosine")
    found = loops.hits(near, labels, "first")
    expected = {f"recall_at_{k}_by_proxy_anchor": loops.recall(found, k) for k in RECALL_AT}
    given = proxy_anchor.compare(vectors, labels, RECALL_AT)
    assert given.metrics == pytest.approx(expected, abs=1e-12)
    assert f"({loops.strays(near):,} of {len(labels):,} queries here)" in given.note
    assert f"count as misses ({lone(labels)} here)" in given.note


@pytest.mark.parametrize(("vectors", "labels"), CASES)
def test_roth_drops_the_first_and_counts_the_query_in_its_class(
    vectors: np.ndarray, labels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roth, "LIMIT", 9)
    near = loops.nearness(vectors, "l2")
    found = loops.hits(near, labels, "first")
    sizes = [int((labels == label).sum()) for label in labels]
    expected = {f"recall_at_{k}_by_roth": loops.recall(found, k) for k in RECALL_AT} | {
        "map_at_r_by_roth_map_c": loops.map_to(found, sizes, sizes),
        "map_at_r_by_roth_map_lim": loops.map_to(found, [9] * len(sizes), sizes),
    }
    given = roth.compare(vectors, labels, RECALL_AT)
    assert {name: given.metrics[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert f"({loops.strays(near):,} of {len(labels):,} queries here)" in given.note
    assert f"count as misses ({lone(labels)} here)" in given.note


@pytest.mark.parametrize(("vectors", "labels"), CASES)
def test_bnu_counts_ties_for_the_query_and_keeps_it(vectors: np.ndarray, labels: np.ndarray) -> None:
    near = loops.nearness(vectors, "cosine")
    expected = {f"recall_at_{k}_by_bnu": loops.recall_by_counting(near, labels, k) for k in RECALL_AT}
    given = bnu.compare(vectors, labels, RECALL_AT)
    assert {name: given.metrics[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert f"queries alone in their class ({lone(labels)} here)" in given.note


@pytest.mark.parametrize(("vectors", "labels"), CASES)
def test_open_metric_learning_divides_by_what_was_found(vectors: np.ndarray, labels: np.ndarray) -> None:
    found = loops.hits(loops.nearness(vectors, "l2"), labels, "self")
    others = [int((labels == label).sum()) - 1 for label in labels]
    k = max(others)
    precisions = [sum(row[:k]) / min(k, r) if r else 0 for row, r in zip(found, others, strict=True)]
    expected = {f"recall_at_{n}_by_oml": loops.recall(found, n) for n in RECALL_AT} | {
        "r_precision_by_oml_precision": sum(precisions) / len(precisions),
        "map_at_r_by_oml_map": loops.map_to(found, [k] * len(found), [sum(row[:k]) for row in found]),
    }
    given = open_metric_learning.compare(vectors, labels, RECALL_AT)
    assert given.metrics == pytest.approx(expected, abs=1e-12)
    assert given.note.startswith(f"oml: map@{k} divides by the number of items found among the {k} nearest")
    assert f"count as misses ({lone(labels)} here;" in given.note


def lone(labels: np.ndarray) -> int:
    return sum(int((labels == label).sum()) == 1 for label in labels)


def spread(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of eight classes of five, no two alike."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(8), 5)
    vectors = generator.standard_normal((8, 12))[labels] + 0.8 * generator.standard_normal((40, 12))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


def test_without_ties_duplicates_and_lone_queries_all_recalls_agree() -> None:
    vectors, labels = spread(0)
    ranking = rank(vectors, labels)
    for codebase in (proxy_anchor, roth, bnu, open_metric_learning):
        metrics = codebase.compare(vectors, labels, RECALL_AT).metrics
        recalls = [value for name, value in metrics.items() if name.startswith("recall")]
        assert recalls == pytest.approx([ranking.recall_at(k) for k in RECALL_AT], abs=1e-12)


def test_pml_agrees_with_ours_but_for_its_map_of_all_neighbours() -> None:
    vectors, labels = spread(1)
    ranking = rank(vectors, labels)
    given = pml.compare(vectors, labels).metrics
    ours = {
        "recall_at_1_by_pml": ranking.recall_at(1),
        "r_precision_by_pml": ranking.r_precision(),
        "map_at_r_by_pml": ranking.map_at_r(),
        "mrr_by_pml": ranking.mrr(),
    }
    assert {name: given[name] for name in ours} == pytest.approx(ours, abs=1e-6)
    found = loops.hits(loops.nearness(vectors, "l2"), labels, "self")
    of_all = loops.map_to(found, [len(labels)] * len(labels), [4] * len(labels))
    assert given["map_at_r_by_pml_map"] == pytest.approx(of_all, abs=1e-6)
    assert of_all > ranking.map_at_r() + 0.01


def test_pml_of_a_large_set_is_asked_for_the_largest_class_only(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, labels = spread(1)
    whole = pml.compare(vectors, labels)
    monkeypatch.setattr(pml, "SMALL", 39)
    part = pml.compare(vectors, labels)
    assert set(whole.metrics) - set(part.metrics) == {"map_at_r_by_pml_map", "mrr_by_pml"}
    assert part.metrics == pytest.approx({name: whole.metrics[name] for name in part.metrics}, abs=1e-12)
    assert "mean_average_precision is over all neighbors" in whole.note
    assert "mean_average_precision" not in part.note


def test_pml_merges_classes_whose_numbers_float32_can_not_tell_apart() -> None:
    vectors, labels = spread(2)
    large = 2**24 + labels
    assert "(0 classes here)" in pml.compare(vectors, labels).note
    merged = pml.compare(vectors, large)
    count = len(set(labels.tolist())) - len({float(np.float32(label)) for label in large})
    assert count > 0
    assert f"({count} classes here)" in merged.note
    assert merged.metrics["recall_at_1_by_pml"] > rank(vectors, large).recall_at(1)


PERFECT = np.eye(6, dtype=np.float32)[np.repeat(np.arange(6), 5)]


def test_a_perfect_embedding_is_perfect_but_for_roths_class_size() -> None:
    labels = np.repeat(np.arange(6), 5)
    given = roth.compare(PERFECT, labels, [1])
    assert given.metrics["map_at_r_by_roth_map_c"] == pytest.approx(1 - 1 / 5)
    assert "a perfect embedding gets 0.8000 here" in given.note
    assert pml.compare(PERFECT, labels).metrics["map_at_r_by_pml"] == pytest.approx(1)


def test_a_collapsed_embedding_gets_all_from_bnu_and_nothing_from_ours() -> None:
    labels = np.repeat(np.arange(6), 5)
    collapsed = np.ones((30, 4), dtype=np.float32)
    assert bnu.compare(collapsed, labels, [1]).metrics["recall_at_1_by_bnu"] == 1
    assert rank(collapsed, labels).recall_at(1) == 0


def test_bnu_finds_lone_queries_where_nothing_is_near() -> None:
    vectors = np.array([[1, 0], [1, 0], [-1, 0], [-1, 0], [0, 1]], dtype=np.float32)
    assert bnu.compare(vectors, np.array([0, 0, 1, 1, 2]), [1]).metrics["recall_at_1_by_bnu"] == 1


def test_oml_gives_one_for_one_of_many_found_at_rank_one() -> None:
    hits = np.array([[True, False, False, False], [True, True, True, True], [False, False, False, False]])
    assert open_metric_learning.map_at(hits, 4).tolist() == [1, 1, 0]
    assert open_metric_learning.precision_at(hits, 4, np.array([4, 2, 0])).tolist() == [0.25, 2, 0]


@pytest.mark.parametrize("clusters", [6, 300])
def test_nmi_of_well_separated_classes(clusters: int) -> None:
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(clusters), 4)
    vectors = (10 * generator.standard_normal((clusters, 16))[labels] + 0.01).astype(np.float32)
    assert 0.9 < roth.nmi(vectors, labels) <= 1
    if clusters == 6:
        assert bnu.nmi(vectors, labels) == pytest.approx(1)


def test_roths_nmi_is_pmls_until_faiss_takes_a_part_of_the_samples() -> None:
    generator = np.random.default_rng(0)
    for each, same in ((200, True), (400, False)):
        labels = np.repeat(np.arange(3), each)
        vectors = generator.standard_normal((3 * each, 8)).astype(np.float32)
        theirs = pml.compare(vectors, labels).metrics["nmi_by_pml"]
        assert (roth.nmi(vectors, labels) == pytest.approx(theirs, abs=1e-9)) == same


def test_bnus_nmi_is_skipped_where_it_would_take_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, labels = spread(0)
    monkeypatch.setattr(bnu, "MOST_DISTANCES", 319)
    given = bnu.compare(vectors, labels, [1])
    assert "nmi_by_bnu" not in given.metrics
    assert given.note.endswith("(skipped: too slow for 40 samples of 8 classes)")


def evaluated(evaluator: Conformance, embeddings: Embeddings) -> tuple[dict[str, float], list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MetricWarning)
        metrics = evaluator.evaluate(embeddings)
    return dict(metrics), [str(note.message) for note in caught if issubclass(note.category, MetricWarning)]


def test_the_made_up_embeddings_show_every_difference() -> None:
    embeddings = example_embeddings()
    metrics, notes = evaluated(Conformance(), embeddings)
    ranking = rank(embeddings.vectors, embeddings.labels)
    ours = {"recall_at_1": ranking.recall_at(1), "recall_at_8": ranking.recall_at(8), "mrr": ranking.mrr()}
    ours |= {"map_at_r": ranking.map_at_r(), "r_precision": ranking.r_precision()}
    close = {name for name, value in metrics.items() if abs(value - ours.get(name.partition("_by_")[0], -1)) < 1e-4}
    assert close == set(), "each definition gives another number"
    assert [note.partition(":")[0] for note in notes] == ["pml", "roth", "bnu", "oml", "proxy_anchor"]
    assert all(re.search(r"\(12 (of|here)", note) for note in notes[1:]), "lone queries are counted"
    assert ranking.lone_queries == 12
    assert ranking.recall_at(1) < ranking.recall_at(1, ties="optimistic")
    repeated = len(embeddings) - len({vector.tobytes() for vector in embeddings.vectors})
    assert repeated == 50, "30 copies within a class and 20 misfiled ones"
    again = example_embeddings()
    assert again.vectors.tobytes() == embeddings.vectors.tobytes()
    assert np.linalg.norm(embeddings.vectors, axis=1) == pytest.approx(1, abs=1e-6)


def test_a_k_beyond_the_others_is_left_out() -> None:
    vectors, labels = spread(0)
    metrics, _ = evaluated(Conformance(recall_at=(39, 40)), Embeddings(vectors, labels))
    assert {name for name in metrics if name.startswith("recall")} == {
        "recall_at_1_by_pml",
        *(f"recall_at_39_by_{codebase}" for codebase in ("roth", "bnu", "oml", "proxy_anchor")),
    }


def test_vectors_of_other_lengths_are_noted() -> None:
    vectors, labels = spread(0)
    _, notes = evaluated(Conformance(), Embeddings(3 * vectors, labels))
    assert "unit length" in notes[0]


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda e: Conformance(limit=39).evaluate(e),
            DataError,
            "conformance: 40 samples exceed the limit of 39",
        ),
        (
            lambda e: Conformance().evaluate(e, e),
            DataError,
            "conformance: the definitions rank each sample against all others",
        ),
    ],
)
def test_refusals(act: Callable[[Embeddings], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        act(Embeddings(*spread(0)))
    assert str(caught.value).startswith(message)


def test_zero_vectors_are_refused() -> None:
    vectors, labels = spread(0)
    vectors[7] = 0
    with pytest.raises(ValueError, match=r"^vectors contain zero .* in 1 of 40 rows: 7$"):
        Conformance().evaluate(Embeddings(vectors, labels))


def test_the_entry_module_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'faiss', 'sklearn', 'pytorch_metric_learning'}"
    code = f"import sys, dmlcore_plugins.conformance.conformance; assert not {heavy} & set(sys.modules), sys.modules"
    python("-c", code)
