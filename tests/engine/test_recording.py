"""What is recorded of training is true, finite, and changes nothing."""

from __future__ import annotations

import doctest
import itertools
import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from dmlcore import LossConfig, PluginError, StudyError
from dmlcore.engine import recording
from dmlcore.engine.model import build_loss, build_model
from dmlcore.engine.recording import Recorder, recorded_steps, similarity_figures
from dmlcore.engine.trainer import Trainer
from toys import SquareImages


@given(st.integers(1, 3000))
def test_recorded_steps_are_evenly_spread(count: int) -> None:
    steps = sorted(recorded_steps(count))
    assert steps[0] == 1
    assert steps[-1] == count
    assert len(steps) == min(count, 16, max(2, count // 4))
    gaps = {later - earlier for earlier, later in itertools.pairwise(steps)}
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_the_examples_of_the_docstrings() -> None:
    outcome = doctest.testmod(recording)
    assert outcome.failed == 0
    assert outcome.attempted == 1


def looped(embeddings: np.ndarray, labels: np.ndarray, anchors: range) -> tuple[list[float], list[float]]:
    """Cosines of the anchors' positive and negative pairs, one by one in float64."""
    positives, negatives = [], []
    for a, b in itertools.product(anchors, range(len(labels))):
        x, y = embeddings[a].astype(float), embeddings[b].astype(float)
        if a != b:
            (positives if labels[a] == labels[b] else negatives).append(float(x @ y / math.sqrt((x @ x) * (y @ y))))
    return sorted(positives), sorted(negatives)


@pytest.mark.parametrize(("pairs", "stride"), [(2**18, 1), (900, 1), (899, 2), (300, 3)])
def test_similarities_of_a_batch(pairs: int, stride: int) -> None:
    generator = np.random.default_rng(0)
    embeddings = generator.standard_normal((30, 4)).astype(np.float32) + 0.5
    labels = np.repeat(np.arange(6), 5)
    positives, negatives = looped(embeddings, labels, range(0, 30, stride))
    figures = similarity_figures(embeddings, labels, pairs)
    for name, values in (("positive_similarity", positives), ("negative_similarity", negatives)):
        assert figures[name] == pytest.approx(np.mean(values), abs=1e-6)
        for quantile in ("05", "50", "95"):
            at = int(int(quantile) / 100 * (len(values) - 1))
            assert figures[f"{name}_q{quantile}"] == pytest.approx(values[at], abs=1e-6)
    more = [(n > p) + (n == p) / 2 for p in positives for n in negatives]
    assert figures["similarity_overlap"] == pytest.approx(np.mean(more), abs=1e-6)
    assert len(figures) == 9
    assert all(type(value) is float for value in figures.values())


def test_what_is_undefined_is_left_out() -> None:
    rows = np.eye(4, dtype=np.float32)
    assert set(similarity_figures(rows, np.arange(4))) == {
        f"negative_similarity{q}" for q in ("", "_q05", "_q50", "_q95")
    }
    assert similarity_figures(rows, np.zeros(4, int))["positive_similarity"] == 0
    assert "negative_similarity" not in similarity_figures(rows, np.zeros(4, int))
    assert similarity_figures(rows[:1], np.zeros(1, int)) == {}
    assert similarity_figures(np.full_like(rows, np.inf), np.arange(4)) == {}


def test_embeddings_without_a_direction_are_as_far_as_can_be() -> None:
    figures = similarity_figures(np.zeros((4, 3), np.float32), np.array([0, 0, 1, 1]))
    assert figures["positive_similarity"] == figures["negative_similarity"] == 0
    assert figures["similarity_overlap"] == 0.5


class Shares(nn.Module):
    """A loss whose activity is what the test says."""

    def __init__(self, told: Any) -> None:
        super().__init__()
        self.told = told

    def activity(self, embeddings: Tensor, labels: Tensor) -> Any:
        assert not embeddings.requires_grad
        return self.told() if callable(self.told) else self.told


@frozen
class Sharing(LossConfig):
    """The component of that loss."""

    name = "shares"


def recorder_of(told: Any, model: nn.Module | None = None) -> Recorder:
    recorder = Recorder(Sharing(), model or nn.Linear(2, 2), Shares(told))
    recorder.start_epoch(3)
    return recorder


def record(recorder: Recorder, step: int = 1) -> dict[str, float]:
    recorder.record(step, torch.eye(4, requires_grad=True), torch.tensor([0, 0, 1, 1]))
    return recorder.means()


def test_activity_is_recorded_and_nan_is_left_out() -> None:
    shares = iter([{"active_triplets": torch.tensor(0.5), "other": math.nan}, {"active_triplets": 0, "other": 1}])
    recorder = recorder_of(lambda: next(shares))
    record(recorder, 1)
    figures = record(recorder, 3)
    assert figures["active_triplets"] == 0.25
    assert figures["other"] == 1


def test_an_activity_that_fails_is_blamed_on_the_loss() -> None:
    def fail() -> None:
        raise ValueError("no such shape")

    with pytest.raises(PluginError) as caught:
        record(recorder_of(fail))
    assert str(caught.value).startswith("The loss 'shares' fails in `activity` (ValueError: no such shape).")
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("error", [StudyError("set the margin"), torch.OutOfMemoryError("2 GiB")])
def test_errors_that_say_what_to_do_pass(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        record(recorder_of(fail))
    assert caught.value is error


@pytest.mark.parametrize("share", [17.0, -0.5, math.inf])
def test_an_activity_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(PluginError, match=f"The loss 'shares' .* {share:g} for 'active_triplets' in `activity`"):
        record(recorder_of({"active_triplets": share}))


def test_an_activity_that_draws_disturbs_no_chance() -> None:
    def draw() -> dict[str, float]:
        return {"active_triplets": float(torch.rand(())) * random.random() * np.random.rand()}

    recorder = recorder_of(draw)
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    expected = (torch.rand(()).item(), random.random(), np.random.rand())
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    assert 0 < record(recorder)["active_triplets"] < 1
    assert (torch.rand(()).item(), random.random(), np.random.rand()) == expected


def test_only_the_chosen_steps_are_looked_at() -> None:
    recorder = recorder_of({"active_triplets": 1})
    recorder.start_epoch(40)
    assert record(recorder, 2) == {}
    assert record(recorder, 40)["active_triplets"] == 1
    recorder.start_epoch(40)
    assert recorder.means() == {}


def test_gradient_norm() -> None:
    model = nn.Linear(2, 1)
    assert "gradient_norm" not in record(recorder_of({}, model)), "there is no gradient yet"
    model.weight.grad = torch.tensor([[2.0, 3.0]])
    model.bias.grad = torch.tensor([6.0])
    assert record(recorder_of({}, model))["gradient_norm"] == 7
    model.bias.grad = torch.tensor([math.inf])
    assert "gradient_norm" not in record(recorder_of({}, model)), "a step that half precision skips"


def trainer_of(make_study: Any, *overrides: str) -> Trainer:
    run = make_study("training.epochs=6", *overrides).runs[0]
    model = build_model(run)
    return Trainer(run, model, build_loss(run, model.embedding_dim, 6))


def batches(count: int) -> list[tuple[Tensor, Tensor]]:
    labels = torch.from_numpy(SquareImages(0, 3, 3).labels)
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(9, 3, 8, 8, generator=generator), labels) for _ in range(count)]


def test_an_epochs_figures_are_means_over_its_recorded_steps(make_study: Any, monkeypatch: Any) -> None:
    trainer = trainer_of(make_study, "training.clip_norm=1e-3")
    norms: list[float] = []
    clip = nn.utils.clip_grad_norm_

    def clipped(parameters: Any, most: float) -> Tensor:
        gradients = [p.grad.flatten() for p in trainer.model.parameters()]
        norms.append(torch.cat(gradients).norm().item())
        return clip(parameters, most)

    monkeypatch.setattr(nn.utils, "clip_grad_norm_", clipped)
    diagnostics = trainer.train_epoch(1, batches(20), lambda *_: None).diagnostics
    recorded = [norms[step - 1] for step in recorded_steps(20)]
    assert len(recorded) == 5
    assert diagnostics["gradient_norm"] == pytest.approx(np.mean(recorded), rel=1e-5)
    assert diagnostics["gradient_norm"] > 1e-2, "as it was before clipping"
    assert 0 < diagnostics["similarity_overlap"] < 1
    assert diagnostics["positive_similarity"] <= 1
    assert "active_positive_pairs" not in diagnostics, "this loss doesn't say"


def test_recording_does_not_change_training(make_study: Any, monkeypatch: Any) -> None:
    watched, alone = trainer_of(make_study), trainer_of(make_study)
    watched.train_epoch(1, batches(4), lambda *_: None)
    monkeypatch.setattr(alone.recorder, "record", lambda *_: None)
    assert set(alone.train_epoch(1, batches(4), lambda *_: None).diagnostics) == {"mean_cosine", "zero_loss_steps"}
    pairs = zip(watched.model.state_dict().values(), alone.model.state_dict().values(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_single_image_of_each_class_has_no_positive_figures(make_study: Any, precision: str) -> None:
    trainer = trainer_of(make_study, f'training.precision="{precision}"')
    images, labels = batches(1)[0]
    trainer.loss = nn.Module()
    trainer.loss.forward = lambda embeddings, _: embeddings.square().sum() * 0 + embeddings[0, 0]
    diagnostics = trainer.train_epoch(1, [(images[::3], labels[::3])], lambda *_: None).diagnostics
    assert not any(name.startswith("positive") for name in diagnostics)
    assert "similarity_overlap" not in diagnostics
    assert all(math.isfinite(value) for value in diagnostics.values())
