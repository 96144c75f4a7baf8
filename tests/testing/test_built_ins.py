"""The components that come with dmlcore pass the checks that a third party's must pass."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dmlcore.api.components import Component
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.testing import contract
from dmlcore_plugins.backbones.resnet50 import ResNet50
from dmlcore_plugins.backbones.timm import Timm
from dmlcore_plugins.datasets.image_folder import ImageFolder
from dmlcore_plugins.losses.catalogue.miners import BatchHard, EmbeddingsPackagedAsTriplets, MultiSimilarity
from dmlcore_plugins.losses.catalogue.neighbor_losses import Instance, NPairs
from dmlcore_plugins.losses.catalogue.proxy_losses import ProxyAnchor, ProxyNCA
from dmlcore_plugins.losses.catalogue.ranking_losses import RankedList
from dmlcore_plugins.losses.catalogue.reducers import ClassWeighted, Multiple, Threshold
from dmlcore_plugins.losses.catalogue.regularizers import SparseCenters
from dmlcore_plugins.losses.catalogue.softmax_losses import LargeMarginSoftmax, P2SGrad, SphereFace
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

test_contract = contract(
    *(
        component
        for offered in OFFERED
        if offered not in ELSEWHERE and offered not in APART
        for component in (GIVEN[offered] if offered in GIVEN else (offered(),))
    )
)

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
