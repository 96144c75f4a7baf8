"""The triplet loss against a plain triple loop."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dmlcore import LossContext
from dmlcore_plugins.losses.catalogue.miners import BatchHard, MultiSimilarity
from dmlcore_plugins.losses.triplet import Triplet

CONTEXT = LossContext(embedding_dim=5, num_classes=4)
EVERY = [
    {"distance": distance, "margin": margin}
    for distance, margin in product(("euclidean", "squared_euclidean", "cosine"), (0.05, 0.5))
]


def farness(a: np.ndarray, b: np.ndarray, distance: str) -> float:
    """A number that grows as a and b, of length 1, move apart."""
    if distance == "cosine":
        return -float(a @ b)
    squared = float(((a - b) ** 2).sum())
    return squared if distance == "squared_euclidean" else squared**0.5


def triplets(labels: Tensor) -> list[tuple[int, int, int]]:
    count = range(len(labels))
    return [
        (a, p, n) for a in count for p in count for n in count if a != p and labels[a] == labels[p] != labels[n]
    ]  # fmt: skip


def looped(embeddings: Tensor, chosen: list[tuple[int, int, int]], distance: str, margin: float) -> float:
    """Mean over the terms above zero."""
    rows = embeddings.detach().double().numpy()
    rows = rows / np.sqrt((rows**2).sum(1, keepdims=True))
    terms = [
        farness(rows[a], rows[p], distance) - farness(rows[a], rows[n], distance) + margin for a, p, n in chosen
    ]  # fmt: skip
    above = [value for value in terms if value > 0]
    return sum(above) / len(above) if above else 0.0


def value_of(embeddings: Tensor, labels: Tensor, **options: Any) -> Tensor:
    return Triplet(**options).build(CONTEXT)(embeddings, labels)


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_equals_a_triple_loop(batch: tuple[Tensor, Tensor], options: dict[str, Any]) -> None:
    expected = looped(batch[0], triplets(batch[1]), **options)
    value = value_of(*batch, **options)
    assert value.shape == ()
    assert value.item() == pytest.approx(expected, rel=1e-12)
    assert expected > 0


@pytest.mark.parametrize(
    "options",
    [pytest.param(one, marks=pytest.mark.slow) if one["margin"] == 0.05 else one for one in EVERY],
    ids=str,
)
def test_equals_a_triple_loop_in_float32(large_batch: tuple[Tensor, Tensor], options: dict[str, Any]) -> None:
    value = value_of(*large_batch, **options)
    assert value.item() == pytest.approx(looped(large_batch[0], triplets(large_batch[1]), **options), rel=1e-5)


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_gradients(batch: tuple[Tensor, Tensor], options: dict[str, Any]) -> None:
    embeddings, labels = batch
    loss = Triplet(**options).build(CONTEXT)
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), embeddings.requires_grad_())


def test_the_default_is_the_euclidean_margin_of_the_field(batch: tuple[Tensor, Tensor]) -> None:
    assert value_of(*batch).item() == pytest.approx(looped(batch[0], triplets(batch[1]), "euclidean", 0.1))


def test_a_squared_margin_is_twice_a_cosine_margin(batch: tuple[Tensor, Tensor]) -> None:
    squared = value_of(*batch, distance="squared_euclidean", margin=0.2)
    cosine = value_of(*batch, distance="cosine", margin=0.1)
    assert squared.item() == pytest.approx(2 * cosine.item())


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_collapsed_embeddings_have_the_margin_as_loss(options: dict[str, Any]) -> None:
    value = value_of(torch.ones(6, 5), torch.tensor([0, 0, 1, 1, 2, 2]), **options)
    assert value.item() == pytest.approx(options["margin"], rel=1e-5)


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_separated_classes_have_none(options: dict[str, Any]) -> None:
    embeddings = torch.eye(2).repeat_interleave(3, 0).requires_grad_()
    loss = value_of(embeddings, torch.tensor([0, 0, 0, 1, 1, 1]), **options)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros(6, 2))


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_order_and_length_of_the_embeddings_do_not_count(batch: tuple[Tensor, Tensor], options: dict[str, Any]) -> None:
    embeddings, labels = batch
    value = value_of(embeddings, labels, **options).item()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    assert value_of(embeddings[order], labels[order], **options).item() == pytest.approx(value, rel=1e-12)
    unit_length = nn.functional.normalize(embeddings, dim=1)
    assert value_of(unit_length, labels, **options).item() == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("miner", [BatchHard(), MultiSimilarity()])
def test_triplets_are_made_of_a_miners_picks(batch: tuple[Tensor, Tensor], miner: BatchHard | MultiSimilarity) -> None:
    """Of mined pairs, every positive of an anchor meets every negative of the same anchor."""
    picks = [part.tolist() for part in miner.build(CONTEXT)(*batch)]
    if len(picks) == 4:
        positives, negatives = zip(*picks[:2], strict=True), list(zip(*picks[2:], strict=True))
        chosen = [(a, p, n) for a, p in positives for b, n in negatives if a == b]
    else:
        chosen = list(zip(*picks, strict=True))
    assert 0 < len(chosen) < len(triplets(batch[1]))
    value = value_of(*batch, miner=miner)
    assert value.item() == pytest.approx(looped(batch[0], chosen, "euclidean", 0.1), rel=1e-12)


@pytest.mark.parametrize(("distance", "largest"), [("euclidean", 2), ("cosine", 2), ("squared_euclidean", 4)])
def test_a_margin_that_can_not_be_kept_is_refused(distance: Any, largest: int) -> None:
    assert Triplet(distance=distance, margin=float(largest)).margin == largest
    with pytest.raises(ValueError, match=f'margin = {largest}.5 .*"{distance}" .*at most {largest} farther'):
        Triplet(distance=distance, margin=largest + 0.5)
