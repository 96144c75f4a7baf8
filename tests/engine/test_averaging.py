"""The moving average of the weights, against one written by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from dmlcore import StudyError
from dmlcore.api.result import Result
from dmlcore.engine.model import build_loss, build_model
from dmlcore.engine.runner import run_study
from dmlcore.engine.trainer import Trainer
from dmlcore.results.store import MODEL, Store
from interrupting import interrupted
from toys import SquareImages

State = dict[str, torch.Tensor]


def trainer_of(make_study: Any, *overrides: str) -> Trainer:
    run = make_study("seeds=[0]", *overrides).runs[0]
    model = build_model(run)
    return Trainer(run, model, build_loss(run, model.embedding_dim, 6))


def batches(count: int) -> list[Any]:
    labels = torch.from_numpy(SquareImages(0, 3, 3).labels)
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(9, 3, 8, 8, generator=generator), labels) for _ in range(count)]


def trained(trainer: Trainer, steps: int) -> list[State]:
    """The network's state after each step."""
    states: list[State] = []

    def keep(*_: Any) -> None:
        states.append(copy.deepcopy(trainer.model.state_dict()))

    trainer.train_epoch(1, batches(steps), keep)
    return states


def averaged(states: list[State], decay: Callable[[int], float]) -> State:
    """The average by its recurrence, in float64, weight by weight."""
    average = {name: value.double() for name, value in states[0].items()}
    for step, state in enumerate(states[1:], start=2):
        for name, value in state.items():
            kept = decay(step) if value.is_floating_point() else 0.0
            average[name] = kept * average[name] + (1 - kept) * value.double()
    return average


@pytest.mark.parametrize(
    ("overrides", "decay"),
    [
        (["training.ema_decay=0.9"], lambda _: 0.9),
        (["training.ema_decay=0.9", "training.ema_warmup=0.5"], lambda step: min(0.9, 1 - step**-0.5)),
        (["training.ema_decay=0.5", "training.ema_warmup=1.0"], lambda step: min(0.5, 1 - 1 / step)),
    ],
)
def test_the_average_is_that_of_the_weights_after_each_step(
    make_study: Any, overrides: list[str], decay: Callable[[int], float]
) -> None:
    trainer = trainer_of(make_study, *overrides)
    states = trained(trainer, 6)
    expected = averaged(states, decay)
    average = trainer.network.state_dict()
    assert average.keys() == expected.keys()
    assert "backbone.norm.running_mean" in average
    for name, value in average.items():
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-7, msg=name)
    assert not torch.equal(average["linear.weight"], states[-1]["linear.weight"])
    assert average["backbone.norm.num_batches_tracked"] == 6
    assert not torch.equal(average["backbone.norm.running_var"], states[-1]["backbone.norm.running_var"])


def test_training_is_the_same_with_it_and_without(make_study: Any) -> None:
    plain, averaging = trainer_of(make_study), trainer_of(make_study, "training.ema_decay=0.9")
    assert plain.network is plain.model
    for one, other in zip(trained(plain, 3), trained(averaging, 3), strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_no_gradient_reaches_the_average(make_study: Any) -> None:
    trainer = trainer_of(make_study, "training.ema_decay=0.9")
    trained(trainer, 2)
    assert not trainer.network.training
    assert all(parameter.grad is None for parameter in trainer.network.parameters())


def test_the_averaged_network_is_measured_and_stored(make_study: Any, tmp_path: Path) -> None:
    plain, averaging = make_study("seeds=[0]").runs[0], make_study("seeds=[0]", "training.ema_decay=0.5").runs[0]
    first, second = run_study([plain, averaging], Store(tmp_path), [])
    assert isinstance(first, Result)
    assert isinstance(second, Result)
    assert [epoch.loss for epoch in first.curve] == [epoch.loss for epoch in second.curve]
    assert first.baseline == second.baseline
    assert first.metrics != second.metrics
    weights, averages = (load_file(tmp_path / "toy" / run.name / MODEL) for run in (plain, averaging))
    assert weights.keys() == averages.keys()
    assert not torch.equal(weights["linear.weight"], averages["linear.weight"])


@pytest.mark.parametrize("select", ["last", "validation"])
def test_a_stopped_run_goes_on_with_its_average(make_study: Any, tmp_path: Path, select: str) -> None:
    overrides = [f'evaluation.select="{select}"', 'evaluation.metric="nearest/recall_at_1"', "training.batch_size=6"]
    warmed = ["training.ema_decay=0.9", "training.ema_warmup=0.75", "training.epochs=3"]
    (run,) = make_study("seeds=[0]", *overrides, *warmed).runs
    (whole,) = run_study([run], Store(tmp_path / "whole"), [])
    with interrupted(1):
        list(run_study([run], Store(tmp_path / "stopped"), []))
    (resumed,) = run_study([run], Store(tmp_path / "stopped"), [])
    assert isinstance(whole, Result)
    assert isinstance(resumed, Result)
    assert resumed.metrics == whole.metrics
    assert [epoch.test for epoch in resumed.curve] == [epoch.test for epoch in whole.curve]
    stored = [load_file(tmp_path / name / "toy" / run.name / MODEL) for name in ("whole", "stopped")]
    assert all(torch.equal(stored[0][name], stored[1][name]) for name in stored[0])


def test_a_warmup_of_no_average_is_refused(make_study: Any) -> None:
    with pytest.raises(StudyError, match=r"ema_warmup .* ema_decay"):
        make_study("training.ema_warmup=0.5")


def test_without_an_average_a_run_is_the_run_that_it_was(make_study: Any) -> None:
    assert "ema_decay" not in make_study().runs[0].settings["training"]
