"""The shares of active pairs and triplets against plain loops over everything."""

from __future__ import annotations

import math
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import Tensor

from dmlcore import LossContext
from dmlcore_plugins.losses.activity import ACTIVITIES
from dmlcore_plugins.losses.catalogue.class_losses import ProxyAnchor
from dmlcore_plugins.losses.catalogue.miners import BatchHard, MultiSimilarity
from dmlcore_plugins.losses.contrastive import Contrastive
from dmlcore_plugins.losses.miners import TripletMargin
from dmlcore_plugins.losses.triplet import Triplet

CONTEXT = LossContext(embedding_dim=5, num_classes=4)
MINERS = [None, BatchHard(), MultiSimilarity(), TripletMargin(triplets="all", margin=0.4, distance="euclidean")]
Batch = tuple[Tensor, Tensor]


def nearness(embeddings: Tensor) -> dict[tuple[int, int], float]:
    """The cosine of every pair."""
    rows = embeddings.double().numpy()
    rows = rows / np.sqrt((rows**2).sum(1, keepdims=True))
    return {(i, j): float(rows[i] @ rows[j]) for i, j in permutations(range(len(rows)), 2)}


def farness(cosine: float, distance: str) -> float:
    squared = 2 - 2 * cosine
    return {"cosine": -cosine, "euclidean": math.sqrt(squared), "squared_euclidean": squared}[distance]


def picks_of(miner: Any, batch: Batch) -> list[list[int]]:
    return [part.tolist() for part in miner.build(CONTEXT)(*batch)]


def picked_pairs(miner: Any, batch: Batch) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    if miner is None:
        pairs = set(permutations(range(len(batch[1])), 2))
        return pairs, pairs
    a, p, *rest = picks_of(miner, batch)
    others, n = rest if len(rest) == 2 else (a, rest[0])
    return set(zip(a, p, strict=True)), set(zip(others, n, strict=True))


def share(active: list[bool]) -> float:
    return sum(active) / len(active) if active else math.nan


def told(config: Any, batch: Batch) -> dict[str, float]:
    return {name: value.item() for name, value in config.build(CONTEXT).activity(*batch).items()}


@pytest.mark.parametrize("miner", MINERS, ids=repr)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"margin": -0.2, "positive_margin": 0.6},
        {"negative": "gate", "reduction": "anchor_mean", "margin": 0.1},
        {"distance": "euclidean", "margin": 1.2},
        {"distance": "euclidean", "margin": 1.0, "positive_margin": 0.9},
    ],
    ids=str,
)
def test_pairs_of_the_contrastive_loss(batch: Batch, options: dict[str, Any], miner: Any) -> None:
    config = Contrastive(miner=miner, **options)
    inverted = config.distance == "cosine"
    pull = config.positive_margin if config.positive_margin is not None else float(inverted)
    positives, negatives = [], []
    pulled, pushed = picked_pairs(miner, batch)
    for pair, cosine in nearness(batch[0]).items():
        value = cosine if inverted else farness(cosine, "euclidean")
        if batch[1][pair[0]] == batch[1][pair[1]]:
            positives.append(pair in pulled and (pull > value if inverted else value > pull))
        else:
            negatives.append(pair in pushed and (value > config.margin if inverted else config.margin > value))
    expected = {"active_positive_pairs": share(positives), "active_negative_pairs": share(negatives)}
    assert told(config, batch) == pytest.approx(expected)
    assert 0 < expected["active_negative_pairs"] < 1


@pytest.mark.parametrize("miner", [*MINERS, TripletMargin()], ids=repr)
@pytest.mark.parametrize("distance", ["euclidean", "squared_euclidean", "cosine"])
@pytest.mark.parametrize("margin", [0.05, 0.7])
def test_triplets_and_their_pairs(batch: Batch, distance: Any, margin: float, miner: Any) -> None:
    config = Triplet(distance=distance, margin=margin, miner=miner)
    far = {pair: farness(cosine, distance) for pair, cosine in nearness(batch[0]).items()}
    count = range(len(batch[1]))
    same = {(i, j): bool(batch[1][i] == batch[1][j]) for i, j in far}
    every = [(a, p, n) for a, p, n in permutations(count, 3) if same[a, p] and not same[a, n]]
    chosen = set(every)
    if miner is not None:
        whole = (
            evolve(miner, distance=miner.distance or distance, margin=miner.margin or margin)
            if isinstance(miner, TripletMargin)
            else miner
        )
        picks = picks_of(whole, batch)
        if len(picks) == 3:
            chosen = set(zip(*picks, strict=True))
        else:
            positives, negatives = zip(*picks[:2], strict=True), list(zip(*picks[2:], strict=True))
            chosen = {(a, p, n) for (a, p), (b, n) in product(positives, negatives) if a == b}
    active = {(a, p, n) for a, p, n in chosen if far[a, p] - far[a, n] + margin > 0}
    pulled, pushed = {(a, p) for a, p, _ in active}, {(a, n) for a, _, n in active}
    assert told(config, batch) == pytest.approx(
        {
            "active_triplets": len(active) / len(every),
            "active_positive_pairs": share([pair in pulled for pair in far if same[pair]]),
            "active_negative_pairs": share([pair in pushed for pair in far if not same[pair]]),
        }
    )
    assert 0 < len(active) < len(every)


def test_a_triplet_that_is_picked_twice_counts_once(batch: Batch) -> None:
    embeddings, labels = batch
    loss = Triplet(margin=1.9).build(CONTEXT).loss
    once = torch.tensor([[1], [4], [0]])
    twice = once.repeat(1, 2)
    activity = ACTIVITIES["TripletMarginLoss"]
    assert activity(loss, embeddings, labels, tuple(twice)) == activity(loss, embeddings, labels, tuple(once))


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.2])
def test_pairs_of_images_and_proxies(batch: Batch, margin: float) -> None:
    torch.manual_seed(0)
    loss = ProxyAnchor(margin=margin).build(CONTEXT).double()
    embeddings, labels = batch
    cosines = torch.nn.functional.cosine_similarity(embeddings[:, None], loss.loss.proxies.detach(), dim=2)
    own, others = [], []
    for image, proxy in product(range(12), range(4)):
        if labels[image] == proxy:
            own.append(cosines[image, proxy].item() < margin)
        else:
            others.append(cosines[image, proxy].item() > -margin)
    expected = {"active_positive_pairs": share(own), "active_negative_pairs": share(others)}
    assert {name: value.item() for name, value in loss.activity(*batch).items()} == pytest.approx(expected)
    assert 0 < share(own) < 1
    assert 0 < share(others) < 1


def test_proxies_meet_embeddings_of_another_precision(batch: Batch) -> None:
    loss = ProxyAnchor().build(CONTEXT)
    single = loss.activity(batch[0].float(), batch[1])
    assert loss.activity(*batch) == single
    assert loss.loss.proxies.dtype == torch.float32


@pytest.mark.parametrize(
    "config", [Contrastive(), Triplet(), Triplet(miner=BatchHard()), Contrastive(miner=BatchHard())]
)
def test_shares_of_nothing_are_not_numbers(config: Any) -> None:
    embeddings = torch.eye(5)
    alone = told(config, (embeddings, torch.arange(5)))
    assert {name for name, value in alone.items() if math.isnan(value)} == set(alone) - {"active_negative_pairs"}
    together = told(config, (embeddings, torch.zeros(5, dtype=torch.long)))
    assert {name for name, value in together.items() if math.isnan(value)} == set(alone) - {"active_positive_pairs"}


def test_separated_classes_have_no_active_triplet_and_collapsed_ones_have_all() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    assert set(told(Triplet(), (torch.eye(2).repeat_interleave(3, 0), labels)).values()) == {0}
    assert set(told(Triplet(), (torch.ones(6, 2), labels)).values()) == {1}


def test_a_batch_is_mined_once(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    loss = Triplet(miner=BatchHard()).build(CONTEXT)
    mine, mined = loss.miner.forward, []
    monkeypatch.setattr(loss.miner, "forward", lambda *given: (mined.append(given), mine(*given))[1])
    embeddings, labels = batch
    fresh = loss.activity(embeddings, labels)
    loss(embeddings.requires_grad_(), labels).backward()
    assert len(mined) == 2
    assert loss.activity(embeddings.detach(), labels) == fresh
    assert len(mined) == 2, "it is what the loss was made of"
    assert loss.activity(embeddings.detach().flip(0), labels) != fresh
    assert loss.activity(embeddings.detach().flip(0), labels.flip(0))["active_triplets"] == fresh["active_triplets"]
    assert len(mined) == 4
    assert loss.state_dict() == {}
