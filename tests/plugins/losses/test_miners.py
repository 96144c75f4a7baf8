"""Miners against plain loops, and how a miner takes distance and margin from its loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dmlcore import LossContext, MinerConfig, StudyError
from dmlcore_plugins.losses.catalogue.miners import BatchHard, MultiSimilarity
from dmlcore_plugins.losses.contrastive import Contrastive
from dmlcore_plugins.losses.miners import TripletMargin
from dmlcore_plugins.losses.triplet import Triplet

CONTEXT = LossContext(embedding_dim=5, num_classes=4)
Batch = tuple[Tensor, Tensor]


def cosines(embeddings: Tensor) -> np.ndarray:
    rows = embeddings.double().numpy()
    rows = rows / np.sqrt((rows**2).sum(1, keepdims=True))
    return rows @ rows.T


def farness(embeddings: Tensor, distance: str) -> np.ndarray:
    """(B, B) numbers that grow as two embeddings move apart."""
    s = cosines(embeddings)
    squared = (2 - 2 * s).clip(min=0)
    return {"cosine": -s, "euclidean": np.sqrt(squared), "squared_euclidean": squared}[distance]


def picked(miner: MinerConfig, batch: Batch) -> tuple[Tensor, ...]:
    return miner.build(CONTEXT)(*batch)


def as_triplets(picks: tuple[Tensor, ...]) -> list[tuple[int, ...]]:
    return sorted(zip(*(part.tolist() for part in picks), strict=True))


def triplets_by_gap(batch: Batch, distance: str, above: float, up_to: float) -> list[tuple[int, ...]]:
    """Every triplet whose gap is in (above, up_to], by a triple loop."""
    far, labels = farness(batch[0], distance).tolist(), batch[1].tolist()
    count = range(len(labels))
    return [
        (a, p, n)
        for a in count
        for p in count
        for n in count
        if a != p and labels[a] == labels[p] != labels[n] and above < far[a][n] - far[a][p] <= up_to
    ]


@pytest.mark.parametrize("distance", ["euclidean", "squared_euclidean", "cosine"])
@pytest.mark.parametrize("margin", [0.1, 0.6])
@pytest.mark.parametrize("batch_name", ["batch", "large_batch"])
def test_triplet_margin_picks_by_the_gap(
    request: pytest.FixtureRequest, batch_name: str, distance: Any, margin: float
) -> None:
    batch: Batch = request.getfixturevalue(batch_name)
    batch = batch[0].double(), batch[1]
    chosen = {
        triplets: as_triplets(picked(TripletMargin(triplets=triplets, distance=distance, margin=limit), batch))
        for triplets, limit in (("all", margin), ("semihard", margin), ("hard", None))
    }
    assert chosen["hard"] == triplets_by_gap(batch, distance, -np.inf, 0)
    assert chosen["semihard"] == triplets_by_gap(batch, distance, 0, margin)
    assert chosen["all"] == sorted(chosen["hard"] + chosen["semihard"])
    assert chosen["hard"]
    assert chosen["semihard"]


def test_a_gap_of_zero_is_hard_not_semihard() -> None:
    """Anchor, and a positive and a negative that are equally far."""
    batch = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.6, -0.8]]), torch.tensor([0, 0, 1])
    semihard = TripletMargin(triplets="semihard", distance="cosine", margin=0.5)
    assert (0, 1, 2) in as_triplets(picked(TripletMargin(triplets="hard", distance="cosine"), batch))
    assert (0, 1, 2) not in as_triplets(picked(semihard, batch))


def test_batch_hard_picks_the_farthest_positive_and_the_nearest_negative(batch: Batch) -> None:
    for distance in ("euclidean", "squared_euclidean", "cosine"):
        far, labels = farness(batch[0], distance), batch[1]
        expected = []
        for a in range(len(labels)):
            positives = [p for p in range(len(labels)) if p != a and labels[p] == labels[a]]
            negatives = [n for n in range(len(labels)) if labels[n] != labels[a]]
            if positives and negatives:
                expected.append((a, max(positives, key=lambda p: far[a, p]), min(negatives, key=lambda n: far[a, n])))
        assert as_triplets(picked(BatchHard(), batch)) == expected
        assert len(expected) == 11, "the class of one image has no positive"


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5])
def test_multi_similarity_picks_pairs_hard_beside_the_others(batch: Batch, epsilon: float) -> None:
    s, labels = cosines(batch[0]), batch[1]
    positive_pairs, negative_pairs = [], []
    for a in range(len(labels)):
        positives = [p for p in range(len(labels)) if p != a and labels[p] == labels[a]]
        negatives = [n for n in range(len(labels)) if labels[n] != labels[a]]
        if not positives:
            continue
        nearest, farthest = max(s[a, n] for n in negatives), min(s[a, p] for p in positives)
        positive_pairs += [(a, p) for p in positives if s[a, p] - epsilon < nearest]
        negative_pairs += [(a, n) for n in negatives if s[a, n] + epsilon > farthest]
    picks = picked(MultiSimilarity(epsilon=epsilon), batch)
    assert as_triplets(picks[:2]) == positive_pairs
    assert as_triplets(picks[2:]) == negative_pairs
    assert positive_pairs
    assert negative_pairs


@pytest.mark.parametrize(
    "miner",
    [TripletMargin(distance="euclidean", margin=0.2), TripletMargin(triplets="hard", distance="cosine"),
     BatchHard(), MultiSimilarity()],
)  # fmt: skip
@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]], ids=["no negative", "no positive"])
def test_nothing_is_picked_where_there_is_nothing(miner: MinerConfig, labels: list[int]) -> None:
    embeddings = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]])
    picks = picked(miner, (embeddings, torch.tensor(labels)))
    assert {len(part) for part in picks} == {0}
    assert all(part.dtype == torch.long for part in picks)
    loss = Triplet(miner=miner).build(CONTEXT)(embeddings.requires_grad_(), torch.tensor(labels))
    loss.backward()
    assert loss.item() == 0


@pytest.mark.parametrize("distance", ["euclidean", "squared_euclidean", "cosine"])
def test_a_miner_left_open_takes_margin_and_distance_of_the_triplet_loss(batch: Batch, distance: Any) -> None:
    values = [
        Triplet(distance=distance, margin=0.3, miner=miner).build(CONTEXT)(*batch).item()
        for miner in (TripletMargin(), TripletMargin(margin=0.3, distance=distance))
    ]
    assert values[0] == values[1] > 0


def test_what_the_miner_says_itself_holds(batch: Batch) -> None:
    """Semi-hard triplets of the cosine margin 0.05 have euclidean terms of their own."""
    miner = TripletMargin(margin=0.05, distance="cosine")
    losses = [Triplet(margin=0.3, miner=m).build(CONTEXT)(*batch).item() for m in (miner, TripletMargin())]
    chosen = triplets_by_gap(batch, "cosine", 0, 0.05)
    far = farness(batch[0], "euclidean")
    terms = [max(far[a, p] - far[a, n] + 0.3, 0) for a, p, n in chosen]
    assert losses[0] == pytest.approx(sum(terms) / sum(term > 0 for term in terms))
    assert losses[0] != losses[1]


def test_all_triplets_of_the_losss_margin_change_nothing(batch: Batch) -> None:
    with_miner = Triplet(miner=TripletMargin(triplets="all")).build(CONTEXT)(*batch)
    assert with_miner.item() == pytest.approx(Triplet().build(CONTEXT)(*batch).item(), rel=1e-12)


def test_the_contrastive_loss_has_no_margin_to_give(batch: Batch) -> None:
    miner = TripletMargin(margin=0.2)
    taken = Contrastive(miner=miner).build(CONTEXT)(*batch).item()
    assert taken == Contrastive(miner=TripletMargin(margin=0.2, distance="cosine")).build(CONTEXT)(*batch).item()
    assert Contrastive(miner=TripletMargin(triplets="hard")).build(CONTEXT)(*batch).item() > 0
    with pytest.raises(ValueError, match=r'"semihard" needs a margin .*set miner.margin'):
        Contrastive(miner=TripletMargin())


@pytest.mark.parametrize(
    ("miner", "name", "example"),
    [
        (TripletMargin(triplets="all", margin=0.1), "distance", '"euclidean"'),
        (TripletMargin(triplets="all", distance="cosine"), "margin", "0.1"),
    ],
)
def test_another_plugins_loss_gives_neither(miner: TripletMargin, name: str, example: str) -> None:
    with pytest.raises(StudyError, match=f'"all" needs a {name}.* Set loss.miner.{name}, such as {example}'):
        miner.build(CONTEXT)


def test_hard_triplets_have_no_margin() -> None:
    with pytest.raises(ValueError, match=r'triplets = "hard" .*margin'):
        TripletMargin(triplets="hard", margin=0.1)
