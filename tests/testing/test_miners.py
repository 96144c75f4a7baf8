"""Each check of a miner, a distance, a reducer and a regularizer fails where its promise is broken."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from dmlcore import DistanceConfig, LossConfig, MinerConfig, ReducerConfig, RegularizerConfig
from dmlcore.testing import distances, miners, reducers, regularizers
from testing.failing import building, component_of, failure_of, module_of, outcome_of, pulling

Picks = tuple[Tensor, ...]


def none() -> Tensor:
    return torch.empty(0, dtype=torch.int64)


def all_triplets(self: Any, embeddings: Tensor, labels: Tensor) -> Picks:
    same = labels[:, None] == labels
    anchors, positives = torch.where(same & ~torch.eye(len(labels), dtype=torch.bool))
    triplets = torch.where(~same[anchors])
    return anchors[triplets[0]], positives[triplets[0]], triplets[1]


def first_pairs(self: Any, embeddings: Tensor, labels: Tensor) -> Picks:
    """Each image with the first of its class."""
    firsts = torch.stack([torch.where(labels == label)[0][0] for label in labels])
    others = torch.where(firsts != torch.arange(len(labels)))[0]
    return others, firsts[others], none(), none()


def cosines(self: Any, embeddings: Tensor, others: Tensor | None = None) -> Tensor:
    return embeddings @ (embeddings if others is None else others).T


def loose(base: Any, forward: Any) -> Any:
    return component_of(base, build=lambda self, context: module_of(forward, weights={"one": torch.ones(1)}))


TENSORS, FUNCTION = "weights of Broken", "<class 'function'>"

BROKEN: list[tuple[str, Any, str]] = [
    ("builds", component_of(MinerConfig, build=lambda self, context: pulling), FUNCTION),
    (
        "picks_indices_of_the_batch",
        building(MinerConfig, lambda self, e, labels: labels[:, None] == labels),
        "(24, 24) torch.bool",
    ),
    (
        "picks_indices_of_the_batch",
        building(MinerConfig, lambda self, e, labels: (none(), torch.zeros(1, dtype=torch.int64), none())),
        "tensors of [0, 1, 0] entries",
    ),
    (
        "picks_indices_of_the_batch",
        building(MinerConfig, lambda self, e, labels: (torch.tensor([24]), torch.tensor([1]), torch.tensor([2]))),
        "indices from 0 to 23 in a batch of 24",
    ),
    (
        "picks_the_right_classes",
        building(MinerConfig, lambda self, e, labels: (torch.tensor([1]), torch.tensor([1]), torch.tensor([2]))),
        "the anchor itself",
    ),
    (
        "picks_the_right_classes",
        building(MinerConfig, lambda self, e, labels: (torch.tensor([1]), torch.tensor([2]), torch.tensor([3]))),
        "an image of another class",
    ),
    (
        "picks_the_right_classes",
        building(MinerConfig, lambda self, e, labels: (none(), none(), torch.tensor([0]), torch.tensor([6]))),
        "an image of the anchor's class",
    ),
    (
        "picks_something",
        building(MinerConfig, lambda self, e, labels: (none(), none(), none())),
        "got       none",
    ),
    (
        "order_of_the_batch_does_not_matter",
        building(MinerConfig, first_pairs),
        "the same picks",
    ),
    ("keeps_its_tensors_where_torch_finds_them", loose(MinerConfig, all_triplets), TENSORS),
    ("builds", component_of(DistanceConfig, build=lambda self, context: pulling), FUNCTION),
    (
        "compares_all_embeddings",
        building(DistanceConfig, lambda self, e, others=None: e @ e.T),
        "(24, 24)",
    ),
    (
        "compares_all_embeddings",
        building(DistanceConfig, lambda self, e, others=None: cosines(self, e, others).add(1).log() * 0 / 0),
        "NaN or infinity",
    ),
    (
        "gradient_is_finite",
        building(DistanceConfig, lambda self, e: (e[:, None] - e).square().sum(-1).sqrt()),
        "NaN or infinity",
    ),
    (
        "each_embedding_is_nearest_to_itself",
        component_of(DistanceConfig, build=lambda self, context: module_of(cosines, is_inverted=False)),
        "each embedding nearest to itself, with is_inverted = False",
    ),
    ("keeps_its_tensors_where_torch_finds_them", loose(DistanceConfig, cosines), TENSORS),
    ("builds", component_of(ReducerConfig, build=lambda self, context: pulling), FUNCTION),
    ("keeps_its_tensors_where_torch_finds_them", loose(ReducerConfig, pulling), TENSORS),
    ("builds", component_of(RegularizerConfig, build=lambda self, context: pulling), FUNCTION),
    (
        "gives_a_finite_scalar",
        building(RegularizerConfig, lambda self, e: e.norm(dim=1)),
        "shape (6,)",
    ),
    (
        "gives_a_finite_scalar",
        building(RegularizerConfig, lambda self, e: (e - e).sum().sqrt()),
        "a gradient that is NaN or infinite",
    ),
    ("keeps_its_tensors_where_torch_finds_them", loose(RegularizerConfig, pulling), TENSORS),
]
IDS = [f"{row[1].kind}-{row[0]}-{number}" for number, row in enumerate(BROKEN)]


@pytest.mark.parametrize(("check", "component", "words"), BROKEN, ids=IDS)
def test_a_broken_promise_is_told(check: str, component: Any, words: str) -> None:
    assert words in failure_of(component, check)


@pytest.mark.parametrize(
    ("kind", "module"),
    [("miner", miners), ("distance", distances), ("reducer", reducers), ("regularizer", regularizers)],
)
def test_every_check_is_seen_to_fail(kind: str, module: Any) -> None:
    assert {row[0] for row in BROKEN if row[1].kind == kind} == {check.__name__ for check in module.CHECKS}


@pytest.mark.parametrize("check", [check.__name__ for check in miners.CHECKS])
def test_all_triplets_and_pairs_of_them_are_right(check: str) -> None:
    def all_pairs(self: Any, embeddings: Tensor, labels: Tensor) -> Picks:
        anchors, positives, negatives = all_triplets(self, embeddings, labels)
        return anchors[:40], positives[:40], anchors, negatives

    assert outcome_of(building(MinerConfig, all_triplets), check).status == "passed"
    if check != "order_of_the_batch_does_not_matter":
        assert outcome_of(building(MinerConfig, all_pairs), check).status == "passed"


def test_a_miner_that_draws_by_chance_need_not_keep_to_an_order() -> None:
    def some(self: Any, embeddings: Tensor, labels: Tensor) -> Picks:
        chosen = torch.randperm(96)[:20]
        return tuple(indices[chosen] for indices in all_triplets(self, embeddings, labels))

    outcome = outcome_of(building(MinerConfig, some), "order_of_the_batch_does_not_matter")
    assert (outcome.status, outcome.reason) == ("not applicable", "it is random")


def test_a_distance_need_not_say_what_is_near() -> None:
    outcome = outcome_of(building(DistanceConfig, cosines), "each_embedding_is_nearest_to_itself")
    assert "is_inverted" in outcome.reason


def test_a_module_may_hold_a_number_as_a_tensor() -> None:
    constant = component_of(LossConfig, build=lambda self, context: module_of(pulling, alpha=torch.tensor(0.5)))
    assert outcome_of(constant, "keeps_its_tensors_where_torch_finds_them").status == "passed"


def test_a_loss_may_hold_no_module_in_a_list() -> None:
    hidden = component_of(LossConfig, build=lambda self, context: module_of(pulling, parts=[torch.nn.Linear(2, 2)]))
    assert "parts of Broken" in failure_of(hidden, "keeps_its_tensors_where_torch_finds_them")
