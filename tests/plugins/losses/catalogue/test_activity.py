"""The activity of the catalogue's losses against plain loops over pairs and triplets."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve, fields_dict
from torch import Tensor

from dmlcore import LossContext
from dmlcore_plugins.losses.activity import ACTIVITIES
from dmlcore_plugins.losses.catalogue.batch_losses import NTXent
from dmlcore_plugins.losses.catalogue.distances import Cosine, Lp
from dmlcore_plugins.losses.catalogue.library_loss import LibraryLoss, Memory
from dmlcore_plugins.losses.catalogue.losses import LOSSES
from dmlcore_plugins.losses.catalogue.miners import BatchHard, MultiSimilarity
from dmlcore_plugins.losses.catalogue.pair_losses import (
    Circle,
    Contrastive,
    GeneralizedLiftedStructure,
    Histogram,
    IntraPairVariance,
    LiftedStructure,
    SignalToNoiseRatioContrastive,
    ThresholdConsistentMargin,
)
from dmlcore_plugins.losses.catalogue.pair_losses import MultiSimilarity as MultiSimilarityLoss
from dmlcore_plugins.losses.catalogue.triplet_losses import (
    Angular,
    DynamicSoftMargin,
    Margin,
    TripletMargin,
    TupletMargin,
)

CONTEXT = LossContext(embedding_dim=5, num_classes=4)
MINERS = [None, BatchHard(), MultiSimilarity(epsilon=0.3)]
Batch = tuple[Tensor, Tensor]
Pair = tuple[int, int]
Pairs = set[Pair]
Triplets = set[tuple[int, int, int]]


class Sides:
    """A batch as plain numbers, and what a miner selects of it."""

    def __init__(self, batch: Batch, miner: Any) -> None:
        rows = batch[0].double().numpy()
        self.raw = rows
        self.unit = rows / np.sqrt((rows**2).sum(1, keepdims=True))
        labels = batch[1].tolist()
        everything = list(permutations(range(len(labels)), 2))
        self.all_near = {pair for pair in everything if labels[pair[0]] == labels[pair[1]]}
        self.all_far = set(everything) - self.all_near
        self.near, self.far = self.all_near, self.all_far
        self.triplets = {(a, p, n) for (a, p), (b, n) in product(self.near, self.far) if a == b}
        self.possible = len(self.triplets)
        if miner is not None:
            a, p, *rest = (part.tolist() for part in miner.build(CONTEXT)(*batch))
            b, n = rest if len(rest) == 2 else (a, rest[0])
            self.near, self.far = set(zip(a, p, strict=True)), set(zip(b, n, strict=True))
            self.triplets = {(a, p, n) for (a, p), (b, n) in product(self.near, self.far) if a == b}
            if len(rest) == 1:
                self.triplets = set(zip(a, p, rest[0], strict=True))

    def cosine(self, i: int, j: int) -> float:
        return float(self.unit[i] @ self.unit[j])

    def distance(self, i: int, j: int) -> float:
        return math.sqrt(((self.unit[i] - self.unit[j]) ** 2).sum())

    def length(self, i: int, j: int) -> float:
        return math.sqrt(((self.raw[i] - self.raw[j]) ** 2).sum())

    def noise(self, i: int, j: int) -> float:
        return float((self.unit[j] - self.unit[i]).var() / self.unit[i].var())


def pairs(
    positive: Callable[[Sides, int, int], bool], negative: Callable[[Sides, int, int], bool]
) -> Callable[[Sides], tuple[Pairs, Pairs]]:
    return lambda x: ({pair for pair in x.near if positive(x, *pair)}, {pair for pair in x.far if negative(x, *pair)})


def around_means(x: Sides) -> tuple[Pairs, Pairs]:
    near, far = (np.mean([x.cosine(*pair) for pair in found]) for found in (x.near, x.far))
    return pairs(lambda x, i, j: x.cosine(i, j) < 0.9 * near, lambda x, i, j: x.cosine(i, j) > 1.2 * far)(x)


def overlapping(x: Sides) -> tuple[Pairs, Pairs]:
    nearest, farthest = max(x.cosine(*pair) for pair in x.far), min(x.cosine(*pair) for pair in x.near)
    return pairs(lambda x, i, j: x.cosine(i, j) < nearest, lambda x, i, j: x.cosine(i, j) > farthest)(x)


def lifted(x: Sides) -> tuple[Pairs, Pairs]:
    pulled = set()
    for i, j in x.near:
        pushes = [math.exp(0.2 - x.length(*pair)) for pair in x.far if pair[0] in (i, j)]
        if math.log(sum(pushes)) + x.length(i, j) - 0.1 > 0:
            pulled.add((i, j))
    images = {image for pair in pulled for image in pair}
    return pulled, {pair for pair in x.far if pair[0] in images}


def lifted_anchors(x: Sides) -> tuple[Pairs, Pairs]:
    active = set()
    for anchor in range(12):
        pulls = [math.exp(x.length(*pair) - 0.1) for pair in x.near if pair[0] == anchor]
        pushes = [math.exp(0.2 - x.length(*pair)) for pair in x.far if pair[0] == anchor]
        if (math.log(sum(pulls)) if pulls else 0) + (math.log(sum(pushes)) if pushes else 0) > 0:
            active.add(anchor)
    return {pair for pair in x.near if pair[0] in active}, {pair for pair in x.far if pair[0] in active}


RAW = Lp(normalize_embeddings=False)

PAIRS: list[tuple[LibraryLoss, Callable[[Sides], tuple[Pairs, Pairs]]]] = [
    (
        Contrastive(pos_margin=0.9, neg_margin=1.1),
        pairs(lambda x, i, j: x.distance(i, j) > 0.9, lambda x, i, j: x.distance(i, j) < 1.1),
    ),
    (
        Contrastive(pos_margin=0.6, neg_margin=0.1, distance=Cosine()),
        pairs(lambda x, i, j: x.cosine(i, j) < 0.6, lambda x, i, j: x.cosine(i, j) > 0.1),
    ),
    (
        SignalToNoiseRatioContrastive(pos_margin=0.8, neg_margin=1.5),
        pairs(lambda x, i, j: x.noise(i, j) > 0.8, lambda x, i, j: x.noise(i, j) < 1.5),
    ),
    (
        MultiSimilarityLoss(base=0.3),
        pairs(lambda x, i, j: x.cosine(i, j) < 0.3, lambda x, i, j: x.cosine(i, j) > 0.3),
    ),
    (
        MultiSimilarityLoss(base=0.9, distance=Lp()),
        pairs(lambda x, i, j: x.distance(i, j) > 0.9, lambda x, i, j: x.distance(i, j) < 0.9),
    ),
    (Circle(m=0.3), pairs(lambda x, i, j: x.cosine(i, j) < 0.7, lambda x, i, j: x.cosine(i, j) > 0.3)),
    (
        ThresholdConsistentMargin(margin_plus=0.6, margin_minus=0.2),
        pairs(lambda x, i, j: x.cosine(i, j) < 0.6, lambda x, i, j: x.cosine(i, j) > 0.2),
    ),
    (
        Margin(beta=1.0, margin=0.2),
        pairs(lambda x, i, j: x.distance(i, j) > 0.8, lambda x, i, j: x.distance(i, j) < 1.2),
    ),
    (
        Margin(beta=0.4, margin=0.2, learn_beta=True, beta_per_class=True, distance=Cosine()),
        pairs(lambda x, i, j: x.cosine(i, j) < 0.6, lambda x, i, j: x.cosine(i, j) > 0.2),
    ),
    (IntraPairVariance(pos_eps=0.1, neg_eps=0.2), around_means),
    (Histogram(), overlapping),
    (LiftedStructure(neg_margin=0.2, pos_margin=0.1, distance=RAW), lifted),
    (GeneralizedLiftedStructure(neg_margin=0.2, pos_margin=0.1, distance=RAW), lifted_anchors),
]


def share(active: Pairs, of: Pairs) -> float:
    return len(active) / len(of)


def activity(config: LibraryLoss, batch: Batch) -> dict[str, float]:
    module: Any = config.build(CONTEXT)
    return {name: value.item() for name, value in module.activity(*batch).items()}


@pytest.mark.parametrize("miner", MINERS, ids=repr)
@pytest.mark.parametrize(("config", "expected"), PAIRS, ids=lambda value: getattr(value, "name", ""))
def test_pairs(batch: Batch, config: Any, expected: Callable[[Sides], tuple[Pairs, Pairs]], miner: Any) -> None:
    x = Sides(batch, miner)
    pulled, pushed = expected(x)
    assert activity(evolve(config, miner=miner), batch) == pytest.approx(
        {"active_positive_pairs": share(pulled, x.all_near), "active_negative_pairs": share(pushed, x.all_far)}
    )
    assert pulled
    assert pushed
    assert miner is not None or (pulled, pushed) != (x.near, x.far)


def angular(x: Sides) -> Triplets:
    square = math.tan(math.radians(25)) ** 2
    return {
        (a, p, n)
        for a, p, n in permutations(range(12), 3)
        if (a, p) in x.near and (a, n) in x.all_far
        if 4 * square * (x.unit[a] + x.unit[p]) @ x.raw[n] > 2 * (1 + square) * x.unit[a] @ x.unit[p]
    }


def turned(x: Sides) -> Triplets:
    return {(a, p, n) for a, p, n in x.triplets if x.cosine(a, n) > math.cos(math.acos(x.cosine(a, p)) - 0.1)}


def apart(margin: float, swap: bool = False) -> Callable[[Sides], Triplets]:
    def active(x: Sides) -> Triplets:
        return {
            (a, p, n)
            for a, p, n in x.triplets
            if x.distance(a, p) + margin > min(x.distance(a, n), x.distance(p, n) if swap else math.inf)
        }

    return active


TRIPLETS: list[tuple[LibraryLoss, Callable[[Sides], Triplets]]] = [
    (TripletMargin(margin=0.2), apart(0.2)),
    (TripletMargin(margin=0.2, smooth_loss=True), apart(0.2)),
    (TripletMargin(margin=0.2, swap=True), apart(0.2, swap=True)),
    (TripletMargin(margin=0.2, triplets_per_anchor=2), apart(0.2)),
    (DynamicSoftMargin(), apart(0.0)),
    (NTXent(), apart(0.0)),
    (TupletMargin(margin=math.degrees(0.1)), turned),
    (Angular(alpha=25.0), angular),
]


@pytest.mark.parametrize("miner", MINERS, ids=repr)
@pytest.mark.parametrize(("config", "expected"), TRIPLETS, ids=lambda value: getattr(value, "name", ""))
def test_triplets(batch: Batch, config: Any, expected: Callable[[Sides], Triplets], miner: Any) -> None:
    if miner is not None and getattr(config, "triplets_per_anchor", "all") != "all":
        return
    x = Sides(batch, miner)
    active = expected(x)
    assert activity(evolve(config, miner=miner), batch) == pytest.approx(
        {
            "active_triplets": len(active) / x.possible,
            "active_positive_pairs": share({(a, p) for a, p, _ in active}, x.all_near),
            "active_negative_pairs": share({(a, n) for a, _, n in active}, x.all_far),
        }
    )
    assert 0 < len(active) < x.possible


def test_every_loss_on_pairs_or_triplets_has_an_activity() -> None:
    of_modules = {cls for cls in LOSSES if cls.__module__.endswith(("pair_losses", "triplet_losses"))}
    of_terms = {cls for cls in LOSSES if cls.terms in ("pair", "triplet", "proxy")}
    assert {cls.adapts.removeprefix("losses.") for cls in of_modules | of_terms} == set(ACTIVITIES)


@pytest.mark.parametrize(
    "cls", [cls for cls in LOSSES if cls.adapts.removeprefix("losses.") in ACTIVITIES], ids=lambda cls: cls.name
)
def test_activity_changes_nothing_and_is_defined_for_one_class(cls: Any, batch: Batch) -> None:
    module: Any = cls().build(CONTEXT)
    embeddings, labels = batch[0].float(), batch[1]
    state = {name: value.clone() for name, value in module.state_dict().items()}
    module.activity(embeddings, labels)
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    if cls.needs_negatives:
        shares = module.activity(embeddings, torch.zeros_like(labels))
        assert math.isnan(shares["active_negative_pairs"])
        assert all(math.isnan(value) for name, value in shares.items() if name == "active_triplets")
        assert math.isnan(module.activity(embeddings, torch.arange(12))["active_positive_pairs"])


def test_pairs_with_a_memory_are_not_pairs_of_the_batch(batch: Batch) -> None:
    remembering = [cls for cls in LOSSES if "memory" in fields_dict(cls)]
    assert all(activity(cls(memory=Memory(size=20)), batch) == {} for cls in remembering)
