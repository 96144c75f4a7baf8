"""The contextual loss against plain loops and the authors' own code."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dmlcore import LossContext
from dmlcore_plugins.losses.contextual import Contextual
from dmlcore_plugins.losses.contextual_loss import contextual_similarity

CONTEXT = LossContext(embedding_dim=5, num_classes=4)
Batch = tuple[Tensor, Tensor]


def unit(embeddings: Tensor) -> Tensor:
    return embeddings / embeddings.norm(dim=1, keepdim=True)


def looped_similarity(cosines: list[list[float]], k: int, tolerance: float) -> list[list[float]]:
    """The definition of J with sets."""
    everyone = range(len(cosines))
    far = [[max(0.0, 2 - 2 * cosine) for cosine in row] for row in cosines]

    def near(i: int, size: int) -> set[int]:
        border = sorted(far[i])[min(size, len(far)) - 1]
        return {j for j in everyone if far[i][j] <= border + tolerance}

    sets = [near(i, k) for i in everyone]
    halves = [near(i, k // 2) for i in everyone]
    outside = [set(everyone) - own for own in sets]

    def w(i: int, j: int) -> float:
        if j not in sets[i]:
            return 0
        out = len(outside[i] & outside[j]) / len(outside[i]) if outside[i] else 0
        return (len(sets[i] & sets[j]) / len(sets[i]) + out) / 2

    mutual = [[j for j in everyone if j in halves[i] and i in halves[j]] for i in everyone]
    c = [[sum(w(m, j) for m in mutual[i]) / len(mutual[i]) for j in everyone] for i in everyone]
    return [[(c[i][j] + c[j][i]) / 2 for j in everyone] for i in everyone]


def looped(config: Contextual, batch: Batch) -> float:
    """The formula, term by term."""
    cosines = (unit(batch[0]) @ unit(batch[0]).T).tolist()
    labels = batch[1].tolist()
    similarity = looped_similarity(cosines, config.neighbors, config.tolerance)
    wrong, pulled, pushed = 0.0, [], []
    for i, first in enumerate(labels):
        for j, second in enumerate(labels):
            if i != j and first == second:
                wrong += (1 - similarity[i][j]) ** 2
                pulled.append(max(config.positive_margin - cosines[i][j], 0))
            elif i != j:
                wrong += similarity[i][j] ** 2
                pushed.append(max(cosines[i][j] - config.margin, 0))

    def mean(values: list[float]) -> float:
        active = [value for value in values if value > 0]
        return sum(active) / len(active) if active else 0

    spread = (sum(map(sum, cosines)) / len(labels) ** 2 - config.mean_similarity) ** 2
    rest = 1 - config.context_weight - config.spread_weight
    return (
        config.context_weight * wrong / len(labels) ** 2
        + config.spread_weight * spread
        + rest * (mean(pulled) + mean(pushed))
    )


OPTIONS: list[dict[str, Any]] = [
    {},
    {"neighbors": 5, "tolerance": 0.3},
    {"neighbors": 2, "context_weight": 1.0, "spread_weight": 0.0},
    {"margin": -0.2, "positive_margin": 0.4, "mean_similarity": 0.6, "spread_weight": 0.5},
    {"neighbors": 20},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equals_the_formula(batch: Batch, options: dict[str, Any]) -> None:
    config = Contextual(**options)
    value = config.build(CONTEXT)(*batch)
    assert value.shape == ()
    assert value.item() == pytest.approx(looped(config, batch), rel=1e-10)


class GreaterThan(torch.autograd.Function):
    """As in the authors' losses.py."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        return (x >= y).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        return gradients[0] * 10.0, -gradients[0] * 10.0


def authors_loss(features: Tensor, labels: Tensor, k: int = 4) -> Tensor:
    """The hybrid loss of losses.py and main.py, with the latter's defaults."""
    features = nn.functional.normalize(features)
    scores = features @ features.T
    w = (labels[:, None] == labels).to(scores.dtype)
    distances = (2.0 - 2.0 * scores).clamp(min=0.0)
    vk, _ = (-distances).topk(k)
    near = GreaterThan.apply(-distances + 0.05, vk[:, -1:].detach())
    intersection = (near @ near.T) / near.sum(1, keepdim=True).detach()
    far = 1.0 - near
    intersection_not = (far @ far.T) / far.sum(1, keepdim=True).detach()
    w_tilde = 0.5 * (intersection + intersection_not) * near
    half = GreaterThan.apply(-distances + 0.05, vk[:, (k // 2) - 1 : (k // 2)].detach())
    mutual = half * half.T
    jaccard = (mutual @ w_tilde) / mutual.sum(1, keepdim=True)
    jaccard = 0.5 * (jaccard + jaccard.T)

    others = torch.ones_like(jaccard) - torch.eye(len(jaccard))
    context = ((1.0 - jaccard).square() * w * others).sum() + (jaccard.square() * (1.0 - w) * others).sum()
    context = context / len(jaccard) / len(jaccard)
    pulled, pushed = (0.75 - scores).relu() * w, (scores - 0.6).relu() * (1.0 - w)
    contrast = pulled.sum() / (pulled > 0).sum() + pushed.sum() / (pushed > 0).sum()
    return 0.4 * context + 0.1 * (scores.mean() - 0.25).square() + 0.5 * contrast


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_authors_code_in_value_and_gradient(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(8).repeat_interleave(4)
    centres = torch.randn(8, 6, generator=generator, dtype=torch.float64)
    noise = torch.randn(32, 6, generator=generator, dtype=torch.float64)
    embeddings = (centres[labels] + 0.8 * noise).requires_grad_()
    ours, theirs = Contextual().build(CONTEXT)(embeddings, labels), authors_loss(embeddings, labels)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)
    (mine,) = torch.autograd.grad(ours, embeddings)
    (other,) = torch.autograd.grad(theirs, embeddings)
    assert torch.allclose(mine, other, rtol=1e-9, atol=1e-13)


def test_gradients_of_what_has_true_ones(batch: Batch) -> None:
    loss = Contextual(context_weight=0.0, spread_weight=0.4).build(CONTEXT)
    assert torch.autograd.gradcheck(lambda x: loss(x, batch[1]), batch[0].requires_grad_())


def test_order_and_length_of_the_embeddings_do_not_count(batch: Batch) -> None:
    embeddings, labels = batch
    loss = Contextual().build(CONTEXT)
    value = loss(embeddings, labels).item()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    assert loss(embeddings[order], labels[order]).item() == pytest.approx(value, rel=1e-12)
    assert loss(3 * embeddings, labels).item() == pytest.approx(value, rel=1e-12)


def test_separated_classes_agree_wholly() -> None:
    """Of eight images of two classes, far apart, each has its own class as its four neighbours."""
    labels = torch.tensor([0, 1]).repeat_interleave(4)
    cosines = torch.eye(2)[labels] @ torch.eye(2)[labels].T
    similarity = contextual_similarity(cosines, 4, 0.05, 10.0)
    assert torch.equal(similarity, (labels[:, None] == labels).float())


def test_degenerate_batches_stay_finite() -> None:
    assert Contextual.needs_positives
    assert Contextual.needs_negatives
    for labels in (torch.arange(6), torch.zeros(6, dtype=torch.long), torch.tensor([0, 0, 0, 1, 1, 1])):
        for rows in (torch.randn(6, 3), torch.ones(6, 3), torch.eye(6)):
            embeddings = rows.clone().requires_grad_()
            value = Contextual().build(CONTEXT)(embeddings, labels)
            value.backward()
            assert torch.isfinite(value)
            assert torch.isfinite(embeddings.grad).all()


def test_activity_is_that_of_the_contrastive_term(batch: Batch) -> None:
    cosines = (unit(batch[0]) @ unit(batch[0]).T).tolist()
    pairs = [(i, j) for i in range(12) for j in range(12) if i != j]
    positives = [cosines[i][j] < 0.75 for i, j in pairs if batch[1][i] == batch[1][j]]
    negatives = [cosines[i][j] > 0.6 for i, j in pairs if batch[1][i] != batch[1][j]]
    told = {name: share.item() for name, share in Contextual().build(CONTEXT).activity(*batch).items()}
    assert told == pytest.approx(
        {
            "active_positive_pairs": sum(positives) / len(positives),
            "active_negative_pairs": sum(negatives) / len(negatives),
        }
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"context_weight": 0.7, "spread_weight": 0.5},
            r"context_weight \(0.7\) and spread_weight \(0.5\) .*more than 1",
        ),
        ({"positive_margin": 0.5}, "positive_margin = 0.5 .*margin = 0.6 .*set 0.6 or more"),
    ],
    ids=str,
)
def test_options_that_cannot_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Contextual(**options)
