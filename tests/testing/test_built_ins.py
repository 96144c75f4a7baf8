"""The components that come with dmlcore pass the checks that a third party's must pass."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dmlcore.components import Component
from dmlcore.discovery import discover
from dmlcore.registry import Registry
from dmlcore.testing import contract
from dmlcore_plugins.backbones.resnet50 import ResNet50
from dmlcore_plugins.backbones.timm import Timm
from dmlcore_plugins.datasets.image_folder import ImageFolder
from dmlcore_plugins.losses.catalogue.losses import REFUSED
from dmlcore_plugins.losses.catalogue.ranking_losses import RankedList
from dmlcore_plugins.losses.contrastive import Contrastive
from dmlcore_plugins.losses.miners import BatchHard, MultiSimilarity, TripletMargin
from dmlcore_plugins.losses.proxy_anchor import ProxyAnchor
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
    Shuffled: (Shuffled(), Shuffled(drop_last=False)),
}
"""Components that need options, or whose options build something else; of the others, one with the defaults."""

ELSEWHERE = (ImageFolder, ResNet50, *REFUSED)
"""Tested with files of their own in test_datasets.py; below, since it is large; and those that can't be built."""

OFFERED = [offer.component for offer in Registry.of(discover()).offers if offer.source.distribution == "dmlcore"]

test_contract = contract(
    *(
        component
        for offered in OFFERED
        if offered not in ELSEWHERE
        for component in (GIVEN[offered] if offered in GIVEN else (offered(),))
    )
)

test_contract_of_resnet50 = pytest.mark.slow(contract(ResNet50()))
