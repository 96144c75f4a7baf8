"""What is trained at which rate, and what is left alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from dmlcore import PluginError, StudyError
from dmlcore.engine.model import build_loss, build_model
from dmlcore.engine.optimization import check_optimizer
from dmlcore.engine.trainer import Trainer, mean_cosine
from toy_networks import TinyNet
from toys import SquareImages


def trainer_of(make_study: Any, *overrides: str) -> Trainer:
    run = make_study("training.epochs=6", *overrides).runs[0]
    model = build_model(run)
    return Trainer(run, model, build_loss(run, model.embedding_dim, 6))


def batch() -> list[Any]:
    images = SquareImages(0, 3, 3)
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(9, 3, 8, 8, generator=generator), torch.from_numpy(images.labels))]


def train(trainer: Trainer, epoch: int) -> Any:
    return trainer.train_epoch(epoch, batch(), lambda *_: None)


def rates(trainer: Trainer) -> dict[str, float]:
    return {group["name"]: group["lr"] for group in trainer.optimizer.param_groups}


def test_learning_rates_of_backbone_head_and_loss(make_study: Any) -> None:
    assert rates(trainer_of(make_study)) == {"backbone": 0.01, "head": 0.01, "loss": 1.0}
    own = trainer_of(make_study, "optimizer.head_learning_rate=0.5", "optimizer.loss_learning_rate=0.25")
    assert rates(own) == {"backbone": 0.01, "head": 0.5, "loss": 0.25}
    assert {group["name"]: group["weight_decay"] for group in own.optimizer.param_groups} == {
        "backbone": 1e-4,
        "head": 1e-4,
        "loss": 0.0,
    }


def test_without_a_head_there_is_no_group_for_it(make_study: Any) -> None:
    assert set(rates(trainer_of(make_study, 'embedding.dim="features"'))) == {"backbone", "loss"}


def layers(self: TinyNet) -> list[list[torch.nn.Parameter]]:
    return [list(self.conv.parameters()), list(self.norm.parameters())]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_each_layer_has_a_share_of_the_next_layers_rate(
    make_study: Any, monkeypatch: pytest.MonkeyPatch, schedule: str
) -> None:
    monkeypatch.setattr(TinyNet, "layer_groups", layers, raising=False)
    overrides = [f'scheduler.name="{schedule}"', "optimizer.head_learning_rate=0.5"]
    if schedule == "cosine":
        overrides.append("scheduler.min_learning_rate=0.004")
    plain = trainer_of(make_study, *overrides)
    decayed = trainer_of(make_study, *overrides, "optimizer.layer_decay=0.25", "training.warmup_epochs=1")
    for epoch in range(1, 7):
        learning_rate = train(decayed, epoch).learning_rate
        train(plain, epoch)
        expected = rates(plain)
        rate = expected.pop("backbone")
        assert rates(decayed) == pytest.approx({"backbone layer 1": rate, "backbone layer 0": 0.25 * rate, **expected})
        assert learning_rate == pytest.approx(rate)


def test_a_layer_decay_of_one_changes_nothing(make_study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TinyNet, "layer_groups", layers, raising=False)
    plain, decayed = trainer_of(make_study), trainer_of(make_study, "optimizer.layer_decay=1.0")
    figures = [(train(plain, epoch), train(decayed, epoch)) for epoch in (1, 2)]
    assert all(one.loss == other.loss for one, other in figures)
    assert all(one.diagnostics == other.diagnostics for one, other in figures)


def test_layers_that_a_backbone_does_not_say(make_study: Any) -> None:
    with pytest.raises(StudyError, match=r"optimizer\.layer_decay: this backbone does not define layers"):
        trainer_of(make_study, "optimizer.layer_decay=0.5")


@pytest.mark.parametrize("twice", [True, False])
def test_layers_must_hold_each_parameter_once(make_study: Any, monkeypatch: pytest.MonkeyPatch, twice: bool) -> None:
    wrong = [[0, 1], [1, 2, 3]] if twice else [[0, 1], [2]]
    monkeypatch.setattr(
        TinyNet, "layer_groups", lambda self: [[[*self.parameters()][i] for i in w] for w in wrong], raising=False
    )
    with pytest.raises(PluginError, match="`layer_groups` must return each of its parameters exactly once"):
        trainer_of(make_study, "optimizer.layer_decay=0.5")


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
def test_optimisers_by_name(make_study: Any, name: str) -> None:
    trainer = trainer_of(make_study, f'optimizer.name="{name}"', "optimizer.momentum=0.5")
    before = trainer.model.linear.weight.clone()
    train(trainer, 1)
    assert not torch.equal(before, trainer.model.linear.weight)


def test_an_optimiser_that_is_not_there() -> None:
    with pytest.raises(StudyError, match=r"optimizer\.name = 'adamx'.* Did you mean 'adam"):
        check_optimizer("adamx")


def test_an_optimiser_that_cannot_be_made_so(make_study: Any) -> None:
    with pytest.raises(StudyError, match=r"optimizer\.name = 'sgd' .*: Nesterov momentum requires a momentum"):
        trainer_of(make_study, 'optimizer.name="sgd"', "optimizer.momentum=0.0")


def test_step_schedule(make_study: Any) -> None:
    trainer = trainer_of(
        make_study, 'scheduler={name="step", decay_epochs=2, decay_rate=0.5}', "optimizer.loss_learning_rate=0.08"
    )
    for epoch, factor in enumerate((1, 1, 0.5, 0.5, 0.25, 0.25), start=1):
        train(trainer, epoch)
        assert rates(trainer) == pytest.approx(
            {"backbone": 0.01 * factor, "head": 0.01 * factor, "loss": 0.08 * factor}
        )


def test_cosine_schedule_falls_to_the_lowest_rate(make_study: Any) -> None:
    trainer = trainer_of(make_study, 'scheduler={name="cosine", min_learning_rate=0.001}')
    seen = [(train(trainer, epoch), rates(trainer)["backbone"])[1] for epoch in range(1, 7)]
    assert seen[0] == pytest.approx(0.01)
    assert sorted(seen, reverse=True) == seen
    assert 0.001 < seen[-1] < 0.002


def test_warmup_leaves_the_backbone_alone(make_study: Any) -> None:
    trainer = trainer_of(make_study, "training.warmup_epochs=2", "training.freeze_batchnorm=true")
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    scale = trainer.loss.scale.clone()
    train(trainer, 2)
    changed = {name for name, value in trainer.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"linear.weight", "linear.bias"}
    assert not torch.equal(scale, trainer.loss.scale)
    train(trainer, 3)
    assert not torch.equal(trainer.model.backbone.conv.weight, before["backbone.conv.weight"])


@pytest.mark.parametrize("frozen", [True, False])
def test_batchnorm_statistics(make_study: Any, frozen: bool) -> None:
    trainer = trainer_of(make_study, f"training.freeze_batchnorm={str(frozen).lower()}")
    norm = trainer.model.backbone.norm
    before = norm.running_mean.clone()
    weight = norm.weight.clone()
    train(trainer, 1)
    assert torch.equal(norm.running_mean, before) == frozen
    assert not torch.equal(norm.weight, weight), "scale and shift are trained"
    assert trainer.model.backbone.drop.training, "the rest trains as ever"


def test_clipping(make_study: Any) -> None:
    for override, largest in (("training.clip_norm=1e-6", 1e-6), ("training.clip_value=1e-7", 1e-7)):
        trainer = trainer_of(make_study, override)
        train(trainer, 1)
        gradients = torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None])
        size = gradients.norm() if "norm" in override else gradients.abs().max()
        assert 0 < size.item() <= largest * 1.01


def test_state_comes_back_whole(make_study: Any) -> None:
    first = trainer_of(make_study)
    train(first, 1)
    second = trainer_of(make_study, "seeds=[0]")
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert train(first, 2).loss == train(second, 2).loss
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.model.state_dict().values(), second.model.state_dict().values(), strict=True)
    )


def test_mean_cosine() -> None:
    rows = torch.randn(5, 3)
    unit = rows / rows.norm(dim=1, keepdim=True)
    product = unit @ unit.T
    expected = (product.sum() - product.trace()) / 20
    assert mean_cosine(rows) == pytest.approx(expected.item(), abs=1e-6)
    assert mean_cosine(rows[:1]) == 0
