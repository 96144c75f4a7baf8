"""The contrastive loss against plain double loops, in every combination of its options."""

from __future__ import annotations

import math
from itertools import product
from typing import Any, Literal

import numpy as np
import pytest
import torch
from attrs import frozen
from torch import Tensor, nn

from dmlcore import LossContext, MinerConfig
from dmlcore_plugins.losses.contrastive import Contrastive

CONTEXT = LossContext(embedding_dim=5, num_classes=4)

OPTIONS = [
    {"distance": "cosine"},
    {"distance": "cosine", "margin": -0.2},
    {"distance": "cosine", "margin": 0.3, "positive_margin": 0.8},
    {"distance": "cosine", "negative": "gate"},
    {"distance": "cosine", "negative": "gate", "margin": 0.0},
    {"distance": "euclidean"},
    {"distance": "euclidean", "margin": 1.5, "positive_margin": 0.2},
]
EVERY = [options | {"reduction": reduction} for options, reduction in product(OPTIONS, ("nonzero_mean", "anchor_mean"))]


def unit(vector: Tensor) -> np.ndarray:
    values = vector.detach().double().numpy()
    return values / np.sqrt((values**2).sum())


def term(a: np.ndarray, b: np.ndarray, same: bool, options: dict[str, Any]) -> float:
    """What one pair counts, as the docstring has it."""
    margin = options.get("margin", 0.5)
    if options["distance"] == "cosine":
        s = float(a @ b)
        if same:
            return max(options.get("positive_margin", 1.0) - s, 0.0)
        if options.get("negative") == "gate":
            return s if s > margin else 0.0
        return max(s - margin, 0.0)
    d = math.sqrt(float(((a - b) ** 2).sum()))
    return max(d - options.get("positive_margin", 0.0), 0.0) if same else max(margin - d, 0.0)


def looped(embeddings: Tensor, labels: Tensor, pairs: list[tuple[int, int]], options: dict[str, Any]) -> float:
    """The loss over ordered pairs, with both reductions written out."""
    rows = [unit(row) for row in embeddings]
    terms: dict[bool, list[float]] = {True: [], False: []}
    by_anchor = [0.0] * len(rows)
    for i, j in pairs:
        same = bool(labels[i] == labels[j])
        value = term(rows[i], rows[j], same, options)
        terms[same].append(value)
        by_anchor[i] += value
    if options.get("reduction", "nonzero_mean") == "anchor_mean":
        return sum(by_anchor) / len(by_anchor)
    above = [[value for value in values if value > 0] for values in terms.values()]
    return sum(sum(values) / len(values) for values in above if values)


def all_pairs(count: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(count) for j in range(count) if i != j]


def value_of(embeddings: Tensor, labels: Tensor, **options: Any) -> Tensor:
    return Contrastive(**options).build(CONTEXT)(embeddings, labels)


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_equals_a_double_loop(batch: tuple[Tensor, Tensor], options: dict[str, Any]) -> None:
    expected = looped(*batch, all_pairs(12), options)
    value = value_of(*batch, **options)
    assert value.shape == ()
    assert value.item() == pytest.approx(expected, rel=1e-12)
    assert expected > 0.05, "the case would prove nothing"


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_equals_a_double_loop_in_float32(large_batch: tuple[Tensor, Tensor], options: dict[str, Any]) -> None:
    value = value_of(*large_batch, **options)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(looped(*large_batch, all_pairs(60), options), rel=1e-5)


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_gradients(batch: tuple[Tensor, Tensor], options: dict[str, Any]) -> None:
    embeddings, labels = batch
    loss = Contrastive(**options).build(CONTEXT)
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), embeddings.requires_grad_())


def corners() -> tuple[Tensor, Tensor]:
    """Two classes of two in the plane, at 0°, 60° and 30°, 90°: cosines 0.5, √3/2 and 0 by hand."""
    angles = torch.tensor([0.0, 60.0, 30.0, 90.0], dtype=torch.float64).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], 1), torch.tensor([0, 0, 1, 1])


R = math.sqrt(3) / 2
"""cos 30°; of the four negative pairs three are at 30°, one at 90°."""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 0.5 + (R - 0.5)),
        ({"reduction": "anchor_mean"}, (4 * 0.5 + 6 * (R - 0.5)) / 4),
        ({"negative": "gate"}, 0.5 + R),
        ({"negative": "gate", "reduction": "anchor_mean"}, (4 * 0.5 + 6 * R) / 4),
        ({"margin": 0.9}, 0.5),
        ({"positive_margin": 0.5, "margin": 0.5}, R - 0.5),
        ({"distance": "euclidean", "margin": 0.75}, 1 + (0.75 - math.sqrt(2 - 2 * R))),
        ({"distance": "euclidean", "margin": 0.75, "reduction": "anchor_mean"},
         (4 * 1 + 6 * (0.75 - math.sqrt(2 - 2 * R))) / 4),
    ],
    ids=str,
)  # fmt: skip
def test_numbers_worked_out_by_hand(options: dict[str, Any], expected: float) -> None:
    assert value_of(*corners(), **options).item() == pytest.approx(expected, rel=1e-9)


def published(similarity: Tensor, labels: Tensor, margin: float) -> float:
    """The loss of the repository Deep_Metric, its steps written anew: for each anchor the positives below
    similarity 1 and the negatives above the margin; the sum of all, divided by the batch.
    """
    total = 0.0
    for anchor in range(len(labels)):
        for other in range(len(labels)):
            s = similarity[anchor, other].item()
            if labels[anchor] == labels[other] and s < 1:
                total += 1 - s
            elif labels[anchor] != labels[other] and s > margin:
                total += s
    return total / len(labels)


@pytest.mark.parametrize("margin", [0.1, 0.5, 0.7])
def test_gate_and_anchor_mean_are_the_published_code(batch: tuple[Tensor, Tensor], margin: float) -> None:
    embeddings, labels = batch
    directions = nn.functional.normalize(embeddings, dim=1)
    expected = published(directions @ directions.T, labels, margin)
    value = value_of(embeddings, labels, negative="gate", reduction="anchor_mean", margin=margin)
    assert value.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("reduction", ["nonzero_mean", "anchor_mean"])
def test_a_gate_has_the_gradient_of_the_hinge(
    batch: tuple[Tensor, Tensor], reduction: Literal["nonzero_mean", "anchor_mean"]
) -> None:
    embeddings, labels = batch
    embeddings.requires_grad_()
    gradients = []
    for negative in ("hinge", "gate"):
        loss = value_of(embeddings, labels, negative=negative, reduction=reduction)
        gradients.append(torch.autograd.grad(loss, embeddings)[0])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-12, atol=1e-15)
    assert gradients[0].abs().max() > 0


def test_the_same_margin_on_both_axes_lets_the_same_negatives_count(batch: tuple[Tensor, Tensor]) -> None:
    embeddings, labels = batch
    embeddings.requires_grad_()
    pushed = []
    for distance, margin in (("cosine", 0.5), ("euclidean", 1.0)):
        # Positives that never count, so that only negatives have a gradient.
        easy = {"cosine": 0.5, "euclidean": 1.0}[distance]
        near = torch.arange(len(labels))
        loss = value_of(embeddings, near, distance=distance, margin=margin, positive_margin=easy)
        pushed.append(torch.autograd.grad(loss, embeddings)[0].abs().sum(1) > 0)
    assert torch.equal(pushed[0], pushed[1])
    assert 0 < pushed[0].sum() < len(labels)


def test_collapsed_embeddings_have_a_loss_by_default() -> None:
    embeddings = torch.ones(6, 5)
    assert value_of(embeddings, torch.tensor([0, 0, 1, 1, 2, 2])).item() == pytest.approx(0.5)


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_separated_classes_have_none(options: dict[str, Any]) -> None:
    embeddings = torch.eye(2).repeat_interleave(3, 0).requires_grad_()
    if options.get("margin", 0.5) < 0 or options.get("margin") == 1.5:
        embeddings = (embeddings - 0.5).detach().requires_grad_()
    loss = value_of(embeddings, torch.tensor([0, 0, 0, 1, 1, 1]), **options)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    loss.backward()
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]], ids=["no negative", "no positive"])
def test_one_sort_of_pairs_is_enough(labels: list[int]) -> None:
    embeddings = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]], dtype=torch.float64)
    classes = torch.tensor(labels)
    expected = looped(embeddings, classes, all_pairs(3), {"distance": "cosine"})
    assert value_of(embeddings, classes).item() == pytest.approx(expected)
    assert expected > 0


@pytest.mark.parametrize("options", EVERY, ids=str)
def test_order_and_length_of_the_embeddings_do_not_count(batch: tuple[Tensor, Tensor], options: dict[str, Any]) -> None:
    embeddings, labels = batch
    value = value_of(embeddings, labels, **options).item()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    assert value_of(embeddings[order], labels[order], **options).item() == pytest.approx(value, rel=1e-12)
    unit_length = nn.functional.normalize(embeddings, dim=1)
    assert value_of(unit_length, labels, **options).item() == pytest.approx(value, rel=1e-12)


class Fixed(nn.Module):
    def __init__(self, picks: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.picks = picks

    def forward(self, embeddings: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        assert not torch.is_grad_enabled()
        return self.picks


@frozen
class Picks(MinerConfig):
    """A miner that picks what it is told."""

    name = "picks"
    indices: tuple[list[int], ...] = ()

    def build(self, context: LossContext) -> Fixed:
        return Fixed(tuple(torch.tensor(part, dtype=torch.long) for part in self.indices))


PICKED = {
    "pairs": ([2, 3], [5, 8], [0, 1, 9], [6, 7, 4]),
    "triplets": ([2, 2, 3], [5, 5, 8], [0, 1, 4]),
    "a single triplet": ([2], [5], [0]),
    "negatives alone": ([], [], [0, 1], [6, 7]),
}


@pytest.mark.parametrize("options", EVERY, ids=str)
@pytest.mark.parametrize("indices", PICKED.values(), ids=PICKED)
def test_a_miner_says_which_pairs_count(
    batch: tuple[Tensor, Tensor], indices: tuple[list[int], ...], options: dict[str, Any]
) -> None:
    anchors, positives, others, negatives = indices if len(indices) == 4 else (*indices[:2], indices[0], indices[2])
    pairs = [*zip(anchors, positives, strict=True), *zip(others, negatives, strict=True)]
    value = value_of(*batch, miner=Picks(indices=indices), **options)
    assert value.item() == pytest.approx(looped(*batch, pairs, options), rel=1e-12)


def test_no_pairs_give_a_zero_that_can_be_trained_on(batch: tuple[Tensor, Tensor]) -> None:
    embeddings, labels = batch
    loss = value_of(embeddings.requires_grad_(), labels, miner=Picks(indices=([], [], [], [])))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros_like(embeddings))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"distance": "euclidean", "negative": "gate"}, 'negative = "gate" .*distance = "cosine" only'),
        ({"margin": 1.2}, 'margin = 1.2 .*"cosine" .*between -1 and 1'),
        ({"distance": "euclidean", "margin": 2.5}, 'margin = 2.5 .*"euclidean" .*between 0 and 2'),
        ({"positive_margin": -1.5}, 'positive_margin = -1.5 .*"cosine" .*between -1 and 1'),
        ({"margin": 1.0}, 'margin = 1 .*"cosine" .*try 0.5'),
        ({"distance": "euclidean", "margin": 0.0}, 'margin = 0 .*"euclidean" .*try 1'),
        ({"negative": "gate", "margin": -0.1}, 'margin = -0.1 .*"gate" .*"hinge"'),
        ({"positive_margin": 0.4}, "positive_margin = 0.4 .*margin = 0.5 .*0.5 or nearer to 1"),
        (
            {"distance": "euclidean", "positive_margin": 0.6},
            "positive_margin = 0.6 .*margin = 0.5 .*0.5 or nearer to 0",
        ),
        ({"margin": math.nan}, "margin must be a number, not nan"),
    ],
)
def test_margins_that_mean_nothing_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Contrastive(**options)
