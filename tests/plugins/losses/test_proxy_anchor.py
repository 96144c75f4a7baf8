"""Proxy-Anchor against the paper's equation, and what its proxies need."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dmlcore import LossContext
from dmlcore_plugins.losses.catalogue.class_losses import ProxyAnchor

CONTEXT = LossContext(embedding_dim=5, num_classes=6)
"""Two classes more than the batch has."""


def built(**options: float) -> nn.Module:
    torch.manual_seed(0)
    return ProxyAnchor(**options).build(CONTEXT)


def looped(embeddings: Tensor, labels: Tensor, proxies: Tensor, margin: float = 0.1, alpha: float = 32.0) -> float:
    """Equation 4 of the paper, term by term."""

    def cosine(x: np.ndarray, p: np.ndarray) -> float:
        return float(x @ p) / math.sqrt(float(x @ x) * float(p @ p))

    rows, anchors = embeddings.detach().double().numpy(), proxies.detach().double().numpy()
    pulled, pushed, with_positives = 0.0, 0.0, 0
    for c, p in enumerate(anchors):
        positives = [x for x, label in zip(rows, labels, strict=True) if label == c]
        negatives = [x for x, label in zip(rows, labels, strict=True) if label != c]
        if positives:
            with_positives += 1
            pulled += math.log(1 + sum(math.exp(-alpha * (cosine(x, p) - margin)) for x in positives))
        pushed += math.log(1 + sum(math.exp(alpha * (cosine(x, p) + margin)) for x in negatives))
    return pulled / with_positives + pushed / len(anchors)


@pytest.mark.parametrize("options", [{}, {"margin": 0.3}, {"alpha": 4.0}, {"margin": 0.0, "alpha": 64.0}], ids=str)
def test_equals_the_equation(batch: tuple[Tensor, Tensor], options: dict[str, float]) -> None:
    loss = built(**options)
    loss.double()
    value = loss(*batch)
    assert value.shape == ()
    assert value.item() == pytest.approx(looped(*batch, loss.loss.proxies, **options), rel=1e-9)


def test_one_image_is_a_batch() -> None:
    assert not ProxyAnchor.needs_positives
    assert not ProxyAnchor.needs_negatives
    loss = built()
    embeddings, labels = torch.tensor([[1.0, 2, 3, 4, 5]], requires_grad=True), torch.tensor([3])
    value = loss(embeddings, labels)
    value.backward()
    assert value.item() == pytest.approx(looped(embeddings, labels, loss.loss.proxies), rel=1e-5)
    assert loss.loss.proxies.grad.abs().sum(1).gt(0).sum() >= 2


def test_gradients_of_embeddings_and_proxies(batch: tuple[Tensor, Tensor]) -> None:
    embeddings, labels = batch
    loss = built(alpha=8.0).double()

    def at(x: Tensor, proxies: Tensor) -> Tensor:
        return torch.func.functional_call(loss, {"loss.proxies": proxies}, (x, labels))

    proxies = loss.loss.proxies.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(at, (embeddings.requires_grad_(), proxies))


def test_large_scales_stay_finite(batch: tuple[Tensor, Tensor]) -> None:
    embeddings, labels = batch[0].float(), batch[1]
    loss = built(alpha=1000.0)
    value = loss(embeddings.requires_grad_(), labels)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(embeddings.grad).all()


def test_order_and_length_of_the_embeddings_do_not_count(batch: tuple[Tensor, Tensor]) -> None:
    embeddings, labels = batch
    loss = built().double()
    value = loss(embeddings, labels).item()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    assert loss(embeddings[order], labels[order]).item() == pytest.approx(value, rel=1e-12)
    assert loss(nn.functional.normalize(embeddings, dim=1), labels).item() == pytest.approx(value, rel=1e-12)


def test_proxies_follow_the_seed() -> None:
    assert torch.equal(built().loss.proxies, built().loss.proxies)
    torch.manual_seed(1)
    assert not torch.equal(built().loss.proxies, ProxyAnchor().build(CONTEXT).loss.proxies)


def test_a_stopped_run_goes_on_with_its_proxies(tmp_path: Path, batch: tuple[Tensor, Tensor]) -> None:
    embeddings, labels = batch[0].float(), batch[1]
    loss = built()
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.1)
    loss(embeddings, labels).backward()
    optimizer.step()
    torch.save(loss.state_dict(), tmp_path / "loss.pt")

    torch.manual_seed(99)
    resumed = ProxyAnchor().build(CONTEXT)
    resumed.load_state_dict(torch.load(tmp_path / "loss.pt", weights_only=True))
    assert {name: value.shape for name, value in resumed.named_parameters()} == {"loss.proxies": (6, 5)}
    assert torch.equal(resumed(embeddings, labels), loss(embeddings, labels))


def test_a_checkpoint_from_before_the_library_module_is_read(batch: tuple[Tensor, Tensor]) -> None:
    before = {"proxies": built().loss.proxies.detach() + 1}
    resumed = built()
    resumed.load_state_dict(before)
    assert torch.equal(resumed.loss.proxies, built().loss.proxies + 1)
