"""The HIST loss against plain loops and the authors' own code."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from dmlcore import LossContext
from dmlcore.engine.optimization import build_optimizer
from dmlcore.study.schema import Optimizer
from dmlcore_plugins.losses.hist import HIST

CONTEXT = LossContext(embedding_dim=5, num_classes=6)
"""Two classes more than the batch has."""
Batch = tuple[Tensor, Tensor]


def built(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    return HIST(**{"hidden_dim": 7} | options).build(CONTEXT).double()


def authors_loss(loss: nn.Module, x: Tensor, labels: Tensor, tau: float, alpha: float, weight: float) -> Tensor:
    """CDs2Hg and HGNN of ljin0429/HIST with the parameters of ours, on embeddings of length √D."""
    x = functional.normalize(x, dim=1) * x.shape[1] ** 0.5
    one_hot = functional.one_hot(labels, len(loss.means)).to(x.dtype)
    features, means = functional.normalize(x, dim=-1), functional.normalize(loss.means, dim=-1)
    covariances = torch.exp(functional.relu6(loss.log_variances))
    distance = torch.div((features[:, None] - means[None]).pow(2), covariances[None]).sum(-1)
    own = (functional.softmax(-tau * distance, dim=1) * one_hot).sum(1)
    distribution = -torch.log(own[own != 0]).mean()

    present = torch.nonzero(one_hot.sum(0) != 0).squeeze(1)
    exp_term = torch.exp(-alpha * distance[:, present])
    h = one_hot[:, present] + exp_term * (1 - one_hot[:, present])
    inv_dv_half, inv_de = torch.diag(h.sum(1).pow(-0.5)), torch.diag(h.sum(0).pow(-1))
    g = inv_dv_half @ h @ inv_de @ h.T @ inv_dv_half
    hidden = functional.leaky_relu(loss.graph.norm(g @ loss.graph.first(x)), 0.1)
    return distribution + weight * functional.cross_entropy(g @ loss.graph.second(hidden), labels)


@pytest.mark.parametrize(
    "options", [{}, {"tau": 4.0, "alpha": 1.1}, {"alpha": 0.3, "graph_weight": 2.0}, {"hidden_dim": 3}], ids=str
)
def test_equals_the_authors_code_in_value_and_gradients(batch: Batch, options: dict[str, Any]) -> None:
    loss = built(**options)
    embeddings = batch[0].requires_grad_()
    wanted = [embeddings, *loss.parameters()]
    ours = loss(embeddings, batch[1])
    theirs = authors_loss(loss, embeddings, batch[1], loss.tau, loss.alpha, loss.graph_weight)
    assert ours.shape == ()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-10)
    for mine, other in zip(torch.autograd.grad(ours, wanted), torch.autograd.grad(theirs, wanted), strict=True):
        assert torch.allclose(mine, other, rtol=1e-7, atol=1e-10)


def test_distances_are_those_of_mahalanobis(batch: Batch) -> None:
    loss = built()
    unit = functional.normalize(batch[0], dim=1)
    distances = loss.distances(unit)
    for i, x in enumerate(unit):
        for c in range(6):
            mean = loss.means[c] / loss.means[c].norm()
            covariance = torch.diag(loss.log_variances[c].clamp(0, 6).exp())
            expected = (x - mean) @ covariance.inverse() @ (x - mean)
            assert distances[i, c].item() == pytest.approx(expected.item(), abs=1e-12)


def test_gradients(batch: Batch) -> None:
    loss = built(tau=2.0)
    names = [name for name, _ in loss.named_parameters()]

    def at(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(loss, dict(zip(names, values, strict=True)), (x, batch[1]))

    values = [parameter.detach().clone().requires_grad_() for parameter in loss.parameters()]
    assert torch.autograd.gradcheck(at, (batch[0].requires_grad_(), *values))


def test_images_far_from_their_class_stay_finite(batch: Batch) -> None:
    """Their probability is 0 in float32, which the authors' code leaves out."""
    embeddings = batch[0].float().requires_grad_()
    loss = built(tau=1000.0).float()
    value = loss(embeddings, batch[1])
    value.backward()
    assert torch.isfinite(value)
    assert value > 100
    assert torch.isfinite(embeddings.grad).all()


def test_order_and_length_of_the_embeddings_do_not_count(batch: Batch) -> None:
    embeddings, labels = batch
    loss = built()
    value = loss(embeddings, labels).item()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    assert loss(embeddings[order], labels[order]).item() == pytest.approx(value, rel=1e-12)
    assert loss(3 * embeddings, labels).item() == pytest.approx(value, rel=1e-12)


def test_a_batch_needs_two_classes_and_no_positive_pair() -> None:
    assert HIST.needs_negatives
    assert not HIST.needs_positives
    embeddings = torch.randn(2, 5, dtype=torch.float64, requires_grad=True)
    built()(embeddings, torch.tensor([1, 4])).backward()
    assert torch.isfinite(embeddings.grad).all()


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.linear = nn.Linear(2, 2), nn.Linear(2, 2)


def test_hypergraph_has_its_own_rate() -> None:
    loss = built(graph_rate=0.25)
    optimizer = build_optimizer(Optimizer(learning_rate=1e-3, loss_learning_rate=0.1), Network(), loss)
    groups = {group["name"]: group for group in optimizer.param_groups}
    assert {name: group["lr"] for name, group in groups.items()} == {
        "backbone": 1e-3,
        "head": 1e-3,
        "loss": 0.1,
        "loss.graph": 0.025,
    }
    assert [id(p) for p in groups["loss"]["params"]] == [id(loss.means), id(loss.log_variances)]
    assert [id(p) for p in groups["loss.graph"]["params"]] == [id(p) for p in loss.graph.parameters()]


def test_parameters_follow_the_seed_and_are_saved(batch: Batch) -> None:
    first, second = built(), built()
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    first(*batch)
    torch.manual_seed(9)
    resumed = HIST(hidden_dim=7).build(CONTEXT).double()
    resumed.load_state_dict(first.state_dict())
    assert torch.equal(resumed(*batch), first(*batch)), "BatchNorm's statistics come back too"
