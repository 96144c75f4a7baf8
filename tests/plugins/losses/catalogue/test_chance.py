"""What miners draw follows from the run's seed: a run made again, or stopped and gone on with, draws the same."""

from __future__ import annotations

import importlib.metadata
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dmlcore import LossContext, MinerConfig
from dmlcore.api.result import Result
from dmlcore.engine import session
from dmlcore.engine.runner import run_study
from dmlcore.host.discovery import PluginSource
from dmlcore.host.registry import Offer, Registry
from dmlcore.results.store import Store
from dmlcore.study.load import load_study
from dmlcore.study.schema import Run
from dmlcore_plugins.losses.catalogue import distances, miners
from dmlcore_plugins.losses.triplet import Triplet
from toys import REGISTRY, STUDY

CONTEXT = LossContext(embedding_dim=8, num_classes=6)
DRAWING = [miners.DistanceWeighted(), miners.UniformHistogram(num_bins=5, pos_per_bin=2)]
EXACT = [
    miners.Angular(),
    miners.BatchEasyHard(),
    miners.BatchHard(),
    miners.HDC(),
    miners.MultiSimilarity(),
    miners.PairMargin(),
    miners.PmlTripletMargin(),
]


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(24, 8, generator=generator), torch.arange(6).repeat(4)


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("config", DRAWING + EXACT, ids=lambda config: config.name)
def test_only_torchs_generator_is_drawn_from_which_the_engine_seeds(config: MinerConfig) -> None:
    miner = config.build(CONTEXT)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    others = np.random.get_state()[1].tolist(), random.getstate()
    first, second = miner(*batch()), miner(*batch())
    assert (np.random.get_state()[1].tolist(), random.getstate()) == others
    assert torch.equal(torch.get_rng_state(), before) == (config in EXACT)
    assert same(first, second) == (config in EXACT)
    torch.set_rng_state(before)
    assert same(miner(*batch()), first)
    assert miner.state_dict() == {}


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of the triplet loss on coloured squares with a miner that draws."""
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.0" if name == "toys" else real(name))
    source = PluginSource("dmlcore", "0", "losses")
    offered = [Triplet, *miners.dmlcore_register_miners(), *distances.dmlcore_register_distances()]
    registry = Registry((*REGISTRY.offers, *(Offer(component, source) for component in offered)))
    path = tmp_path / "toy.toml"
    path.write_text(STUDY.replace('use = "pair"', f'use = "triplet"\nmargin = 1\n{request.param}'))
    overrides = ("seeds=[0]", "training.epochs=2", "training.batch_size=6")
    return load_study(path, registry, overrides).runs[0]


def outcome(run: Run, root: Path) -> Any:
    (result,) = run_study([run], Store(root), ())
    assert isinstance(result, Result), result
    return result.metrics, [(epoch.loss, epoch.diagnostics) for epoch in result.curve]


@pytest.mark.parametrize(
    "run",
    ['miner = { use = "distance_weighted" }', 'miner = { use = "uniform_histogram", num_bins = 3 }'],
    indirect=True,
)
def test_a_run_draws_the_same_again_and_after_a_stop(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = outcome(run, tmp_path / "whole")
    assert whole == outcome(run, tmp_path / "again")
    assert whole[1][1][0] > 0
    save = session.checkpoint.save

    def stopping(state: Any, folder: Path) -> None:
        save(state, folder)
        if state.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(session.checkpoint, "save", stopping)
        with pytest.raises(KeyboardInterrupt):
            outcome(run, tmp_path / "stopped")
    torch.manual_seed(99)
    assert outcome(run, tmp_path / "stopped") == whole
