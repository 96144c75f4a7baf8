"""Components that took another one in: its old name gives the same numbers, and their own runs keep their identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from dmlcore import LossConfig, LossContext, MinerConfig
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.structure import Structurer, plain
from dmlcore_plugins.losses.catalogue.class_losses import ProxyAnchor
from dmlcore_plugins.losses.catalogue.distances import Lp
from dmlcore_plugins.losses.catalogue.miners import BatchHard, MultiSimilarity

REGISTRY = Registry.of(discover())
KINDS: dict[str, Any] = {"loss": LossConfig, "miner": MinerConfig}


def structured(kind: str, **table: Any) -> Any:
    structurer = Structurer(REGISTRY, lambda _: Path())
    component = structurer.structure(table, KINDS[kind], (kind,))
    assert not structurer.problems
    return component


@pytest.mark.parametrize(
    ("kind", "former", "now"),
    [
        ("loss", "pml_proxy_anchor", ProxyAnchor()),
        ("miner", "pml_batch_hard", BatchHard(distance=Lp())),
        ("miner", "pml_multi_similarity", MultiSimilarity()),
    ],
)
def test_the_former_name_is_the_component_with_its_former_defaults(kind: str, former: str, now: Any) -> None:
    with pytest.warns(FutureWarning, match=f"'{former}' is deprecated: use '{now.name}'"):
        assert structured(kind, use=former) == now


@pytest.mark.parametrize(
    ("kind", "name", "stored"),
    [
        ("loss", "proxy_anchor", {"margin": 0.1, "alpha": 32.0}),
        ("miner", "batch_hard", {}),
        ("miner", "multi_similarity", {"epsilon": 0.1}),
        ("loss", "circle", {"m": 0.4, "gamma": 80.0, "embedding_reg_weight": 1.0}),
        ("loss", "proxy_nca", {"softmax_scale": 1.0, "embedding_reg_weight": 1.0, "weight_reg_weight": 1.0}),
    ],
)
def test_the_stored_settings_of_a_default_are_those_from_before(kind: str, name: str, stored: dict[str, Any]) -> None:
    assert plain(structured(kind, use=name), Path(), identity_only=True) == {"use": name, **stored}


def test_a_distance_that_is_set_is_stored_though_it_is_the_default() -> None:
    circle = structured("loss", use="circle", distance={"use": "cosine"})
    assert plain(circle, Path())["distance"] == {"use": "cosine"}


def test_batch_hard_selects_the_same_by_both_distances(batch: tuple[Tensor, Tensor]) -> None:
    context = LossContext(embedding_dim=5, num_classes=4)
    by_cosine, by_distance = (miner.build(context)(*batch) for miner in (BatchHard(), BatchHard(distance=Lp())))
    assert all(torch.equal(one, other) for one, other in zip(by_cosine, by_distance, strict=True))
