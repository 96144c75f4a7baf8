"""`rank` gives what the definitions give, one pair at a time in float64, and obeys the laws of a ranking."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dmlcore.neighbors import Ranking, VectorError, rank
from neighbors import naive
from neighbors.examples import few_or_many, for_all
from running import python

DISTANCES = ["cosine", "l2", "inner_product"]
TIES = ["pessimistic", "optimistic"]


@st.composite
def samples(draw: st.DrawFn, least: int = 2, dims: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Vectors that tie often: from a coarse grid, or of any float32, some of them repeated."""
    count, dim = draw(st.integers(least, 14)), dims or draw(st.integers(1, 9))
    grid = st.integers(-2, 2).map(float)
    wide = st.floats(-(2.0**100), 2.0**100, width=32)
    near = st.integers(0, 3).map(lambda steps: float(np.float32(1) + steps * np.finfo(np.float32).eps))
    value = draw(st.sampled_from([grid, wide, near]))
    vector = st.lists(value, min_size=dim, max_size=dim).filter(any)
    vectors = np.array(draw(st.lists(vector, min_size=count, max_size=count)), np.float32)
    for copy, original in draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)))):
        vectors[copy] = vectors[original]
    labels = np.array(draw(st.lists(st.integers(-1, 3), min_size=count, max_size=count)))
    return vectors, labels


def rankable(labels: np.ndarray, gallery_labels: np.ndarray | None = None) -> bool:
    items = labels if gallery_labels is None else gallery_labels
    own = [int((items == label).sum()) - (gallery_labels is None) for label in labels]
    return len(set(items.tolist())) > 1 and max(own) > 0


def numbers(ranking: Ranking, ties: Any) -> dict[str, float]:
    recalls = {f"recall_at_{k}": ranking.recall_at(k, ties=ties) for k in range(1, ranking.candidates + 1)}
    return recalls | {
        "r_precision": ranking.r_precision(ties=ties),
        "map_at_r": ranking.map_at_r(ties=ties),
        "mrr": ranking.mrr(ties=ties),
    }


def assert_as_defined(ranking: Ranking, *data: Any, distance: str) -> None:
    for ties in TIES:
        ranks = naive.own_ranks(*data, distance, ties)
        scores = getattr(ranking, ties)
        assert scores.first.tolist() == [own[0] if own else 0 for own in ranks]
        for query, own in enumerate(ranks):
            if own:
                assert scores.r_precision[query] == naive.r_precision([own])
                assert scores.map_at_r[query] == pytest.approx(naive.map_at_r([own]), rel=1e-14)
            else:
                assert np.isnan([scores.r_precision[query], scores.map_at_r[query]]).all()
        assert ranking.relevant.tolist() == [len(own) for own in ranks]
        for k in range(1, ranking.candidates + 1):
            assert ranking.recall_at(k, ties=ties) == naive.recall_at(ranks, k)
        assert ranking.mrr(ties=ties) == naive.mrr(ranks)
        assert ranking.r_precision(ties=ties) == naive.r_precision(ranks)
        assert ranking.map_at_r(ties=ties) == pytest.approx(naive.map_at_r(ranks), rel=1e-14)


@few_or_many
@pytest.mark.parametrize("distance", DISTANCES)
def test_leave_one_out_is_as_defined(distance: Any, count: int) -> None:
    def check(data: tuple[np.ndarray, np.ndarray], block_size: int) -> None:
        vectors, labels = data
        assume(rankable(labels))
        ranking = rank(vectors, labels, distance=distance, block_size=block_size)
        assert ranking.candidates == len(labels) - 1
        assert_as_defined(ranking, vectors, labels, None, None, distance=distance)

    for_all(count, check, data=samples(), block_size=st.integers(1, 20))


@few_or_many
@pytest.mark.parametrize("distance", DISTANCES)
def test_a_gallery_is_as_defined(distance: Any, count: int) -> None:
    def check(data: Any, block_size: int) -> None:
        (vectors, labels), (gallery, gallery_labels) = data
        assume(rankable(labels, gallery_labels))
        ranking = rank(vectors, labels, gallery, gallery_labels, distance=distance, block_size=block_size)
        assert ranking.candidates == len(gallery_labels)
        assert_as_defined(ranking, vectors, labels, gallery, gallery_labels, distance=distance)

    two = st.integers(1, 6).flatmap(lambda dim: st.tuples(samples(1, dim), samples(2, dim)))
    for_all(count, check, data=two, block_size=st.integers(1, 20))


def clustered(
    seed: int, count: int = 400, classes: int = 23, dim: int = 48, noise: float = 1.5
) -> tuple[np.ndarray, np.ndarray]:
    """Classes of unequal sizes that overlap, on the unit sphere, a tenth of the samples twice."""
    generator = np.random.default_rng(seed)
    labels = np.minimum(generator.geometric(2 / classes, count), classes) - 1
    centers = generator.standard_normal((classes, dim))
    vectors = centers[labels] + noise * generator.standard_normal((count, dim))
    twice = generator.choice(count, (2, count // 10), replace=False)
    vectors[twice[0]] = vectors[twice[1]]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("distance", DISTANCES)
def test_larger_sets_are_as_defined(distance: Any) -> None:
    vectors, labels = clustered(0, count=150, classes=9)
    assert_as_defined(rank(vectors, labels, distance=distance), vectors, labels, None, None, distance=distance)


NEARLY_COLLAPSED = [1e-3, 1e-5, 1e-7]


@pytest.mark.parametrize("spread", NEARLY_COLLAPSED)
@pytest.mark.parametrize("distance", DISTANCES)
def test_differences_that_float32_products_lose_are_told_apart(distance: Any, spread: float) -> None:
    generator = np.random.default_rng(1)
    vectors = (1 + spread * generator.standard_normal((90, 33))).astype(np.float32)
    labels = np.arange(90) % 7
    ranking = rank(vectors, labels, distance=distance, block_size=32)
    assert_as_defined(ranking, vectors, labels, None, None, distance=distance)


@pytest.mark.parametrize("distance", DISTANCES)
def test_float64_vectors_are_not_rounded_to_float32(distance: Any) -> None:
    vectors = 1 + 1e-12 * np.random.default_rng(2).standard_normal((60, 20))
    labels = np.arange(60) % 6
    ranking = rank(vectors, labels, distance=distance)
    assert_as_defined(ranking, vectors, labels, None, None, distance=distance)


def test_vectors_of_tied_lattice_codes() -> None:
    """±1 codes tie by hundreds without being equal, in numbers beyond what is compared pair by pair at once."""
    generator = np.random.default_rng(3)
    vectors = np.sign(generator.standard_normal((150, 16))).astype(np.int8)
    labels = generator.integers(0, 11, 150)
    ranking = rank(vectors, labels)
    assert ranking.recall_at(1) < ranking.recall_at(1, ties="optimistic")
    assert_as_defined(ranking, vectors, labels, None, None, distance="cosine")


def assert_same(ranking: Ranking, other: Ranking) -> None:
    for ties in TIES:
        assert numbers(ranking, ties) == numbers(other, ties)
        for name in ("first", "r_precision", "map_at_r"):
            np.testing.assert_array_equal(getattr(getattr(ranking, ties), name), getattr(getattr(other, ties), name))


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("block_size", [1, 7, 64, 333, 5000])
def test_the_block_size_changes_nothing(distance: Any, block_size: int) -> None:
    vectors, labels = clustered(4, count=300 if block_size > 1 else 60)
    assert_same(
        rank(vectors, labels, distance=distance),
        rank(vectors, labels, distance=distance, block_size=block_size),
    )


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("values", ["clustered", "half"])
def test_the_order_of_samples_and_the_names_of_classes_change_nothing(distance: Any, values: str) -> None:
    vectors, labels = clustered(5)
    if values == "half":
        vectors = (1 + vectors / 500).astype(np.float16)
    order = np.random.default_rng(6).permutation(len(labels))
    names = np.random.default_rng(7).permutation(1000)
    ranking, other = (
        rank(vectors, labels, distance=distance),
        rank(vectors[order], names[labels[order]] * 10**12, distance=distance),
    )
    for ties in TIES:
        assert numbers(ranking, ties) == numbers(other, ties)
        np.testing.assert_array_equal(getattr(ranking, ties).map_at_r[order], getattr(other, ties).map_at_r)


@pytest.mark.parametrize("distance", DISTANCES)
def test_powers_of_two_change_nothing(distance: Any) -> None:
    vectors, labels = clustered(8)
    ranking = rank(vectors, labels, distance=distance)
    for scale in (2.0**-60, 2.0**60):
        assert_same(ranking, rank(vectors * np.float32(scale), labels, distance=distance))
    for scale in (2.0**-400, 2.0**1000):
        assert_same(ranking, rank(vectors.astype(np.float64) * scale, labels, distance=distance))


def test_the_cosine_does_not_see_lengths() -> None:
    vectors, labels = clustered(9)
    lengths = 2.0 ** np.random.default_rng(10).integers(-30, 30, (len(labels), 1))
    assert_same(rank(vectors, labels), rank(vectors.astype(np.float64) * lengths, labels))


def test_on_the_sphere_all_distances_agree() -> None:
    vectors, labels = clustered(11, noise=1.0)
    wide = vectors.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    expected = numbers(rank(wide, labels), "pessimistic")
    for distance in ("l2", "inner_product"):
        measured = numbers(rank(wide, labels, distance=distance), "pessimistic")
        assert measured == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("distance", DISTANCES)
def test_rotations_change_nothing(distance: Any) -> None:
    vectors, labels = clustered(12)
    rotation, _ = np.linalg.qr(np.random.default_rng(13).standard_normal((48, 48)))
    wide = vectors.astype(np.float64)
    # rotated copies of one vector are still copies; other pairs differ by more than the rounding of a rotation
    _, first, inverse = np.unique(wide, axis=0, return_index=True, return_inverse=True)
    rotated = (wide[first] @ rotation)[inverse]
    measured = numbers(rank(rotated, labels, distance=distance), "pessimistic")
    assert measured == pytest.approx(numbers(rank(wide, labels, distance=distance), "pessimistic"), abs=1e-12)


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_perfect_embedding_scores_one(distance: Any) -> None:
    labels = np.repeat(np.arange(12), 9)
    vectors = np.eye(12)[labels] + 0.01 * np.random.default_rng(14).random((len(labels), 12))
    ranking = rank(vectors, labels, distance=distance)
    for ties in TIES:
        assert set(numbers(ranking, ties).values()) == {1.0}


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("classes", [[50, 50], [3, 40, 7, 1]])
def test_a_collapsed_embedding_finds_nothing(distance: Any, classes: list[int]) -> None:
    """All other classes stand before the own one, or after it."""
    labels = np.repeat(np.arange(len(classes)), classes)
    ranking = rank(np.full((len(labels), 5), 0.3, np.float32), labels, distance=distance)
    others = np.array([len(labels) - classes[label] for label in labels])
    ranked = ranking.relevant > 0
    assert ranking.pessimistic.first[ranked].tolist() == (others[ranked] + 1).tolist()
    for k in range(1, len(labels)):
        assert ranking.recall_at(k) == (others[ranked] < k).mean()
    assert set(numbers(ranking, "optimistic").values()) == {1.0}


def test_an_embedding_flattened_by_half_precision() -> None:
    vectors, labels = clustered(15, noise=0.3)
    shifted = 1 + vectors / 5000
    assert rank(shifted, labels).recall_at(1) > 0.7
    flat = rank(shifted.astype(np.float16), labels)
    assert flat.recall_at(1) == 0
    assert flat.recall_at(1, ties="optimistic") == 1


@settings(max_examples=60, deadline=None)
@given(data=samples())
def test_recall_rises_with_k_and_ties_never_harm_the_optimist(data: tuple[np.ndarray, np.ndarray]) -> None:
    vectors, labels = data
    if not rankable(labels):
        return
    ranking = rank(vectors, labels)
    against, in_favor = (numbers(ranking, ties) for ties in TIES)
    recalls = [ranking.recall_at(k) for k in range(1, ranking.candidates + 1)]
    assert recalls == sorted(recalls)
    for name, value in against.items():
        assert 0 <= value <= in_favor[name] <= 1
    for scores in (against, in_favor):
        assert scores["map_at_r"] <= scores["r_precision"] + 1e-15


def test_a_copy_of_the_query_is_a_neighbor_like_any_other() -> None:
    """Self goes by its index: an image that is there twice, in two classes, finds its copy first."""
    vectors = np.array([[1, 0], [1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]])
    ranking = rank(vectors, [0, 1, 0, 1, 1])
    assert ranking.pessimistic.first.tolist() == [2, 3, 2, 1, 1]
    same_class = rank(vectors, [0, 0, 1, 1, 1])
    assert same_class.pessimistic.first[:2].tolist() == [1, 1]


def test_a_gallery_that_is_the_queries_does_not_leave_out_self() -> None:
    vectors, labels = clustered(16, count=80)
    ranking = rank(vectors, labels, vectors, labels)
    assert ranking.recall_at(1, ties="optimistic") == 1
    assert (ranking.relevant == rank(vectors, labels).relevant + 1).all()


def test_queries_whose_class_the_gallery_lacks_are_left_out() -> None:
    ranking = rank([[1.0], [2.0], [9.0]], [5, 7, 6], [[1.5], [8.0], [9.5]], [5, 6, 6], distance="l2")
    assert ranking.lone_queries == 1
    assert ranking.relevant.tolist() == [1, 0, 2]
    assert ranking.pessimistic.first.tolist() == [1, 0, 1]
    assert ranking.recall_at(1) == 1


def test_memory_stays_far_below_a_matrix_of_all_pairs() -> None:
    vectors, labels = clustered(17, count=5000, classes=400, dim=8)
    rank(vectors[:50], labels[:50])
    tracemalloc.start()
    rank(vectors, labels, block_size=256)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5000 * 5000 * 4 / 3  # a third of a float32 per pair, with classes of up to 600 samples


FIRST_PASSES = ["bfloat16", "float32", "float64"]


@few_or_many
@pytest.mark.parametrize("distance", DISTANCES)
def test_the_first_pass_changes_nothing(distance: Any, count: int) -> None:
    def check(data: tuple[np.ndarray, np.ndarray], shift: float) -> None:
        vectors, labels = data
        assume(rankable(labels))
        vectors = vectors + np.float32(shift)
        vectors[~vectors.any(axis=1)] = 1
        first, *others = (rank(vectors, labels, distance=distance, first_pass=one) for one in FIRST_PASSES)
        for other in others:
            assert_same(first, other)

    for_all(count, check, data=samples(), shift=st.sampled_from([0.0, 3.0]))


def adversarial(kind: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors that low precision can't tell apart, or can't hold; up to 70 classes, of very unequal sizes."""
    generator = np.random.default_rng(20)
    dim = 24
    labels = np.minimum(generator.geometric(0.05, count), 70)
    noise = generator.standard_normal((count, dim))
    if kind == "huge norms":
        vectors = noise * 10.0 ** generator.uniform(-18, 18, (count, 1))
    elif kind == "one huge vector":
        vectors = noise * np.where(np.arange(count) == 5, 1e18, 1)[:, None]
    elif kind == "near-equal similarities":
        vectors = 1 + noise * 2.0**-12
    elif kind == "below bfloat16's steps":
        vectors = np.sign(noise) * (1 + 2.0**-10 * generator.integers(0, 3, (count, dim)))
    elif kind == "subnormal":
        vectors = noise * 2.0**-140
    elif kind == "subnormal parts":
        vectors = np.where(generator.random((count, dim)) < 0.7, noise * 2.0**-135, noise)
    elif kind == "flattened by fp16":
        vectors = (30 + noise / 50).astype(np.float16).astype(np.float64)
    elif kind == "codes":
        vectors = np.sign(noise)
    else:
        vectors = np.where(np.arange(count)[:, None] % 3 == 0, noise, noise.mean(axis=0))
    return vectors.astype(np.float32), labels


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize(
    "kind",
    [
        *("huge norms", "one huge vector", "near-equal similarities", "below bfloat16's steps", "subnormal"),
        *("subnormal parts", "flattened by fp16", "codes", "partly collapsed"),
    ],
)
@pytest.mark.parametrize("count", [300, pytest.param(700, marks=pytest.mark.slow)])
def test_adversarial_vectors_change_no_count(distance: Any, kind: str, count: int) -> None:
    """Against float64 for each pair; `first_pass="float64"` is compared with the definitions elsewhere."""
    vectors, unequal = adversarial(kind, count)
    alike = np.arange(count) % (count // 50)  # classes of 50: their similarities are first made by products
    for labels in (alike, unequal):
        expected = rank(vectors, labels, distance=distance, first_pass="float64")
        for first_pass in ("bfloat16", "float32"):
            assert_same(expected, rank(vectors, labels, distance=distance, first_pass=first_pass, block_size=128))
    half = len(labels) // 2
    data = (vectors[:half], labels[:half], vectors[half:], labels[half:])
    expected = rank(*data, distance=distance, first_pass="float64")
    assert_same(expected, rank(*data, distance=distance, first_pass="bfloat16", block_size=128))


def test_large_classes_of_a_large_set_are_as_small_ones() -> None:
    """Large and small classes are counted in different ways; each way alone gives the same."""
    vectors, labels = clustered(21, count=1500, classes=150, dim=16)
    assert_same(
        rank(vectors, labels, first_pass="bfloat16"),
        rank(vectors, labels, first_pass="float64"),
    )


def test_the_number_of_threads_changes_nothing() -> None:
    vectors, labels = clustered(22, count=2500, classes=200)
    one = rank(vectors, labels, first_pass="bfloat16")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert_same(one, rank(vectors, labels, first_pass="bfloat16"))
    finally:
        torch.set_num_threads(before)


def test_float32_products_that_torch_may_shorten_are_not_shortened() -> None:
    vectors, labels = clustered(23, count=2500, classes=200)
    expected = rank(vectors, labels, first_pass="float32")
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        assert_same(expected, rank(vectors, labels, first_pass="float32"))
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_tensors_are_as_arrays(dtype: torch.dtype) -> None:
    vectors, labels = clustered(24)
    tensor = torch.from_numpy(vectors).to(dtype).requires_grad_()
    expected = rank(tensor.detach().double().numpy(), labels)
    assert_same(expected, rank(tensor, torch.from_numpy(labels)))
    assert_same(expected, rank(tensor, torch.from_numpy(labels), first_pass="bfloat16"))


def test_read_only_arrays_are_only_read() -> None:
    vectors, labels = clustered(25)
    vectors.flags.writeable = labels.flags.writeable = False
    before = vectors.copy()
    rank(vectors, labels, first_pass="bfloat16")
    np.testing.assert_array_equal(vectors, before)


def test_progress_is_told_after_each_step() -> None:
    vectors, labels = clustered(26, count=400, classes=60)
    for options in ({"first_pass": "float32"}, {"first_pass": "float64"}):
        told: list[tuple[int, int]] = []
        rank(vectors, labels, block_size=96, progress=lambda *step: told.append(step), **options)  # noqa: B023
        total = told[-1][1]
        assert total > 3
        assert told == [(done, total) for done in range(1, total + 1)]


def test_an_interrupt_stops_at_once() -> None:
    vectors, labels = clustered(27, count=400, classes=60)
    steps: list[int] = []

    def interrupt(done: int, _total: int) -> None:
        steps.append(done)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rank(vectors, labels, block_size=96, progress=interrupt)
    assert steps == [1, 2]


def test_importing_loads_no_torch() -> None:
    code = "import sys, dmlcore.neighbors; assert not {'torch', 'scipy'} & set(sys.modules)"
    python("-c", code)


GOOD = ([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 2.0]], [0, 0, 1, 1])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (GOOD, {"distance": "euclid"}, "distance must be one of cosine, l2, inner_product, not 'euclid'"),
        (GOOD, {"block_size": 0}, "block_size must be .* ≥ 1, not 0"),
        (GOOD, {"block_size": 2.5}, r"block_size must be .* ≥ 1, not 2\.5"),
        (GOOD, {"first_pass": "int8"}, "first_pass must be one of auto, bfloat16, float32, float64, not 'int8'"),
        ((*GOOD, [[1.0, 0.0]]), {}, "both gallery and gallery_labels"),
        (GOOD, {"gallery_labels": [0, 1]}, "both gallery and gallery_labels"),
        ((*GOOD, [[1.0]], [0]), {}, "queries have 2 dimensions, but the gallery has 1"),
        ((*GOOD, np.empty((0, 2)), []), {}, r"gallery are empty: shape \(0, 2\)"),
        (([], []), {}, r"queries must be of shape \(N, D\).* not \(0,\)"),
        ((GOOD[0], [0, 0, 1]), {}, r"labels of queries must be of shape \(4,\).* not \(3,\)"),
        ((GOOD[0], [0.0, 0.0, 1.0, 1.0]), {}, "labels of queries must be integers .* not float64"),
        ((GOOD[0], [3, 3, 3, 3]), {}, "all 4 samples .* label 3: .* two classes"),
        ((GOOD[0], [0, 1, 2, 3]), {}, "none of the 4 queries .* another member of its class"),
    ],
)
def test_what_can_not_be_ranked_is_refused(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rank(*arguments, **options)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    vectors, labels = clustered(18)
    broken = vectors.copy()
    broken[[7, 30], [3, 0]] = bad
    with pytest.raises(VectorError, match=r"^queries .* NaN or infinite values in 2 of 400 rows: 7, 30$"):
        rank(broken, labels)
    with pytest.raises(VectorError, match=r"^gallery .* NaN or infinite values in 2 of 400 rows: 7, 30$"):
        rank(vectors, labels, broken, labels)


def test_zero_has_no_cosine_but_a_distance() -> None:
    vectors, labels = clustered(19)
    vectors[100:110] = 0
    with pytest.raises(VectorError, match=r"^queries contain zero .* in 10 of 400 rows: 100, 101, 102, 103, 104, …$"):
        rank(vectors, labels)
    for distance in ("l2", "inner_product"):
        assert_same(rank(vectors, labels, distance=distance), rank(vectors, labels, distance=distance, block_size=90))


def test_exact_thresholds_with_pairs_that_only_exact_sums_tell_apart() -> None:
    """Classes of few, whose thresholds are exact from the start, and others a few last digits from a tie."""
    generator = np.random.default_rng(3)
    vectors = np.repeat(generator.standard_normal((40, 16)), 4, axis=0)
    vectors += 1e-16 * generator.integers(-2, 3, vectors.shape)
    labels = generator.permutation(np.repeat(np.arange(80), 2))
    ranking = rank(vectors, labels, distance="l2", first_pass="float32")
    exact = rank(vectors, labels, distance="l2", first_pass="float64")
    np.testing.assert_array_equal(ranking.pessimistic.first, exact.pessimistic.first)
    np.testing.assert_array_equal(ranking.optimistic.map_at_r, exact.optimistic.map_at_r)


def test_rough_thresholds_of_large_classes_are_made_exact_where_they_decide() -> None:
    generator = np.random.default_rng(4)
    vectors = generator.integers(-2, 3, (600, 3)) / 3 + 1e-15 * generator.integers(-1, 2, (600, 3))
    labels = np.arange(600) % 12
    for distance in ("l2", "inner_product"):
        ranking = rank(vectors, labels, distance=distance, first_pass="float32")  # type: ignore[arg-type]
        exact = rank(vectors, labels, distance=distance, first_pass="float64")  # type: ignore[arg-type]
        for ours, theirs in ((ranking.pessimistic, exact.pessimistic), (ranking.optimistic, exact.optimistic)):
            np.testing.assert_array_equal(ours.first, theirs.first)
            np.testing.assert_array_equal(ours.map_at_r, theirs.map_at_r)
