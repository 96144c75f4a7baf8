"""Formulas say what a loss is, in what matplotlib can draw."""

from __future__ import annotations

from itertools import product

import pytest
from matplotlib.mathtext import MathTextParser

from dmlcore import LossConfig
from dmlcore_plugins.losses.catalogue.class_losses import ProxyAnchor
from dmlcore_plugins.losses.catalogue.miners import BatchHard
from dmlcore_plugins.losses.contextual import Contextual
from dmlcore_plugins.losses.contrastive import Contrastive
from dmlcore_plugins.losses.hist import HIST
from dmlcore_plugins.losses.recall_at_k import RecallAtK
from dmlcore_plugins.losses.triplet import Triplet

CONTRASTIVE = [
    Contrastive(distance=distance, negative=negative, reduction=reduction, positive_margin=pull, miner=miner)
    for distance, negative, reduction, pull, miner in product(
        ("cosine", "euclidean"), ("hinge", "gate"), ("nonzero_mean", "anchor_mean"), (None, 0.5), (None, BatchHard())
    )
    if negative == "hinge" or distance == "cosine"
]
TRIPLET = [
    Triplet(distance=distance, miner=miner)
    for distance, miner in product(("euclidean", "squared_euclidean", "cosine"), (None, BatchHard()))
]
RECALL = [RecallAtK(count_query=counted, mixup=mixup) for counted, mixup in product((False, True), (False, True))]
LOSSES = [*CONTRASTIVE, *TRIPLET, ProxyAnchor(), *RECALL, Contextual(), HIST()]


@pytest.mark.parametrize("config", LOSSES, ids=repr)
def test_mathtext_draws_it(config: LossConfig) -> None:
    assert MathTextParser("path").parse(f"${config.formula}$").width > 100


def test_every_choice_has_its_own() -> None:
    assert len({config.formula for config in LOSSES}) == len(LOSSES)


def test_terms() -> None:
    mean = r"\frac{1}{|P_{>0}|} \sum_{(i,j) \in P} "
    assert Contrastive().formula == (
        rf"L = {mean}(1 - s_{{ij}}) + \frac{{1}}{{|N_{{>0}}|}} \sum_{{(i,j) \in N}} \max(s_{{ij}} - m, 0)"
    )
    euclidean = Contrastive(distance="euclidean", margin=1.0, positive_margin=0.25, reduction="anchor_mean")
    assert euclidean.formula == (
        r"L = \frac{1}{B} \sum_i \left( \sum_{j \in P_i} \max(d_{ij} - p, 0) + \sum_{j \in N_i} \max(m - d_{ij}, 0)"
        r" \right)"
    )
    assert r"s_{ij} [s_{ij} > m]" in Contrastive(negative="gate").formula
    assert Triplet(distance="cosine", margin=0.2).formula == (
        r"L = \frac{1}{|T_{>0}|} \sum_{(a,p,n) \in T} \max(s_{an} - s_{ap} + m, 0)"
    )
    assert Triplet(miner=BatchHard()).formula.endswith(r",\quad T\mathrm{:\ picked\ by\ the\ miner}")
    assert ProxyAnchor(margin=0.3).formula == ProxyAnchor().formula, "options are symbols"


def test_axes_of_margins() -> None:
    assert [Contrastive().margin_axis, Contrastive(distance="euclidean", margin=1.0).margin_axis] == [
        "cosine",
        "euclidean",
    ]
    assert Triplet(distance="squared_euclidean").margin_axis == "squared_euclidean"
    assert ProxyAnchor().margin_axis == "cosine"
    assert Contextual().margin_axis == "cosine"
