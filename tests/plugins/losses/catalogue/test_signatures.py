"""The components have the options and defaults of the installed library, but where a reason stands here."""

from __future__ import annotations

import ast
import pkgutil
import tomllib
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import attrs
import pytest
import torch

import dmlcore_plugins.losses.catalogue
import library_signatures as signatures
from dmlcore import DistanceConfig, LossContext
from dmlcore.api.components import Component
from dmlcore_plugins.losses.catalogue.batch_losses import RankedList
from dmlcore_plugins.losses.catalogue.library_loss import LibraryLoss
from dmlcore_plugins.losses.catalogue.library_module import library_class
from dmlcore_plugins.losses.catalogue.losses import LOSSES

TABLE = tomllib.loads(signatures.TABLE.read_text(encoding="utf-8"))
REQUIRED = object()

ABSENT = {
    "losses.CrossBatchMemory": "the table memory of a loss",
    "losses.MultipleLosses": "the loss weighted_sum",
    "losses.ManifoldLoss": "refused: takes no labels",
    "losses.VICRegLoss": "refused: takes no labels",
    "losses.SelfSupervisedLoss": "makes labels for two views of an image; a run has labels",
    "distances.BatchedDistance": "gives no distances, but hands blocks of them to a function",
    "reducers.DoNothingReducer": "gives terms where training needs a number",
}
"""Classes of the library that are no component, and why."""

EVERYWHERE = {
    "collect_stats": "figures that nothing shows",
    "num_classes": "the run knows it",
    "embedding_size": "the run knows it",
    "descriptors_dim": "the run knows it",
    "mat_based_loss": "set by each class itself",
    "miner": "given to the loss in each step, not to its class",
    "memory": "a class around the loss: losses.CrossBatchMemory",
}
"""Parameters and options that only one side has, and why."""

NO_TERMS = "the loss is one number, which no reducer changes"
NO_DISTANCE = "the library does not use it"
FIXED = "set by the class itself"

DIFFERENT: dict[tuple[str, str], str] = {
    ("losses.DynamicSoftMarginLoss", "reducer"): NO_TERMS,
    ("losses.HistogramLoss", "reducer"): NO_TERMS,
    ("losses.P2SGradLoss", "reducer"): NO_TERMS,
    ("losses.PNPLoss", "reducer"): NO_TERMS,
    ("losses.ThresholdConsistentMarginLoss", "reducer"): NO_TERMS,
    ("losses.P2SGradLoss", "distance"): NO_DISTANCE,
    ("losses.ThresholdConsistentMarginLoss", "distance"): NO_DISTANCE,
    ("losses.MarginLoss", "beta_per_class"): "in the place of num_classes, which the run knows",
    ("distances.CosineSimilarity", "normalize_embeddings"): FIXED,
    ("distances.CosineSimilarity", "p"): "another norm makes no cosine: dot_product has it",
    ("distances.CosineSimilarity", "power"): "dot_product has it",
    **{
        (f"distances.{cls}", "is_inverted"): FIXED
        for cls in ("CosineSimilarity", "DotProductSimilarity", "LpDistance", "SNRDistance")
    },
    ("miners.AngularMiner", "distance"): "the library takes one only",
    ("miners.DistanceWeightedMiner", "distance"): "the library takes one only",
    ("miners.EmbeddingsAlreadyPackagedAsTriplets", "distance"): NO_DISTANCE,
    ("miners.BatchHardMiner", "pos_strategy"): FIXED,
    ("miners.BatchHardMiner", "neg_strategy"): FIXED,
    ("miners.PairMarginMiner", "pos_margin"): "the default fits the distance",
    ("miners.PairMarginMiner", "neg_margin"): "the default fits the distance",
    ("reducers.AvgNonZeroReducer", "low"): FIXED,
    ("reducers.AvgNonZeroReducer", "high"): "threshold has it",
    ("reducers.PerAnchorReducer", "aggregation_func"): "aggregation, by name",
    ("reducers.PerAnchorReducer", "aggregation"): "aggregation_func, by name",
    ("reducers.MultipleReducers", "reducers"): "an option for each part",
    **{
        ("reducers.MultipleReducers", part): "reducers, by part"
        for part in ("pos_loss", "neg_loss", "margin_loss", "beta_reg_loss")
    },
    ("regularizers.CenterInvariantRegularizer", "distance"): "only its p is free",
    ("regularizers.CenterInvariantRegularizer", "p"): "of the distance",
    ("regularizers.LpRegularizer", "distance"): NO_DISTANCE,
    ("regularizers.ZeroMeanRegularizer", "distance"): NO_DISTANCE,
    ("regularizers.SparseCentersRegularizer", "distance"): "the library takes one only",
}
"""(class, option) → why it is only on one side, or has another default."""


def components() -> Iterator[type[Component]]:
    """Every class of the catalogue that says what it adapts, whatever module it stands in."""
    folder = dmlcore_plugins.losses.catalogue
    for module in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}."):
        for cls in vars(import_module(module.name)).values():
            if isinstance(cls, type) and "adapts" in vars(cls) and cls.__module__ == module.name:
                yield cls


COMPONENTS = sorted(set(components()), key=lambda cls: cls.adapts)  # type: ignore[attr-defined]


def expected(adapts: str) -> dict[str, Any]:
    """Parameter → default, of a class of the library."""
    kind, _, name = adapts.partition(".")
    found = {}
    for parameter in TABLE[kind][name]:
        key, given, default = parameter.partition("=")
        is_function = given and default.isidentifier() and default not in ("None", "True", "False")
        found[key] = default if is_function else ast.literal_eval(default) if given else REQUIRED
    return found


def test_the_installed_library_is_the_one_in_the_table() -> None:
    installed = signatures.installed()
    drifted = [
        f"{kind}.{name}: {TABLE[kind].get(name, 'not there')} is now {installed[kind].get(name, 'not there')}"
        for kind in signatures.KINDS
        for name in sorted({*TABLE[kind], *installed[kind]})
        if TABLE[kind].get(name) != installed[kind].get(name)
    ]
    assert not drifted, "\n".join([*drifted, "Run `python tests/library_signatures.py`."])


def test_a_change_of_the_library_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytorch_metric_learning import losses

    class CircleLoss(losses.CircleLoss):  # type: ignore[misc]
        __module__ = "pytorch_metric_learning.losses.circle_loss"

        def __init__(self, m: float = 0.25, delta: float = 1.0, **kwargs: Any) -> None: ...

    monkeypatch.setattr(losses, "CircleLoss", CircleLoss)
    found = signatures.installed()["losses"]["CircleLoss"]
    assert found[:2] == ["m=0.25", "delta=1.0"]
    assert found != TABLE["losses"]["CircleLoss"]


def test_every_class_is_a_component_or_has_a_reason_not_to_be() -> None:
    every = {f"{kind}.{name}" for kind, classes in TABLE.items() for name in classes}
    adapted = [cls.adapts for cls in COMPONENTS]  # type: ignore[attr-defined]
    assert len(adapted) == len(set(adapted))
    assert every - set(adapted) == set(ABSENT)
    assert len([name for name in adapted if name.startswith("losses.")]) == 33


@pytest.mark.parametrize("cls", COMPONENTS, ids=lambda cls: cls.adapts)
def test_options_and_defaults_are_the_librarys(cls: Any) -> None:
    parameters = expected(cls.adapts)
    options = {attribute.name: attribute.default for attribute in attrs.fields(cls)}
    for key in {*parameters, *options}:
        default, ours = parameters.get(key, "absent"), options.get(key, "absent")
        ours = REQUIRED if ours is attrs.NOTHING else ours
        tables = default is None and isinstance(ours, Component)  # its own default, written out
        same = tables or default == ours
        excused = (cls.adapts, key) in DIFFERENT or (key in EVERYWHERE and "absent" in (default, ours))
        assert same != excused, f"{cls.__name__}.{key}: {ours!r}, in the library {default!r}"


def test_every_excuse_is_needed() -> None:
    known = {(cls.adapts, key) for cls in COMPONENTS for key in {*expected(cls.adapts), *attrs.fields_dict(cls)}}  # type: ignore[attr-defined]
    assert set(DIFFERENT) <= known


def made(cls: type[LibraryLoss]) -> LibraryLoss:
    return RankedList(margin=0.4, Tn=1.0) if cls is RankedList else cls()


def tables_of(module: Any) -> tuple[Any, ...]:
    """What a loss of the library compares by, and what it reduces each part with."""
    distance, reducers = module.distance, getattr(module.reducer, "reducers", {"loss": module.reducer})
    measures = (type(distance).__name__, distance.p, distance.power, distance.normalize_embeddings)
    return measures, {part: type(reducer).__name__ for part, reducer in reducers.items()}


@pytest.mark.parametrize("cls", LOSSES, ids=lambda cls: cls.name)
def test_default_tables_are_the_librarys_own_defaults(cls: Any) -> None:
    config, context = made(cls), LossContext(embedding_dim=4, num_classes=3)
    arguments = config.arguments(context)
    others = {name: value for name, value in arguments.items() if name not in ("distance", "reducer")}
    library = library_class(cls.adapts)
    assert tables_of(library(**arguments)) == tables_of(library(**others))
    assert (len(arguments) - len(others)) == sum(name in attrs.fields_dict(cls) for name in ("distance", "reducer"))


@pytest.mark.parametrize(
    "cls", [cls for cls in LOSSES if "distance" in attrs.fields_dict(cls)], ids=lambda cls: cls.name
)
def test_the_library_takes_the_distances_that_are_said(cls: Any) -> None:
    from dmlcore_plugins.losses.catalogue.distances import SNR, Cosine, DotProduct, Lp

    torch.manual_seed(0)
    embeddings, labels = torch.nn.functional.normalize(torch.randn(9, 4), dim=1), torch.arange(3).repeat(3)
    margins = {"pml_contrastive": {"pos_margin": 1.0, "neg_margin": 0.5}, "margin": {"beta": 0.5}}
    taken: list[str] = []
    distances: list[DistanceConfig] = [Cosine(), DotProduct(), Lp(), SNR()]
    for distance in distances:
        for options in ({}, margins.get(cls.name, {}), {"pos_margin": 1.0, "neg_margin": 0.5}):
            fitting = {key: value for key, value in options.items() if key in attrs.fields_dict(cls)}
            given = {"margin": 0.4, "Tn": 1.0} if cls is RankedList else {}
            try:
                config = cls(distance=distance, **given, **fitting)
            except ValueError:
                continue
            loss = config.build(LossContext(embedding_dim=4, num_classes=3))(embeddings, labels)
            assert torch.isfinite(loss)
            taken.append(distance.name)
            break
    assert tuple(taken) == cls.distances
