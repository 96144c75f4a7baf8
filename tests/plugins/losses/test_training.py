"""What holds for every loss and miner: it trains, it draws nothing, and a study can name it."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dmlcore import LossConfig, LossContext
from dmlcore_plugins.losses.catalogue.class_losses import ProxyAnchor
from dmlcore_plugins.losses.catalogue.miners import BatchHard, MultiSimilarity
from dmlcore_plugins.losses.contextual import Contextual
from dmlcore_plugins.losses.contrastive import Contrastive
from dmlcore_plugins.losses.hist import HIST
from dmlcore_plugins.losses.miners import TripletMargin
from dmlcore_plugins.losses.recall_at_k import RecallAtK
from dmlcore_plugins.losses.triplet import Triplet
from running import python

CONTEXT = LossContext(embedding_dim=16, num_classes=6)
LOSSES = [
    Contrastive(),
    Contrastive(negative="gate", reduction="anchor_mean"),
    Contrastive(distance="euclidean"),
    Contrastive(distance="euclidean", margin=1.0, reduction="anchor_mean"),
    Contrastive(miner=MultiSimilarity()),
    Contrastive(miner=BatchHard()),
    Contrastive(miner=TripletMargin(triplets="all", margin=0.3)),
    Triplet(),
    Triplet(distance="cosine", margin=0.2),
    Triplet(distance="squared_euclidean", margin=0.2, miner=TripletMargin(triplets="all")),
    Triplet(margin=0.3, miner=BatchHard()),
    Triplet(margin=0.3, miner=TripletMargin()),
    Triplet(miner=MultiSimilarity()),
    ProxyAnchor(),
    RecallAtK(),
    RecallAtK(count_query=True, similarity_temperature=0.1),
    Contextual(),
    HIST(tau=4.0),  # at 32 six classes in 16 dimensions are told apart long before they are compact
]
WITH_MIXUP = RecallAtK(mixup=True)


def recall_at_1(embeddings: Tensor, labels: Tensor) -> float:
    similarity = nn.functional.normalize(embeddings, dim=1) @ nn.functional.normalize(embeddings, dim=1).T
    nearest = similarity.fill_diagonal_(-2).argmax(1)
    return (labels[nearest] == labels).float().mean().item()


@pytest.mark.parametrize("config", [*LOSSES, WITH_MIXUP], ids=repr)
def test_every_loss_brings_classes_together(config: LossConfig) -> None:
    torch.manual_seed(0)
    labels = torch.arange(6).repeat(5)
    embeddings = nn.Parameter(torch.randn(30, 16))
    before = recall_at_1(embeddings.detach(), labels)
    loss = config.build(CONTEXT)
    optimizer = torch.optim.Adam([embeddings, *loss.parameters()], lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        loss(embeddings, labels).backward()
        optimizer.step()
    assert before < 0.5
    assert recall_at_1(embeddings.detach(), labels) == 1


@pytest.mark.parametrize("config", LOSSES, ids=repr)
def test_no_chance_is_drawn_in_training(config: LossConfig) -> None:
    torch.manual_seed(0)
    embeddings, labels = torch.randn(30, 16), torch.arange(6).repeat(5)
    loss = config.build(CONTEXT)
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    first, second = loss(embeddings, labels), loss(embeddings, labels)
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[1].tolist() == states[1]
    assert random.getstate() == states[2]


@pytest.mark.parametrize("config", [loss for loss in LOSSES if not isinstance(loss, ProxyAnchor | HIST)], ids=repr)
def test_only_proxies_and_distributions_have_a_state(config: LossConfig) -> None:
    assert config.build(CONTEXT).state_dict() == {}


def test_registration_loads_neither_torch_nor_the_library() -> None:
    code = (
        "import sys\n"
        "import dmlcore_plugins.losses.contrastive, dmlcore_plugins.losses.triplet\n"
        "import dmlcore_plugins.losses.proxy_anchor, dmlcore_plugins.losses.miners\n"
        "import dmlcore_plugins.losses.recall_at_k, dmlcore_plugins.losses.contextual, dmlcore_plugins.losses.hist\n"
        "import dmlcore_plugins.losses.weighted_sum, dmlcore_plugins.losses.catalogue.losses\n"
        "import dmlcore_plugins.samplers.m_per_class, dmlcore_plugins.samplers.shuffled\n"
        "heavy = {'torch', 'numpy', 'pytorch_metric_learning', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    python("-c", code)
