"""What holds for every distance, reducer, regularizer and miner of the library: it is there, and said to be so."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import attrs
import pytest
from pytorch_metric_learning import distances as pml_distances
from pytorch_metric_learning import miners as pml_miners
from pytorch_metric_learning import reducers as pml_reducers
from pytorch_metric_learning import regularizers as pml_regularizers

from dmlcore import StudyError
from dmlcore.api.components import Component
from dmlcore.host.discovery import check_component, discover
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from dmlcore_plugins.losses.catalogue import distances, miners, reducers, regularizers
from running import invoke, python

OFFERED: dict[str, list[Any]] = {
    "distances": list(distances.dmlcore_register_distances()),
    "reducers": list(reducers.dmlcore_register_reducers()),
    "regularizers": list(regularizers.dmlcore_register_regularizers()),
    "miners": list(miners.dmlcore_register_miners()),
}
LIBRARY = {
    "distances": pml_distances,
    "reducers": pml_reducers,
    "regularizers": pml_regularizers,
    "miners": pml_miners,
}
LEFT_OUT = {
    "distances.BaseDistance",
    "distances.BatchedDistance",  # gives no distances: it hands blocks of them to a function
    "reducers.BaseReducer",
    "reducers.DoNothingReducer",  # gives no number
    "regularizers.BaseRegularizer",
    "miners.BaseMiner",
}
COMPONENTS = [component for offered in OFFERED.values() for component in offered]


def test_each_class_of_the_library_is_a_component_or_left_out_by_name() -> None:
    there = {
        f"{kind}.{name}"
        for kind, module in LIBRARY.items()
        for name, member in vars(module).items()
        if inspect.isclass(member)
    }
    adapted = [component.adapts for component in COMPONENTS]
    assert len(set(adapted)) == len(adapted)
    assert set(adapted) | LEFT_OUT == there
    assert not set(adapted) & LEFT_OUT


NO_OPTIONS = {
    "distances.CosineSimilarity": {"normalize_embeddings", "p", "power"},  # DotProduct has them
    "reducers.AvgNonZeroReducer": {"low", "high"},  # it is low = 0
    "reducers.PerAnchorReducer": {"aggregation_func"},  # a choice of names: aggregation
    "reducers.MultipleReducers": {"reducers"},  # an option for each part
    "regularizers.LpRegularizer": {"distance"},  # not used
    "regularizers.ZeroMeanRegularizer": {"distance"},  # not used
    "regularizers.CenterInvariantRegularizer": {"distance"},  # its p alone
    "regularizers.SparseCentersRegularizer": {"distance"},  # the cosine alone
    "miners.AngularMiner": {"distance"},  # normalised Lp alone
    "miners.DistanceWeightedMiner": {"distance"},  # normalised Lp alone
    "miners.BatchHardMiner": {"pos_strategy", "neg_strategy"},  # both are "hard"
    "miners.EmbeddingsAlreadyPackagedAsTriplets": {"distance"},  # not used
}
NEVER_OPTIONS = {"collect_stats", "is_inverted", "num_classes"}


def parameters(component: Any) -> dict[str, Any]:
    """Name → default of all that the library's class can be made with, through its bases."""
    module, _, name = component.adapts.partition(".")
    found: dict[str, Any] = {}
    for base in reversed(getattr(LIBRARY[module], name).__mro__):
        if base.__module__.startswith("pytorch_metric_learning") and "__init__" in vars(base):
            given = list(inspect.signature(base.__init__).parameters.values())[1:]
            found |= {p.name: p.default for p in given if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return found


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.adapts)
def test_all_that_the_library_can_be_set_to_is_an_option_with_its_default(component: Any) -> None:
    theirs = parameters(component)
    ours = attrs.fields_dict(component)
    assert theirs.keys() - ours.keys() - NEVER_OPTIONS == NO_OPTIONS.get(component.adapts, set())
    for name in theirs.keys() & ours.keys() - {"pos_margin", "neg_margin"}:
        if theirs[name] not in (None, inspect.Parameter.empty):
            assert ours[name].default == theirs[name], name


@pytest.mark.parametrize(("kind", "component"), [(k[:-1], c) for k, cs in OFFERED.items() for c in cs])
def test_each_keeps_the_contract_of_a_plugin(kind: str, component: type[Component]) -> None:
    check_component(component, kind)
    assert component.libraries == ("pytorch-metric-learning",)


def test_registration_loads_neither_torch_nor_the_library() -> None:
    modules = ", ".join(f"dmlcore_plugins.losses.catalogue.{kind}" for kind in OFFERED)
    code = (
        f"import sys\nimport {modules}\n"
        "heavy = {'torch', 'numpy', 'pytorch_metric_learning', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    python("-c", code)


def test_one_name_of_two_kinds_is_described_twice() -> None:
    distance, _, regularizer = invoke("describe", "lp").stdout.partition("\n\nregularizer lp  ")
    assert "\n\ndistance lp  [dmlcore " in distance
    assert "\nnormalize_embeddings = true\n" in distance
    assert '\nreducer = { use = "mean" }\n' in regularizer


STUDY = """\
[dataset]
use = "glyphs"
[backbone]
use = "timm"
model = "test_resnet.r160_in1k"
weights = "random"
[sampler]
use = "m_per_class"
[[evaluators]]
use = "retrieval"
[loss]
use = "triplet"
[loss.miner]
use = "pair_margin"
[loss.miner.distance]
use = "snr"
"""


def test_a_mistake_is_shown_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    registry = Registry.of(discover())
    with pytest.raises(StudyError) as caught:
        load_study(path, registry)
    assert f"{path}:13: loss.miner\n" in str(caught.value)
    assert 'pos_margin and neg_margin must both be set with distance = "snr"' in str(caught.value)
    path.write_text(STUDY.replace("pair_margin", "hdc"))
    (run,) = load_study(path, registry).runs
    assert run.settings["loss"]["miner"] == {
        "use": "hdc",
        "filter_percentage": 0.5,
        "distance": {"use": "snr", "normalize_embeddings": True, "p": 2.0, "power": 1.0},
    }
    assert "pytorch-metric-learning" in run.versions
