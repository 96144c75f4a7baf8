"""Miners against plain loops over pairs and triplets, and what they are refused with."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_metric_learning import distances as library
from torch import Tensor, nn

from dmlcore import DistanceConfig, LossContext, MinerConfig, StudyError, TrainingError
from dmlcore_plugins.losses.catalogue.distances import SNR, Cosine, DotProduct, Lp
from dmlcore_plugins.losses.catalogue.miners import (
    HDC,
    Angular,
    BatchEasyHard,
    BatchHard,
    DistanceWeighted,
    EmbeddingsPackagedAsTriplets,
    MultiSimilarity,
    PairMargin,
    PmlTripletMargin,
    UniformHistogram,
)

CONTEXT = LossContext(embedding_dim=5, num_classes=4)
Batch = tuple[Tensor, Tensor]
Pair = tuple[int, int]
DISTANCES = [Lp(), Lp(p=1, power=2), Lp(normalize_embeddings=False), Cosine(), DotProduct(normalize_embeddings=False)]


def matrix(distance: DistanceConfig, batch: Batch) -> np.ndarray:
    """(B, B), as the distance has it: smaller or larger for farther."""
    return distance.build(CONTEXT)(batch[0]).numpy()


def farness(distance: Any, batch: Batch) -> np.ndarray:
    """(B, B), larger for farther."""
    return -matrix(distance, batch) if distance.is_inverted else matrix(distance, batch)


def picked(miner: MinerConfig, batch: Batch) -> tuple[Tensor, ...]:
    return miner.build(CONTEXT)(*batch)


def rows(picks: Iterable[Tensor]) -> list[tuple[int, ...]]:
    return sorted(zip(*(part.tolist() for part in picks), strict=True))


def pairs(labels: Tensor) -> tuple[list[Pair], list[Pair]]:
    """All positive and all negative pairs."""
    every = list(product(range(len(labels)), repeat=2))
    positives = [(i, j) for i, j in every if i != j and labels[i] == labels[j]]
    return positives, [(i, j) for i, j in every if labels[i] != labels[j]]


def triplets(labels: Tensor) -> list[tuple[int, int, int]]:
    positives, negatives = pairs(labels)
    return [(a, p, n) for a, p in positives for b, n in negatives if a == b]


@pytest.mark.parametrize("angle", [15.0, 20.0, 40.0])
def test_angular(batch: Batch, angle: float) -> None:
    x = batch[0].numpy() / np.sqrt((batch[0].numpy() ** 2).sum(1, keepdims=True))
    expected = [
        (a, p, n)
        for a, p, n in triplets(batch[1])
        if math.degrees(math.atan(np.linalg.norm(x[a] - x[p]) / (2 * np.linalg.norm(x[n] - (x[a] + x[p]) / 2)))) > angle
    ]
    assert rows(picked(Angular(angle=angle), batch)) == expected
    assert 0 < len(expected) < len(triplets(batch[1]))
    assert rows(picked(Angular(angle=angle), (batch[0] * torch.rand(12, 1), batch[1]))) == expected, (
        "lengths are nothing"
    )


def of_anchor(anchor: int, among: list[Pair]) -> list[int]:
    return [j for i, j in among if i == anchor]


def easy_and_hard(config: BatchEasyHard, batch: Batch) -> tuple[list[Pair], list[Pair]]:
    """Anchor by anchor."""
    values, far = matrix(config.distance, batch), farness(config.distance, batch)

    def within(limits: tuple[float, float] | None, a: int, j: int) -> bool:
        return limits is None or limits[0] <= values[a, j] <= limits[1]

    all_positives, all_negatives = pairs(batch[1])
    positives: list[Pair] = all_positives if config.pos_strategy == "all" else []
    negatives: list[Pair] = all_negatives if config.neg_strategy == "all" else []
    for a in range(len(batch[1])):
        ps = [p for p in of_anchor(a, all_positives) if within(config.allowed_pos_range, a, p)]
        ns = [n for n in of_anchor(a, all_negatives) if within(config.allowed_neg_range, a, n)]
        by_far = {"key": lambda j, a=a: far[a, j]}
        p = n = None
        if config.pos_strategy in ("easy", "hard") and ps:
            p = (min if config.pos_strategy == "easy" else max)(ps, **by_far)
        if config.neg_strategy in ("easy", "hard") and ns:
            n = (max if config.neg_strategy == "easy" else min)(ns, **by_far)
        if config.pos_strategy == "semihard" and n is not None:
            p = max((p for p in ps if far[a, p] < far[a, n]), **by_far, default=None)
        if config.neg_strategy == "semihard" and p is not None:
            n = min((n for n in ns if far[a, n] > far[a, p]), **by_far, default=None)
        one_of_each = "all" not in (config.pos_strategy, config.neg_strategy)
        if p is not None and (n is not None or not one_of_each):
            positives.append((a, p))
        if n is not None and (p is not None or not one_of_each):
            negatives.append((a, n))
    return positives, negatives


STRATEGIES = [
    (pos, neg)
    for pos, neg in product(("easy", "semihard", "hard", "all"), repeat=2)
    if "semihard" not in (pos, neg) or {pos, neg} in ({"semihard", "easy"}, {"semihard", "hard"})
]


@pytest.mark.parametrize(("pos", "neg"), STRATEGIES)
@pytest.mark.parametrize("distance", DISTANCES, ids=repr)
def test_batch_easy_hard(batch: Batch, pos: Any, neg: Any, distance: DistanceConfig) -> None:
    low, middle, high = np.quantile(matrix(distance, batch), [0.1, 0.5, 0.9]).tolist()
    for pos_range, neg_range in (
        (None, None),
        ((low, middle), None),
        (None, (middle, high)),
        ((low, high), (low, high)),
    ):
        config = BatchEasyHard(
            pos_strategy=pos,
            neg_strategy=neg,
            allowed_pos_range=None if pos == "all" else pos_range,
            allowed_neg_range=None if neg == "all" else neg_range,
            distance=distance,
        )
        positives, negatives = easy_and_hard(config, batch)
        picks = picked(config, batch)
        assert rows(picks[:2]) == sorted(positives)
        assert rows(picks[2:]) == sorted(negatives)
        assert negatives or (pos_range, neg_range) != (None, None)


@pytest.mark.parametrize("distance", DISTANCES, ids=repr)
def test_batch_hard(batch: Batch, distance: DistanceConfig) -> None:
    low, high = np.quantile(matrix(distance, batch), [0.2, 0.8]).tolist()
    for limits in (None, (low, high)):
        config = BatchHard(distance=distance, allowed_pos_range=limits, allowed_neg_range=limits)
        plain = BatchEasyHard(
            pos_strategy="hard",
            neg_strategy="hard",
            distance=distance,
            allowed_pos_range=limits,
            allowed_neg_range=limits,
        )
        positives, negatives = (dict(found) for found in easy_and_hard(plain, batch))
        assert rows(picked(config, batch)) == [(a, positives[a], negatives[a]) for a in sorted(positives)]
        assert positives


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("distance", DISTANCES, ids=repr)
def test_hdc(batch: Batch, share: float, distance: DistanceConfig) -> None:
    far = farness(distance, batch)
    picks = picked(HDC(filter_percentage=share, distance=distance), batch)
    for found, among, sign in ((picks[:2], pairs(batch[1])[0], 1), (picks[2:], pairs(batch[1])[1], -1)):
        kept = math.ceil(share * len(among))
        hardest = sorted((sign * far[pair] for pair in among), reverse=True)[:kept]
        assert sorted((sign * far[pair] for pair in rows(found)), reverse=True) == hardest
        assert len(set(rows(found))) == kept
        assert set(rows(found)) <= set(among)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("distance", DISTANCES, ids=repr)
def test_multi_similarity(batch: Batch, epsilon: float, distance: DistanceConfig) -> None:
    far = farness(distance, batch)
    positives, negatives = pairs(batch[1])
    anchors = {a for a, _ in positives}
    farthest = {a: max(far[a, p] for p in of_anchor(a, positives)) for a in anchors}
    nearest = {a: min(far[a, n] for n in of_anchor(a, negatives)) for a in anchors}
    picks = picked(MultiSimilarity(epsilon=epsilon, distance=distance), batch)
    assert rows(picks[:2]) == [(a, p) for a, p in positives if far[a, p] > nearest[a] - epsilon]
    assert rows(picks[2:]) == [(a, n) for a, n in negatives if a in anchors and far[a, n] < farthest[a] + epsilon]


@pytest.mark.parametrize(
    ("config", "positive", "negative"),
    [
        (PairMargin(), 0.2, 0.8),
        (PairMargin(distance=Lp(power=2)), 0.04, 0.64),
        (PairMargin(distance=Cosine()), 0.98, 0.68),
        (PairMargin(distance=DotProduct()), 0.98, 0.68),
        (PairMargin(pos_margin=0.5, neg_margin=1.2), 0.5, 1.2),
        (PairMargin(pos_margin=0.5, neg_margin=0.1, distance=Cosine()), 0.5, 0.1),
        (PairMargin(neg_margin=0.4, distance=Cosine()), 0.98, 0.4),
        (PairMargin(pos_margin=1.0, neg_margin=3.0, distance=Lp(normalize_embeddings=False)), 1.0, 3.0),
        (PairMargin(pos_margin=0.3, neg_margin=1.0, distance=SNR()), 0.3, 1.0),
        (PairMargin(pos_margin=2.0, neg_margin=-1.0, distance=DotProduct(normalize_embeddings=False)), 2.0, -1.0),
    ],
    ids=repr,
)
def test_pair_margin(batch: Batch, config: PairMargin, positive: float, negative: float) -> None:
    values, inverted = matrix(config.distance, batch), config.distance.is_inverted  # type: ignore[attr-defined]
    positives, negatives = pairs(batch[1])
    picks = picked(config, batch)
    far_positives = [pair for pair in positives if (values[pair] < positive) == inverted and values[pair] != positive]
    near_negatives = [pair for pair in negatives if (values[pair] > negative) == inverted and values[pair] != negative]
    assert rows(picks[:2]) == far_positives
    assert rows(picks[2:]) == near_negatives
    assert far_positives
    assert near_negatives


def test_pair_margins_left_out_pick_the_same_pairs_on_every_measure_of_the_sphere(batch: Batch) -> None:
    distances = (Lp(), Lp(power=2), Cosine(), DotProduct())
    found = [[rows(p[:2]), rows(p[2:])] for p in (picked(PairMargin(distance=d), batch) for d in distances)]
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("distance", DISTANCES, ids=repr)
@pytest.mark.parametrize(
    ("kind", "share"),
    [("all", 0.3), ("all", -0.3), ("hard", 0.3), ("hard", -0.3), ("semihard", 0.3), ("easy", 0.3), ("easy", -0.3)],
)
def test_triplet_margin(batch: Batch, distance: DistanceConfig, kind: Any, share: float) -> None:
    far = farness(distance, batch)
    margin = share * float(far.std())
    gaps = {(a, p, n): far[a, n] - far[a, p] for a, p, n in triplets(batch[1])}
    rule: Callable[[float], bool] = {
        "all": lambda gap: gap <= margin,
        "hard": lambda gap: gap <= min(margin, 0),
        "semihard": lambda gap: 0 < gap <= margin,
        "easy": lambda gap: gap > margin,
    }[kind]
    expected = sorted(triplet for triplet, gap in gaps.items() if rule(gap))
    config = PmlTripletMargin(type_of_triplets=kind, margin=margin, distance=distance)
    assert rows(picked(config, batch)) == expected
    assert expected


def chances(embeddings: Tensor, labels: Tensor, cutoff: float, end: float) -> np.ndarray:
    """(B, B): how likely each negative is, for each anchor that has one before the end."""
    dim = embeddings.shape[1]
    weights = np.zeros((len(labels), len(labels)))
    for a, n in pairs(labels)[1]:
        x, y = (row / row.norm() for row in (embeddings[a], embeddings[n]))
        d = max((x - y).norm().item(), cutoff)
        weights[a, n] = 1 / (d ** (dim - 2) * (1 - d**2 / 4) ** ((dim - 3) / 2)) if d < end else 0
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-300)


@pytest.mark.parametrize(("cutoff", "end"), [(0.5, 1.4), (0.9, 1.2)])
def test_distance_weighted(batch: Batch, cutoff: float, end: float) -> None:
    torch.manual_seed(0)
    embeddings, labels = batch
    expected = chances(embeddings, labels, cutoff, end)
    miner = DistanceWeighted(cutoff=cutoff, nonzero_loss_cutoff=end).build(CONTEXT)
    drawn: Counter[tuple[int, int]] = Counter()
    positives: Counter[tuple[int, int]] = Counter()
    rounds = 200
    for _ in range(rounds):
        a, p, n = miner(embeddings, labels)
        drawn.update(zip(a.tolist(), n.tolist(), strict=True))
        positives.update(zip(a.tolist(), p.tolist(), strict=True))
    sizes = torch.bincount(labels)[labels]
    for anchor in range(len(labels)):
        total = sum(count for (a, _), count in drawn.items() if a == anchor)
        served = sizes[anchor] > 1 and expected[anchor].sum() > 0
        assert total == (rounds * sizes[anchor] if served else 0)
        for negative in range(len(labels)):
            chance = expected[anchor, negative] if served else 0
            spread = 4.5 * math.sqrt(max(total * chance * (1 - chance), 0)) + 1e-9
            assert abs(drawn[anchor, negative] - total * chance) <= spread
    served_anchors = {a for a, _ in drawn}
    assert set(positives) == {(a, p) for a, p in pairs(labels)[0] if a in served_anchors}
    assert len(served_anchors) > 6


@pytest.mark.parametrize("distance", DISTANCES, ids=repr)
def test_uniform_histogram(batch: Batch, distance: DistanceConfig) -> None:
    torch.manual_seed(0)
    values = matrix(distance, batch)
    config = UniformHistogram(num_bins=4, pos_per_bin=3, neg_per_bin=5, distance=distance)
    picks = picked(config, batch)
    for found, among, each in ((picks[:2], pairs(batch[1])[0], 3), (picks[2:], pairs(batch[1])[1], 5)):
        edges = np.linspace(min(values[pair] for pair in among), max(values[pair] for pair in among), 5)

        def bin_of(pair: Pair, edges: np.ndarray = edges) -> int:
            return int(min(np.searchsorted(edges, values[pair], side="right") - 1, 3))

        filled = {bin_of(pair) for pair in among}
        assert set(rows(found)) <= set(among)
        assert Counter(bin_of(pair) for pair in rows(found)) == dict.fromkeys(filled, each)
        assert len(filled) > 2


def test_uniform_histogram_of_equal_distances() -> None:
    batch = torch.eye(4), torch.tensor([0, 0, 1, 1])
    picks = picked(UniformHistogram(num_bins=7, pos_per_bin=2, neg_per_bin=3), batch)
    assert [len(part) for part in picks] == [2, 2, 3, 3]


def test_packaged_triplets() -> None:
    labels = torch.tensor([5, 5, 1, 1, 1, 5, 0, 0, 2])
    picks = picked(EmbeddingsPackagedAsTriplets(), (torch.zeros(9, 5), labels))
    assert [part.tolist() for part in picks] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ([0, 0, 1, 1], "one has 4 images, which is not a multiple of 3"),
        ([0, 0, 1, 0, 1, 1], "in one, images 4 to 6 are of the classes 0, 1, 1"),
        ([2, 2, 2], "in one, images 1 to 3 are of the classes 2, 2, 2"),
    ],
)
def test_other_batches_are_refused(labels: list[int], found: str) -> None:
    with pytest.raises(TrainingError, match=f"anchor, positive, negative.*{found}. Use a sampler"):
        picked(EmbeddingsPackagedAsTriplets(), (torch.zeros(len(labels), 5), torch.tensor(labels)))


def test_packaged_triplets_are_none_of_a_memory() -> None:
    miner = EmbeddingsPackagedAsTriplets().build(CONTEXT)
    labels = torch.tensor([0, 0, 1])
    with pytest.raises(StudyError, match=r"memory. Use another miner"):
        miner(torch.zeros(3, 5), labels, torch.zeros(6, 5), labels.repeat(2))


@pytest.mark.parametrize("config", [DistanceWeighted(), UniformHistogram()], ids=repr)
def test_nothing_is_drawn_of_embeddings_that_are_not_finite(config: MinerConfig) -> None:
    with pytest.raises(TrainingError, match=r"no longer finite.*Lower the learning rate"):
        picked(config, (torch.full((4, 5), math.nan), torch.tensor([0, 0, 1, 1])))


EVERY = [
    Angular(),
    BatchEasyHard(),
    BatchHard(),
    DistanceWeighted(),
    HDC(),
    MultiSimilarity(),
    PairMargin(),
    PmlTripletMargin(),
    UniformHistogram(),
]


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.name)
@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]], ids=["no negative", "no positive"])
def test_a_batch_without_pairs_of_a_sort_is_no_error(config: MinerConfig, labels: list[int]) -> None:
    picks = picked(config, (torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]]), torch.tensor(labels)))
    assert all(part.dtype == torch.long for part in picks)
    if len(picks) == 3:
        assert {len(part) for part in picks} == {0}
    else:
        assert len(picks[2 if labels == [0, 0, 0] else 0]) == 0


class Foreign(DistanceConfig):
    """Another plugin's distance, a similarity of which nothing is known here."""

    name = "foreign"

    def build(self, context: LossContext) -> nn.Module:
        similarity: nn.Module = library.CosineSimilarity()
        return similarity


def test_another_plugins_distance_is_taken_as_it_is(batch: Batch) -> None:
    config = PairMargin(pos_margin=0.5, neg_margin=0.1, distance=Foreign())
    own = PairMargin(pos_margin=0.5, neg_margin=0.1, distance=Cosine())
    assert all(torch.equal(one, other) for one, other in zip(picked(config, batch), picked(own, batch), strict=True))
    assert PmlTripletMargin(type_of_triplets="easy", margin=5.0, distance=Foreign())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Angular(angle=90.0), "angle must be > 0 and < 90 degrees, not 90"),
        (lambda: BatchEasyHard(pos_strategy="semihard"), 'pos_strategy = "semihard" .*neg_strategy = "semihard"'),
        (lambda: BatchEasyHard(pos_strategy="all"), 'pos_strategy = "all" .*neg_strategy = "semihard"'),
        (
            lambda: BatchEasyHard(pos_strategy="all", neg_strategy="hard", allowed_pos_range=(0.0, 1.0)),
            r'allowed_pos_range = \[0, 1\] .*pos_strategy = "all"',
        ),
        (lambda: BatchHard(allowed_neg_range=(1.0, 0.5)), r"write the least first: \[0.5, 1\]"),
        (lambda: BatchHard(allowed_pos_range=(2.5, 3.0), distance=Lp()), 'distance = "lp" .*between 0 and 2'),
        (
            lambda: BatchEasyHard(allowed_neg_range=(-3.0, -1.5), distance=Cosine()),
            'distance = "cosine" .*between -1 and 1',
        ),
        (lambda: DistanceWeighted(cutoff=1.4), "cutoff = 1.4 .*nonzero_loss_cutoff = 1.4"),
        (lambda: HDC(filter_percentage=50.0), "filter_percentage must be > 0 and ≤ 1, not 50"),
        (lambda: MultiSimilarity(epsilon=2.5), "epsilon = 2.5 .*at most 2"),
        (lambda: PairMargin(pos_margin=0.5, distance=SNR()), 'must both be set with distance = "snr"'),
        (lambda: PairMargin(distance=Lp(normalize_embeddings=False)), 'must both be set with distance = "lp"'),
        (lambda: PairMargin(distance=Foreign()), 'must both be set with distance = "foreign"'),
        (
            lambda: PairMargin(pos_margin=0.2, neg_margin=0.8, distance=Cosine()),
            'pos_margin = 0.2 .*neg_margin = 0.8 .*"cosine" smaller is farther',
        ),
        (
            lambda: PairMargin(pos_margin=0.8, neg_margin=0.2),
            'pos_margin = 0.8 .*neg_margin = 0.2 .*"lp" larger is farther',
        ),
        (lambda: PairMargin(pos_margin=2.0, neg_margin=2.5), 'pos_margin = 2 selects no positive: .*"lp" .*than 2'),
        (
            lambda: PairMargin(pos_margin=1.2, neg_margin=1.0, distance=Cosine()),
            'neg_margin = 1 selects no negative: .*"cosine" .*than 1',
        ),
        (
            lambda: PmlTripletMargin(type_of_triplets="semihard", margin=0.0),
            'margin = 0 .*"semihard".*use a margin above 0',
        ),
        (
            lambda: PmlTripletMargin(type_of_triplets="easy", margin=4.0, distance=Lp(power=2)),
            'margin = 4 .*"easy".*"lp" .*at most 4',
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
