"""The components that come with dmlcore pass the checks that a third party's must pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dmlcore import testing
from dmlcore.api.components import Component
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.testing.another_process import AnotherProcess
from dmlcore.testing.checks import checks_of
from dmlcore_plugins.backbones.resnet50 import ResNet50
from dmlcore_plugins.backbones.timm import Timm
from dmlcore_plugins.datasets.image_folder import ImageFolder
from dmlcore_plugins.losses.catalogue.batch_losses import Instance, NPairs, RankedList
from dmlcore_plugins.losses.catalogue.class_losses import LargeMarginSoftmax, P2SGrad, ProxyAnchor, ProxyNCA, SphereFace
from dmlcore_plugins.losses.catalogue.miners import BatchHard, EmbeddingsPackagedAsTriplets, MultiSimilarity
from dmlcore_plugins.losses.catalogue.reducers import ClassWeighted, Multiple, Threshold
from dmlcore_plugins.losses.catalogue.regularizers import SparseCenters
from dmlcore_plugins.losses.catalogue.triplet_losses import Margin
from dmlcore_plugins.losses.contrastive import Contrastive
from dmlcore_plugins.losses.miners import TripletMargin
from dmlcore_plugins.losses.triplet import Triplet
from dmlcore_plugins.losses.weighted_sum import WeightedSum
from dmlcore_plugins.samplers.shuffled import Shuffled

GIVEN: Mapping[type[Component], tuple[Component, ...]] = {
    Timm: (Timm(model="test_resnet"),),
    TripletMargin: (TripletMargin(margin=0.2, distance="cosine"), TripletMargin(triplets="hard", distance="euclidean")),
    Contrastive: (
        Contrastive(),
        Contrastive(negative="gate", reduction="anchor_mean"),
        Contrastive(distance="euclidean", margin=0.5, miner=MultiSimilarity()),
    ),
    Triplet: (Triplet(), Triplet(margin=0.3, miner=TripletMargin()), Triplet(distance="cosine", miner=BatchHard())),
    RankedList: (RankedList(margin=0.4, Tn=10.0),),
    WeightedSum: (WeightedSum(parts=(Triplet(), ProxyAnchor()), weights=(1.0, 0.5)),),
    Multiple: (Multiple(pos_loss=Threshold(low=0.0)),),
    Threshold: (Threshold(low=0.0), Threshold(low=0.1, high=0.9)),
    Shuffled: (Shuffled(), Shuffled(drop_last=False)),
}
"""Components that need options, or whose options build something else; of the others, one with the defaults."""

ELSEWHERE = (ImageFolder, ResNet50, EmbeddingsPackagedAsTriplets, SparseCenters)
"""Tested with files of their own in test_datasets.py; below, since it is large; on batches of triplets in
test_miners.py; on weights of several centers per class in test_regularizers.py."""

CONSTANTS = (
    ClassWeighted(weights=(1.0, 2.0, 1.0, 0.5, 1.0, 1.0)),
    LargeMarginSoftmax(),
    Margin(),
    ProxyNCA(),
    SphereFace(),
)
ORDERED = (NPairs(), Instance())
APART = {type(component) for component in (*CONSTANTS, *ORDERED, P2SGrad())}

OFFERED = [offer.component for offer in Registry.of(discover()).offers if offer.source.distribution == "dmlcore"]

COMPONENTS = [
    component
    for offered in OFFERED
    if offered not in ELSEWHERE and offered not in APART
    for component in (GIVEN[offered] if offered in GIVEN else (offered(),))
]

IN_ANOTHER_PROCESS = ("loads_no_torch", "gives_the_same_numbers_in_another_process")


def contract(*components: Component, without: Mapping[str, str] | None = None) -> Any:
    """The contract of components, with the checks in another process marked as slow."""
    test: Any = testing.contract(*components, without=without)
    (parametrized,) = test.pytestmark
    _, tests = parametrized.args
    tests[:] = [
        each._replace(marks=[pytest.mark.slow]) if each.values[0].name in IN_ANOTHER_PROCESS else each for each in tests
    ]
    return test


def test_one_component_of_each_base_class_in_another_process() -> None:
    """`make test-slow` checks all of them."""
    of_each_base = {(component.kind, type(component).__bases__): component for component in COMPONENTS}.values()
    elsewhere = AnotherProcess(of_each_base)
    checks = [check for component in of_each_base for check in checks_of(component, elsewhere)]
    outcomes = [check.outcome() for check in checks if check.name in IN_ANOTHER_PROCESS]
    assert {outcome.check.name for outcome in outcomes if outcome.status == "passed"} == set(IN_ANOTHER_PROCESS)
    assert [outcome for outcome in outcomes if outcome.status == "failed"] == []


test_contract = contract(*COMPONENTS)

test_contract_of_those_with_constants = contract(
    *CONSTANTS,
    without={
        "keeps_its_tensors_where_torch_finds_them": "the library's constants: moved to the embeddings at each use"
    },
)

test_contract_of_those_that_heed_the_order = contract(
    *ORDERED,
    without={
        "order_of_the_batch_does_not_matter": "what the first pair of a class, or the place in the batch, decides"
    },
)

test_contract_of_p2s_grad = contract(
    P2SGrad(),
    without={"keeps_to_other_precisions": "the library asserts lengths of 1 to more digits than bfloat16 has"},
)

test_contract_of_resnet50 = pytest.mark.slow(contract(ResNet50()))
