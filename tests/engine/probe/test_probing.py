"""Batch sizes are really tried, judged, searched, stored and gone on with."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from rich.console import Console
from torch import Tensor, nn

from dmlcore import Embeddings, StudyError
from dmlcore.api.progress import shown_on
from dmlcore.api.progress_bar import ProgressBar
from dmlcore.engine.probe import probing
from dmlcore.engine.probe.probing import PARTIAL, largest, planned_sizes, probe_study, stored_probe, stored_trials
from dmlcore.engine.probe.reasoning import Reasoning, SmallestBatch
from dmlcore.engine.probe.trial import Bench, gain_interval
from dmlcore.report.explanation.batch_size import minimum_sentence
from dmlcore.results.store import PROBE, Store
from dmlcore.results.trials import Probe, Trial
from dmlcore.study.schema import StudyProbe
from toy_networks import PairLoss, TinyNet
from toys import Balanced, Collapse, Nearest, Pair, SquareImages, Tiny

LABELS = np.repeat(np.arange(6), 6)

HARD = 'dataset={use="squares", classes=12, each=12}'
"""Squares among which the untrained network is often wrong, given their noise."""


@pytest.fixture(autouse=True)
def noisy_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Squares of which one number alone tells the class, with hits of each query told."""

    def image(self: SquareImages, index: int) -> Any:
        from PIL import Image

        level = np.random.default_rng(self._first + int(self.labels[index])).integers(70, 186)
        draws = np.random.default_rng(10_000 + self._first * 1000 + index)
        pixels = draws.integers(0, 256, (12, 12, 3))
        pixels[..., 0] = level + draws.normal(0, 3, (12, 12))
        return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))

    def per_query(_self: Nearest, queries: Embeddings, _gallery: Any = None) -> dict[str, np.ndarray]:
        similarity = queries.vectors @ queries.vectors.T
        np.fill_diagonal(similarity, -np.inf)
        return {"recall_at_1": (queries.labels[similarity.argmax(1)] == queries.labels).astype(np.float64)}

    monkeypatch.setattr(SquareImages, "image", image)
    monkeypatch.setattr(Nearest, "per_query", per_query)


@pytest.fixture
def probe(make_study: Any) -> Any:
    """A study's probe, with some options of its table and overrides of the study."""

    def make(table: str = "", *overrides: str) -> StudyProbe:
        text = f'[probe]\nmetric = "nearest/recall_at_1"\n{table}\n'
        found = make_study("seeds=[0]", HARD, *overrides, added=text).probe
        assert found is not None
        return found  # type: ignore[no-any-return]

    return make


def made(probe: StudyProbe, root: Path) -> tuple[Probe, str]:
    """The probe, and what was said."""
    said = io.StringIO()
    with shown_on(ProgressBar(Console(file=said, width=500))):
        return probe_study(probe, Store(root)), said.getvalue()


def numbers(found: Probe) -> list[tuple[Any, ...]]:
    """All that must come out the same again."""
    clock = ("seconds", "peak_memory")
    return [
        (t.batch_size, t.regime, t.refused, t.reasons, {k: v for k, v in t.figures.items() if k not in clock})
        for t in found.trials
    ]


def test_sizes_that_are_given(probe: Any, tmp_path: Path) -> None:
    found, said = made(probe("sizes = [2, 3, 6, 30]\nsteps = 40"), tmp_path)
    broken, refused, small, large = found.trials
    assert (found.study, found.path, found.metric, found.steps) == (
        "toy",
        "training.batch_size",
        "nearest/recall_at_1",
        40,
    )
    assert broken == Trial(2, "impossible", (), refused=broken.refused)
    assert broken.refused.startswith("The sampler 'balanced'")
    assert "ValueError: range() arg 3 must not be zero" in broken.refused
    assert (refused.regime, refused.runs) == ("failed", False)
    assert refused.reasons[0].startswith("3 images of 1 class;")
    assert "2 positives, 0 negatives, 0 triplets." in refused.reasons[0]
    assert refused.refused.startswith("A batch of 3 images of 1 class")
    assert "Step 1 of 40 failed: The loss 'pair' became nan in step" in refused.reasons[1]
    assert small.runs
    assert large.regime == "learns"
    assert large.learns
    assert large.figures["gain_low"] > 0
    assert large.figures["steps"] == 40
    assert large.figures["gain"] == pytest.approx(large.figures["metric_after"] - large.figures["metric_before"])
    assert large.figures["loss_last"] < large.figures["loss_first"]
    assert large.figures["gradient_norm"] > 0
    assert found.smallest_that_runs == 6
    assert found.largest_that_fits is None
    lines = [line.split()[:3] for line in said.splitlines() if line.startswith("    ")]
    assert lines[:2] == [["2", "refused,", "impossible"], ["3", "refused,", "failed"]]
    assert "The smallest batch with which training runs is 6" in said
    assert stored_probe(probe("sizes = [2, 3, 6, 30]\nsteps = 40"), Store(tmp_path)) == found


def test_the_same_probe_gives_the_same_numbers(probe: Any, tmp_path: Path) -> None:
    first, _ = made(probe("sizes = [6, 12]\nsteps = 5"), tmp_path / "a")
    second, _ = made(probe("sizes = [6, 12]\nsteps = 5"), tmp_path / "b")
    assert numbers(first) == numbers(second)
    assert first.trials[0].figures["metric_before"] == first.trials[1].figures["metric_before"]


def test_a_finished_probe_is_not_made_again(probe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = made(probe("sizes = [6]\nsteps = 2"), tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Bench, "of", lambda *_: pytest.fail("made again"))
        assert made(probe("sizes = [6]\nsteps = 2"), tmp_path) == (first, "")
    other, _ = made(probe("sizes = [6]\nsteps = 3"), tmp_path)
    assert other.steps == 3, "another table is another probe"
    assert [path.name for path in (tmp_path / "toy").iterdir() if not path.name.startswith(".")] == [PROBE]


def test_a_killed_probe_goes_on_with_the_next_size(probe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = probe("sizes = [3, 6, 12]\nsteps = 4")
    whole, _ = made(wanted, tmp_path / "whole")
    tried: list[int] = []
    try_size = Bench.try_size

    def stopping(self: Bench, size: int, *rest: Any) -> Any:
        tried.append(size)
        if tried == [3, 6, 12]:
            raise KeyboardInterrupt
        return try_size(self, size, *rest)

    monkeypatch.setattr(Bench, "try_size", stopping)
    with pytest.raises(KeyboardInterrupt):
        made(wanted, tmp_path / "stopped")
    assert [trial.batch_size for trial in stored_trials(wanted, Store(tmp_path / "stopped"))] == [3, 6]
    assert stored_probe(wanted, Store(tmp_path / "stopped")) is None
    resumed, _ = made(wanted, tmp_path / "stopped")
    assert tried == [3, 6, 12, 12]
    assert numbers(resumed) == numbers(whole)
    assert not (tmp_path / "stopped" / "toy" / PARTIAL).exists()
    assert json.loads((tmp_path / "stopped" / "toy" / PROBE).read_text())["rule"]["smallest"] == 6


class Zero(PairLoss):
    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return super().forward(embeddings, labels) * 0 if len(labels) < 12 else super().forward(embeddings, labels)


def test_a_loss_of_zero_gives_no_signal(probe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pair, "build", lambda self, context: Zero(self.margin, context.embedding_dim, 0))
    found, _ = made(probe("sizes = [6]\nsteps = 3", "optimizer.weight_decay=0"), tmp_path)
    (trial,) = found.trials
    assert (trial.regime, trial.learns, trial.runs) == ("no signal", False, True)
    assert trial.figures["zero_loss_steps"] == 1
    assert trial.reasons[-1].startswith("The loss is exactly zero in every step")
    assert found.smallest_that_learns is None


class Flat(PairLoss):
    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return 1 + 0 * super().forward(embeddings, labels)


def test_no_gradient_gives_no_signal(probe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pair, "build", lambda self, context: Flat(self.margin, context.embedding_dim, 0))
    (trial,) = made(probe("sizes = [6]\nsteps = 3", "optimizer.weight_decay=0"), tmp_path)[0].trials
    assert trial.regime == "no signal"
    assert trial.figures["gradient_norm"] == 0
    assert trial.reasons[-1].startswith("The gradient is exactly zero in every step")


def test_collapse_is_named(probe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.Dropout, "forward", lambda _, features: features)  # it would keep embeddings apart
    overrides = ('loss={use="collapse"}', "optimizer.learning_rate=0.1")
    (trial,) = made(probe("sizes = [12]\nsteps = 300", *overrides), tmp_path)[0].trials
    assert trial.regime == "collapsed"
    assert trial.reasons[-1].startswith("The embeddings collapsed")
    assert trial.figures["unseen_cosine"] > 0.999 > trial.figures["unseen_cosine_before"]


def test_a_loss_that_is_not_finite_fails(probe: Any, tmp_path: Path) -> None:
    (trial,) = made(probe("sizes = [6]\nsteps = 3", 'loss={use="nan"}'), tmp_path)[0].trials
    assert (trial.regime, trial.runs) == ("failed", False)
    assert trial.reasons[-1].startswith("Step 1 of 3 failed: The loss 'nan' became nan in step 1 of epoch 1.")
    assert "loss_first" not in trial.figures


class OnePixel(TinyNet):
    """BatchNorm after the pooling: one value a channel and image."""

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.conv(images).mean((2, 3))[..., None, None])[..., 0, 0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("frozen", [True, False])
def test_batchnorm_needs_two_images(probe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen: bool) -> None:
    monkeypatch.setattr(Tiny, "build", lambda *_: OnePixel(False))
    monkeypatch.setattr(Collapse, "needs_positives", False)
    monkeypatch.setattr(Balanced, "build", lambda _, context: [[index] * context.batch_size for index in range(9)])
    overrides = (f"training.freeze_batchnorm={str(frozen).lower()}", 'loss={use="collapse"}')
    one, two = made(probe("sizes = [1, 2]\nsteps = 3", *overrides), tmp_path)[0].trials
    assert one.runs == frozen
    assert two.runs
    if not frozen:
        assert one.reasons[-1].startswith(
            "Step 1 of 3 failed: ValueError: Expected more than 1 value per channel when training"
        )


class Hungry(PairLoss):
    """Takes so much memory for larger batches that the device is out of it."""

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        if len(labels) > 15:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return super().forward(embeddings, labels)


def test_a_full_device(probe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pair, "build", lambda self, context: Hungry(self.margin, context.embedding_dim, 0))
    wanted = probe("sizes = [18]\nsteps = 3")
    (trial,) = made(wanted, tmp_path)[0].trials
    assert trial.reasons[-1].startswith("Step 1 of 3 failed: A batch of 18 images does not fit")
    assert "CUDA out of memory" in trial.reasons[-1]
    bench = Bench.of(wanted)
    assert [bench.fits(size) for size in (12, 15, 18)] == [True, True, False]


@pytest.mark.parametrize("end", range(1, 60, 4))
def test_the_largest_is_found_among_the_sizes_that_work(end: int) -> None:
    working = [size for size in range(1, 50) if size % 3 == 0]
    expected = max((size for size in working if size <= end), default=None)
    assert largest(lambda size: size <= end, lambda size: size in working, 12, 49) == expected


def test_a_search_tries_both_neighbors_of_what_it_finds(probe: Any, tmp_path: Path) -> None:
    found, _ = made(probe("steps = 40", "training.batch_size=36"), tmp_path)
    sizes = {trial.batch_size: trial for trial in found.trials}
    assert list(sizes) == sorted(sizes)
    assert found.smallest_that_runs == found.smallest_that_learns == 6
    assert not sizes[5].runs
    assert sizes[7].runs
    assert sizes[6].learns
    assert 36 in sizes
    sentence = minimum_sentence(found)
    assert sentence.startswith("The smallest batch with which training runs is 6 (2 classes of 3 images")
    assert "5 is refused: its batches have no negative pair. Tried anyway, a step failed" in sentence


class Searched:
    """Trials of which it is said which run and which learn."""

    def __init__(self, working: set[int], learning: int) -> None:
        self.bench = self
        self.run = self.labels = None
        self.working, self.learning = working, learning
        self.tried: list[int] = []

    def at(self, size: int) -> Trial:
        if size not in self.tried:
            self.tried.append(size)
        if size not in self.working:
            return Trial(size, "impossible", (), refused="No.")
        return Trial(size, "learns" if size >= self.learning else "inconclusive", ())

    def works(self, size: int) -> bool:
        return size in self.working

    def first_that_works(self, first: int, last: int) -> int | None:
        return next((size for size in range(first, last + 1) if size in self.working), None)


@pytest.mark.parametrize("learning", [*range(10, 101, 5), 1000])
def test_the_search_ends_between_two_neighbors(monkeypatch: pytest.MonkeyPatch, learning: int) -> None:
    working = set(range(10, 500, 5))
    monkeypatch.setattr(probing, "smallest_batch", lambda *_: SmallestBatch(10, 9, "", 15))
    batches = {size: [[0]] for size in range(5, 500, 5)}
    monkeypatch.setattr(probing, "reason", lambda _run, _labels, size: Reasoning(size, None, batches.get(size, [])))
    trials = Searched(working, learning)
    probing.search(trials, 100)  # type: ignore[arg-type]
    assert {5, 9, 10, 11, 100} <= set(trials.tried)
    if 10 < learning <= 100:
        assert {learning - 5, learning} <= set(trials.tried)
    assert len(trials.tried) <= 13


def test_planned_sizes_are_those_that_steps_are_made_with(probe: Any) -> None:
    labels = np.repeat(np.arange(12), 12)
    assert planned_sizes(probe("sizes = [2, 3, 6]"), labels) == [3, 6]
    assert planned_sizes(probe("", "training.batch_size=36"), labels) == [6, 12, 24, 36]


def test_rates_and_warm_up_are_those_of_a_first_epoch_without_warm_up(probe: Any, tmp_path: Path) -> None:
    plain, _ = made(probe("sizes = [12]\nsteps = 6"), tmp_path / "a")
    overrides = ("training.warmup_epochs=2", 'scheduler={name="step", decay_epochs=1, decay_rate=0.1}')
    shaped, _ = made(probe("sizes = [12]\nsteps = 6", *overrides, "training.max_steps=1"), tmp_path / "b")
    assert numbers(plain) == numbers(shaped)


def test_a_metric_without_values_a_query_has_no_interval(
    probe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Nearest, "per_query", lambda *_: {})
    (trial,) = made(probe("sizes = [30]\nsteps = 40"), tmp_path)[0].trials
    assert "gain_low" not in trial.figures
    assert trial.learns == (trial.figures["gain"] > 0)


def test_a_metric_that_is_not_there(probe: Any, tmp_path: Path) -> None:
    wanted = probe("sizes = [6]")
    wanted = evolve(wanted, table=evolve(wanted.table, metric="nearest/recall_at_7"))
    with pytest.raises(StudyError) as caught:
        made(wanted, tmp_path)
    assert "nearest/recall_at_7" in str(caught.value)
    assert "nearest/recall_at_1, nearest/spread" in str(caught.value)


def test_the_interval_of_a_gain_widens_with_what_classes_share() -> None:
    draws = np.random.default_rng(0)
    labels = np.repeat(np.arange(40), 25)
    alone = draws.normal(0.5, 1, 1000)
    shared = 0.5 + np.repeat(draws.normal(0, 1, 40), 25)
    narrow, wide = (gain_interval(gains, labels, np.random.default_rng(1)) for gains in (alone, shared))
    assert narrow[1] - narrow[0] == pytest.approx(2 * 1.96 / np.sqrt(1000), rel=0.3)
    assert wide[1] - wide[0] == pytest.approx(2 * 1.96 / np.sqrt(40), rel=0.3)
    assert narrow[0] < alone.mean() < narrow[1]


def test_queries_that_are_left_out_do_not_count() -> None:
    gains, labels = np.array([1.0, 1.0, np.nan, np.nan]), np.array([0, 1, 0, 2])
    assert gain_interval(gains, labels, np.random.default_rng(0)) == (1.0, 1.0)


def test_the_hooks_of_a_trial_are_gone_after_it(probe: Any) -> None:
    bench = Bench.of(probe("sizes = [6]\nsteps = 2"))
    trainer = bench.trainer()
    before: nn.Module = trainer.loss
    bench._train(trainer, [[0, 1, 12, 13]])
    assert not before._forward_hooks
    assert not trainer.optimizer._optimizer_step_pre_hooks
