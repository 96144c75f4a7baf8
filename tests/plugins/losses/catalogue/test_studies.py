"""Every loss trains in a run of a study file: it reaches the network, and goes on exactly where it was stopped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from dmlcore.api.result import Result
from dmlcore.engine import session
from dmlcore.engine.checkpoint import CHECKPOINT
from dmlcore.engine.model import build_loss, build_model
from dmlcore.engine.runner import Failure, run_study
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Offer, Registry
from dmlcore.results.store import MODEL, Store
from dmlcore.study.load import load_study
from dmlcore.study.schema import Run
from dmlcore_plugins.losses.catalogue.losses import LOSSES
from toys import SOURCE, Nearest, Tiny

STUDY = """\
seeds = [4]

[dataset]
use = "glyphs"
classes = 12
images_per_class = 4
size = 16

[backbone]
use = "tiny"

[embedding]
dim = 5

[transforms]
size = 16
test_resize = 16
flip = 0.0

[sampler]
use = "m_per_class"
samples_per_class = 3

[training]
epochs = 2
batch_size = 9
max_steps = 2
freeze_batchnorm = false
workers = 0
device = "cpu"

[optimizer]
learning_rate = 0.01
loss_learning_rate = 0.02

[[evaluators]]
use = "nearest"

"""

REQUIRED = {"ranked_list": "margin = 0.4\nTn = 10.0\n", "weighted_sum": '[[loss.parts]]\nuse = "circle"\n'}

LEARNING = {
    "arcface",
    "cosface",
    "hist",
    "large_margin_softmax",
    "normalized_softmax",
    "p2s_grad",
    "proxy_anchor",
    "proxy_nca",
    "soft_triple",
    "sphereface",
    "subcenter_arcface",
    "margin, learnt",
    "weighted_sum, nested",
}
"""The losses that have parameters."""

NESTED = {
    "margin, learnt": """
use = "margin"
learn_beta = true
beta_per_class = true
nu = 0.1
reducer = { use = "mean" }
miner = { use = "distance_weighted" }
""",
    "circle, all tables": """
use = "circle"
distance = { use = "cosine" }
reducer = { use = "class_weighted", weights = [1, 2, 1, 1, 0.5, 1] }
embedding_regularizer = { use = "lp", power = 2 }
embedding_reg_weight = 0.5

[loss.memory]
size = 12
miner = { use = "multi_similarity" }
""",
    "triplet_margin, remembering": """
use = "triplet_margin"
margin = 0.2
distance = { use = "lp", power = 2 }

[loss.memory]
size = 9
miner = { use = "triplet_margin" }
""",
    "subcenter_arcface, sparse": """
use = "subcenter_arcface"
sub_centers = 2
weight_init_func = "orthogonal"
miner = { use = "batch_hard" }
weight_regularizer = { use = "sparse_centers", centers_per_class = 2 }
""",
    "weighted_sum, nested": """
use = "weighted_sum"
weights = [1, 0.5, 2]

[[loss.parts]]
use = "threshold_consistent_margin"

[[loss.parts]]
use = "soft_triple"
weight_regularizer = { use = "sparse_centers", centers_per_class = 10 }

[[loss.parts]]
use = "nt_xent"
memory = { size = 18 }
""",
}
LEARNING.add("subcenter_arcface, sparse")


def built_in_losses() -> list[str]:
    offers = Registry.of(discover()).of_kind("loss")
    return [o.component.name for o in offers if o.source.distribution == "dmlcore"]


CASES = {name: f'use = "{name}"\n{REQUIRED.get(name, "")}' for name in built_in_losses()} | NESTED

QUICK = {
    "arcface",  # a margin in degrees, class vectors
    "contrastive",
    "dynamic_soft_margin",  # a state
    "hist",  # parameters with a rate of their own
    "nca",  # a term for each image
    "p2s_grad",  # one number, class vectors
    "pml_contrastive",  # two margins
    "proxy_anchor",  # divided by its own number
    "recall_at_k",
    "triplet",
    *NESTED,
}
"""One loss of each shape; the others take the same ways, and are tried by `make test-slow`."""


def loaded(table: str, folder: Path) -> Run:
    path = folder / "letters.toml"
    path.write_text(f"{STUDY}[loss]\n{table}", encoding="utf-8")
    registry = Registry.of(discover())
    registry = Registry((*registry.offers, Offer(Tiny, SOURCE), Offer(Nearest, SOURCE)))
    (run,) = load_study(path, registry).runs
    return run


def made(run: Run, root: Path) -> Result:
    (outcome,) = run_study([run], Store(root), [])
    assert not isinstance(outcome, Failure), outcome.reason
    return outcome


def figures(result: Result) -> Any:
    return result.metrics, [(epoch.loss, epoch.diagnostics, epoch.test) for epoch in result.curve]


def stop_after(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    save = session.checkpoint.save

    def stopping(state: Any, folder: Path) -> None:
        save(state, folder)
        if state.epoch == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(session.checkpoint, "save", stopping)


def test_every_loss_of_the_catalogue_is_among_them() -> None:
    own = {"contrastive", "triplet", "weighted_sum", "recall_at_k", "contextual", "hist"}
    assert {cls.name for cls in LOSSES} | own == set(built_in_losses())


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case in QUICK else pytest.mark.slow) for case in CASES]
)
def test_trained_stopped_resumed_and_measured(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = loaded(CASES[case], tmp_path)
    whole = made(run, tmp_path / "whole")
    losses = [epoch.loss for epoch in whole.curve[1:]]
    assert all(loss is not None and math.isfinite(loss) and loss != 0 for loss in losses), losses
    assert all(epoch.diagnostics["gradient_norm"] > 0 for epoch in whole.curve[1:])
    recall = whole.metrics["nearest/recall_at_1"]
    assert recall == whole.curve[-1].test["nearest/recall_at_1"]
    assert (24 * recall).is_integer(), "six test classes of four images"

    stop_after(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        made(run, tmp_path / "stopped")
    monkeypatch.undo()
    store = Store(tmp_path / "stopped").run(run.study.name, run.name)
    learnt = torch.load(store.partial / CHECKPOINT, weights_only=True)["trainer"]["loss"]
    fresh = build_loss(run, 5, 6)
    names = {name for name, _ in fresh.named_parameters()}
    assert bool(names) == (case in LEARNING)
    for name, parameter in fresh.named_parameters():
        assert not torch.equal(learnt[name], parameter), f"{name} was not trained"

    resumed = made(run, tmp_path / "stopped")
    assert figures(resumed) == figures(whole)
    networks = [
        load_file(Store(tmp_path / root).run(run.study.name, run.name).final / MODEL) for root in ("whole", "stopped")
    ]
    drawn = build_model(run).state_dict()
    for name, weights in networks[0].items():
        np.testing.assert_array_equal(weights, networks[1][name])
        if "weight" in name and "linear" in name:
            assert not np.array_equal(weights, drawn[name].numpy()), f"{name} was not trained"


def test_a_memory_takes_every_batch_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = loaded('use = "circle"\nmemory = { size = 100 }', tmp_path)
    stop_after(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        made(run, tmp_path)
    folder = Store(tmp_path).run(run.study.name, run.name).partial
    state = torch.load(folder / CHECKPOINT, weights_only=True)["trainer"]["loss"]
    assert state["loss._extra_state"] == {"queue_idx": 36, "has_been_filled": False}, "two epochs of two steps of 9"
    filled = state["loss.embedding_memory"].norm(dim=1) > 0
    assert filled.tolist() == [True] * 36 + [False] * 64


def test_a_memory_smaller_than_a_batch_is_reported(tmp_path: Path) -> None:
    run = loaded('use = "circle"\nmemory = { size = 8 }', tmp_path)
    (outcome,) = run_study([run], Store(tmp_path), [])
    assert isinstance(outcome, Failure)
    assert "memory has 8 embeddings" in outcome.reason
    assert "a batch has 9" in outcome.reason
