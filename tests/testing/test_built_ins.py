"""The components that come with dmlcore pass the checks that a third party's must pass."""

from __future__ import annotations

import pytest

from dmlcore.testing import contract
from dmlcore_plugins.backbones.efficientnet_lite0 import EfficientNetLite0
from dmlcore_plugins.backbones.resnet50 import ResNet50
from dmlcore_plugins.backbones.timm import Timm
from dmlcore_plugins.conformance.conformance import Conformance
from dmlcore_plugins.datasets.cub200 import Cub200
from dmlcore_plugins.datasets.glyphs import Glyphs
from dmlcore_plugins.losses.contrastive import Contrastive
from dmlcore_plugins.losses.miners import BatchHard, MultiSimilarity, TripletMargin
from dmlcore_plugins.losses.proxy_anchor import ProxyAnchor
from dmlcore_plugins.losses.triplet import Triplet
from dmlcore_plugins.metrics.clustering import Clustering
from dmlcore_plugins.metrics.retrieval import Retrieval
from dmlcore_plugins.observers.console import Console
from dmlcore_plugins.observers.jsonl import Jsonl
from dmlcore_plugins.observers.tensorboard import TensorBoard
from dmlcore_plugins.samplers.m_per_class import MPerClass
from dmlcore_plugins.samplers.shuffled import Shuffled

test_contract = contract(
    Glyphs(),
    Cub200(),
    Contrastive(),
    Contrastive(negative="gate", reduction="anchor_mean"),
    Triplet(),
    ProxyAnchor(),
    Triplet(miner=TripletMargin()),
    TripletMargin(margin=0.2, distance="cosine"),
    BatchHard(),
    MultiSimilarity(),
    MPerClass(),
    Shuffled(),
    Shuffled(drop_last=False),
    Retrieval(),
    Clustering(),
    Conformance(),
    Console(),
    Jsonl(),
    TensorBoard(),
    Timm(model="test_resnet"),
    EfficientNetLite0(),
    ResNet50(),
)
