"""The Recall@k surrogate against plain loops, the true Recall@k, and the authors' own code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dmlcore import LossContext
from dmlcore_plugins.losses import recall_at_k_loss
from dmlcore_plugins.losses.recall_at_k import RecallAtK
from dmlcore_plugins.losses.recall_at_k_loss import mixed

CONTEXT = LossContext(embedding_dim=5, num_classes=4)
Batch = tuple[Tensor, Tensor]


def built(**options: Any) -> nn.Module:
    return RecallAtK(**options).build(CONTEXT)


def unit(embeddings: Tensor) -> Tensor:
    return embeddings / embeddings.norm(dim=1, keepdim=True)


def looped(
    cosines: Sequence[Sequence[float]],
    labels: Sequence[int],
    k: Sequence[int],
    softness: Sequence[float],
    temperature: float,
    count_query: bool,
) -> float:
    """The formula, term by term."""

    def sigmoid(x: float, t: float) -> float:
        return 1 / (1 + math.exp(-x / t)) if x / t > -700 else 0.0

    everyone = range(len(labels))
    recalls = []
    for q in everyone:
        positives = [p for p in everyone if p != q and labels[p] == labels[q]]
        ranks = []
        for p in positives:
            listed = [z for z in everyone if z != p and (count_query or z != q)]
            ranks.append(1 + sum(sigmoid(cosines[q][z] - cosines[q][p], temperature) for z in listed))
        if positives:
            for place, tau in zip(k, softness, strict=True):
                found = sum(sigmoid(place - rank, tau) for rank in ranks)
                recalls.append(min(place, found) / min(place, len(positives)))
    return 1 - sum(recalls) / len(recalls)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"count_query": True},
    {"similarity_temperature": 0.3},
    {"k": (1, 3), "k_temperatures": (0.7,), "similarity_temperature": 0.05},
    {"k": (2,), "k_temperatures": (5.0,), "count_query": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equals_the_formula(batch: Batch, options: dict[str, Any]) -> None:
    config = RecallAtK(**options)
    embeddings, labels = batch
    softness = config.k_temperatures if len(config.k_temperatures) > 1 else config.k_temperatures * len(config.k)
    cosines = (unit(embeddings) @ unit(embeddings).T).tolist()
    expected = looped(cosines, labels.tolist(), config.k, softness, config.similarity_temperature, config.count_query)
    value = config.build(CONTEXT)(embeddings, labels)
    assert value.shape == ()
    assert value.item() == pytest.approx(expected, rel=1e-10)


def authors_loss(preds: Tensor, num_id: int, k_vals: Sequence[int], temperatures: Sequence[float]) -> Tensor:
    """RecallatK of yash0307/RecallatK_surrogate for every query, as its train loop sums it; classes lie in a row."""

    def sigmoid(tensor: Tensor, temp: float) -> Tensor:
        return 1.0 / (1.0 + torch.exp(torch.clamp(-tensor / temp, min=-50, max=50)))

    batch_size = len(preds)
    each = batch_size // num_id
    norm_vals = torch.tensor([min(k, each - 1) for k in k_vals], dtype=preds.dtype)
    total = preds.new_zeros(())
    for query in range(batch_size):
        group = query // each
        similarity = (preds[query] * preds).sum(1)
        difference = similarity[:, None] - similarity.view(num_id, each)[group][None]
        above = sigmoid(difference, 0.01)
        keep = torch.ones_like(above)
        for i in range(each):
            keep[group * each + i, i] = 0
        ranks = 1.0 + (above * keep).sum(0)
        recall = preds.new_zeros(())
        for k, temperature, norm in zip(k_vals, temperatures, norm_vals, strict=True):
            hits = sigmoid(k - ranks, temperature)
            found = hits.sum() - hits[query % each]
            recall = recall + torch.minimum(found, torch.tensor(float(k))) / norm
        total = total + (1.0 - recall / len(k_vals)) / batch_size
    return total


def test_equals_the_authors_code_in_value_and_gradient() -> None:
    torch.manual_seed(0)
    embeddings = torch.randn(20, 6, dtype=torch.float64, requires_grad=True)
    labels = torch.arange(5).repeat_interleave(4)
    ours = built(count_query=True)(embeddings, labels)
    theirs = authors_loss(nn.functional.normalize(embeddings, dim=1), 5, (1, 2, 4, 8, 16), (1, 2, 4, 8, 16))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)
    (mine,) = torch.autograd.grad(ours, embeddings)
    (other,) = torch.autograd.grad(theirs, embeddings)
    assert torch.allclose(mine, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("options", [{"similarity_temperature": 0.2}, {"count_query": True}, {"k": (3,)}], ids=str)
def test_gradients(batch: Batch, options: dict[str, Any]) -> None:
    softened = {"similarity_temperature": 0.2, "k_temperatures": (1.0,)} | options
    loss = built(**softened)
    assert torch.autograd.gradcheck(lambda x: loss(x, batch[1]), batch[0].requires_grad_())


@pytest.mark.parametrize("k", [1, 2, 3, 8])
def test_cold_temperatures_give_the_true_recall(batch: Batch, k: int) -> None:
    embeddings, labels = batch
    cosines = unit(embeddings) @ unit(embeddings).T
    expected = []
    for q in range(12):
        order = [z for z in cosines[q].argsort(descending=True).tolist() if z != q]
        places = [place for place, z in enumerate(order, start=1) if labels[z] == labels[q]]
        if places:
            found = sum(place < k for place in places) + 0.5 * (k in places)
            expected.append(min(k, found) / min(k, len(places)))
    cold = built(k=(k,), k_temperatures=(1e-5,), similarity_temperature=1e-9)
    assert 1 - cold(embeddings, labels).item() == pytest.approx(sum(expected) / len(expected), abs=1e-6)


def test_order_and_length_of_the_embeddings_do_not_count(batch: Batch) -> None:
    embeddings, labels = batch
    loss = built()
    value = loss(embeddings, labels).item()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    assert loss(embeddings[order], labels[order]).item() == pytest.approx(value, rel=1e-12)
    assert loss(3 * embeddings, labels).item() == pytest.approx(value, rel=1e-12)
    assert loss(embeddings, 7 - labels).item() == pytest.approx(value, rel=1e-12)


def test_chunks_change_nothing(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = batch[0].clone().requires_grad_()
    whole = built()(embeddings, batch[1])
    (gradient,) = torch.autograd.grad(whole, embeddings)
    monkeypatch.setattr(recall_at_k_loss, "COMPARISONS", 60)  # five pairs at once
    parts = built()(embeddings, batch[1])
    assert parts.item() == pytest.approx(whole.item(), rel=1e-12)
    assert torch.allclose(torch.autograd.grad(parts, embeddings)[0], gradient, rtol=1e-10, atol=1e-14)


def test_memory_grows_with_the_square_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """All comparisons of 400 images of four classes are 63 MB; what is saved for the gradient is far less."""
    monkeypatch.setattr(recall_at_k_loss, "COMPARISONS", 2**20)
    embeddings = torch.randn(400, 8).requires_grad_()
    saved: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: (saved.append(x.nbytes), x)[1], lambda x: x):
        loss = built()(embeddings, torch.arange(4).repeat(100))
    assert sum(saved) < 20e6
    loss.backward()
    assert torch.isfinite(embeddings.grad).all()


def test_mixup_puts_an_image_between_each_pair_of_a_class(batch: Batch) -> None:
    embeddings, labels = batch
    torch.manual_seed(0)
    images, classes = mixed(embeddings, labels)
    sizes = labels.bincount()
    assert classes.bincount().tolist() == (sizes * (sizes + 1) // 2).tolist()
    assert torch.equal(images[:12], embeddings)
    pairs = [(i, j) for i in range(12) for j in range(i + 1, 12) if labels[i] == labels[j]]
    shares = []
    for virtual, label, (i, j) in zip(images[12:], classes[12:], pairs, strict=True):
        assert label == labels[i]
        between, whole = virtual - embeddings[j], embeddings[i] - embeddings[j]
        shares.append((between @ whole / (whole @ whole)).item())
        assert torch.allclose(between, shares[-1] * whole)
    assert 0 <= min(shares) < 0.25
    assert 0.75 < max(shares) <= 1


def test_mixup_is_the_formula_on_the_larger_batch(batch: Batch) -> None:
    config = RecallAtK(mixup=True)
    torch.manual_seed(3)
    value = config.build(CONTEXT)(*batch)
    torch.manual_seed(3)
    images, labels = mixed(unit(batch[0]), batch[1])
    cosines = (images @ images.T).tolist()
    assert value.item() == pytest.approx(
        looped(cosines, labels.tolist(), config.k, config.k_temperatures, 0.01, False), rel=1e-10
    )
    again = config.build(CONTEXT)(*batch)
    assert again != value, "the shares are drawn anew"


def test_degenerate_batches_stay_finite() -> None:
    assert RecallAtK.needs_positives
    assert RecallAtK.needs_negatives
    for labels in (torch.arange(4), torch.zeros(4, dtype=torch.long)):
        for rows in (torch.randn(4, 3), torch.ones(4, 3)):
            embeddings = rows.clone().requires_grad_()
            for mixup in (False, True):
                value = built(mixup=mixup)(embeddings, labels)
                value.backward()
                assert torch.isfinite(value)
                assert torch.isfinite(embeddings.grad).all()
    assert built()(torch.randn(4, 3), torch.arange(4)).item() == 0


def test_activity_is_what_is_ranked_wrongly(batch: Batch) -> None:
    embeddings, labels = batch
    cosines = (unit(embeddings) @ unit(embeddings).T).tolist()
    everyone = range(12)
    positives, negatives = [], []
    for q in everyone:
        own = [cosines[q][p] for p in everyone if p != q and labels[p] == labels[q]]
        other = [cosines[q][n] for n in everyone if labels[n] != labels[q]]
        positives += [p < max(other) for p in own]
        negatives += [bool(own) and n > min(own) for n in other]
    told = {name: share.item() for name, share in built().activity(embeddings, labels).items()}
    assert told == pytest.approx(
        {
            "active_positive_pairs": sum(positives) / len(positives),
            "active_negative_pairs": sum(negatives) / len(negatives),
        }
    )
    assert 0 < told["active_negative_pairs"] < 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": ()}, "k must be different numbers, at least one, not []"),
        ({"k": (1, 1)}, "k must be different numbers, at least one, not [1, 1]"),
        (
            {"k": (1, 2, 4)},
            "k_temperatures has 5 numbers and k has 3: give one temperature for each k, or one for all",
        ),
    ],
    ids=str,
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="k") as caught:
        RecallAtK(**options)
    assert str(caught.value) == message
