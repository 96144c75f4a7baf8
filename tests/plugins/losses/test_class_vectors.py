"""The vectors that a loss says it learns for a class are those that the class is pulled to."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from dmlcore import LossConfig, LossContext
from dmlcore_plugins.losses.catalogue.class_losses import ProxyAnchor, SoftTriple, SubCenterArcFace
from dmlcore_plugins.losses.catalogue.losses import LOSSES
from dmlcore_plugins.losses.contrastive import Contrastive
from dmlcore_plugins.losses.hist import HIST
from dmlcore_plugins.losses.weighted_sum import WeightedSum

CONTEXT = LossContext(embedding_dim=6, num_classes=4)
LEARNING: list[type[LossConfig]] = [*(loss for loss in LOSSES if loss.learns_classes), HIST]


def built(config: LossConfig) -> Any:
    torch.manual_seed(1)
    return config.build(CONTEXT).eval()


@pytest.mark.parametrize("loss", LEARNING, ids=lambda loss: loss.name)
def test_images_at_a_vector_of_their_class_have_a_lower_loss_than_of_another(loss: type[LossConfig]) -> None:
    module = built(loss())
    found = loss().class_vectors(module)
    assert found is not None
    vectors, labels = found
    points = functional.normalize(vectors.detach(), dim=1)
    with torch.no_grad():
        losses = [module(points, (labels + shift) % CONTEXT.num_classes).item() for shift in range(CONTEXT.num_classes)]
    assert losses[0] == min(losses)
    assert losses.count(min(losses)) == 1


@pytest.mark.parametrize(("loss", "each"), [(SoftTriple(centers_per_class=5), 5), (SubCenterArcFace(), 3)])
def test_several_vectors_of_a_class(loss: LossConfig, each: int) -> None:
    found = loss.class_vectors(built(loss))
    assert found is not None
    vectors, labels = found
    assert vectors.shape == (4 * each, 6)
    assert labels.tolist() == torch.arange(4).repeat_interleave(each).tolist()


def test_losses_on_pairs_have_none() -> None:
    assert Contrastive().class_vectors(built(Contrastive())) is None
    assert all(loss.learns_classes or loss.class_vectors(loss, None) is None for loss in LOSSES)  # type: ignore[arg-type]


def test_a_sum_has_those_of_its_part() -> None:
    both = WeightedSum(parts=(Contrastive(), ProxyAnchor()))
    module = built(both)
    found = both.class_vectors(module)
    assert found is not None
    assert found[0] is module.parts[1].loss.proxies
    pairs = WeightedSum(parts=(Contrastive(),))
    assert pairs.class_vectors(built(pairs)) is None
