"""The loss against the paper's formula, as a plain loop; and the checks of dmlcore for every loss."""

import math

import pytest
import torch
from dmlcore_angular import Angular

from dmlcore import LossContext
from dmlcore.testing import contract

test_contract = contract(Angular(), Angular(alpha=30.0))

CONTEXT = LossContext(embedding_dim=4, num_classes=3)


def by_loops(embeddings: torch.Tensor, labels: list[int], alpha: float) -> float:
    """Wang et al. (2017), equations 6 and 8: log(1 + Σₙ exp(4 tan²α (a+p)ᵀn − 2 (1 + tan²α) aᵀp)), mean over pairs."""
    bound = math.tan(math.radians(alpha)) ** 2
    terms = []
    for i, anchor in enumerate(embeddings):
        for j, positive in enumerate(embeddings):
            if i == j or labels[i] != labels[j]:
                continue
            total = 1.0
            for k, negative in enumerate(embeddings):
                if labels[k] != labels[i]:
                    pull = 2 * (1 + bound) * torch.dot(anchor, positive)
                    total += math.exp(4 * bound * torch.dot(anchor + positive, negative) - pull)
            terms.append(math.log(total))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("alpha", [30.0, 40.0, 45.0])
def test_value(alpha: float) -> None:
    torch.manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(7, 4, dtype=torch.float64), dim=1)
    labels = [0, 0, 1, 1, 1, 2, 2]
    loss = Angular(alpha=alpha).build(CONTEXT)(embeddings, torch.tensor(labels))
    assert loss.item() == pytest.approx(by_loops(embeddings, labels, alpha), rel=1e-9)


def test_gradient_reaches_every_embedding() -> None:
    torch.manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(6, 4), dim=1).requires_grad_()
    Angular().build(CONTEXT)(embeddings, torch.tensor([0, 0, 1, 1, 2, 2])).backward()
    assert embeddings.grad is not None
    assert (embeddings.grad.norm(dim=1) > 0).all()


def test_an_impossible_angle_is_refused() -> None:
    with pytest.raises(ValueError, match="alpha must be > 0 and < 90 degrees, not 120"):
        Angular(alpha=120.0)
