"""The batches of an epoch are the sampler's, and are checked."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dmlcore import PluginError, TrainingError
from dmlcore.engine.batching import check_batch, coverage, epoch_batches
from toys import Balanced, Pair

LABELS = np.repeat(np.arange(6), 6)


def test_batches_depend_on_seed_and_epoch_alone(make_study: Any) -> None:
    first, second = make_study().runs
    assert epoch_batches(first, LABELS, 1) == epoch_batches(first, LABELS, 1)
    assert epoch_batches(first, LABELS, 1) != epoch_batches(first, LABELS, 2)
    assert epoch_batches(first, LABELS, 1) != epoch_batches(second, LABELS, 1)


def test_a_quick_trial_ends_an_epoch_early(make_study: Any) -> None:
    assert len(epoch_batches(make_study("training.max_steps=1").runs[0], LABELS, 1)) == 1


@pytest.mark.parametrize("batch", [[], [0, 36], [-1, 0]])
def test_a_sampler_that_breaks_its_promise(make_study: Any, monkeypatch: pytest.MonkeyPatch, batch: list[int]) -> None:
    monkeypatch.setattr(Balanced, "build", lambda *_: [[0, 1, 6, 7], batch])
    with pytest.raises(PluginError, match=r"The sampler 'balanced' .*\(number 2\).* empty .* outside 0 … 35"):
        epoch_batches(make_study().runs[0], LABELS, 1)


def endless(*_: Any) -> Iterator[list[int]]:
    while True:
        yield [0, 1, 6, 7] * 5000


@pytest.mark.parametrize(("build", "batches"), [(endless, "51 batches"), (lambda *_: [itertools.count(0)], "1 batch")])
def test_a_sampler_that_never_ends_is_named(
    make_study: Any, monkeypatch: pytest.MonkeyPatch, build: Any, batches: str
) -> None:
    monkeypatch.setattr(Balanced, "build", build)
    with pytest.raises(PluginError) as caught:
        epoch_batches(make_study().runs[0], LABELS, 1)
    assert str(caught.value) == (
        f"The sampler 'balanced' does not end its epoch: it returned {batches} of more than 1,000,000 images in all,"
        " from 36 training images. Set training.max_steps, or use another sampler."
    )


def test_a_sampler_without_an_end_is_cut_by_max_steps(make_study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Balanced, "build", endless)
    assert len(epoch_batches(make_study("training.max_steps=3").runs[0], LABELS, 1)) == 3


def test_a_sampler_that_returns_no_batch_is_stopped(make_study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def waiting(*_: Any) -> Iterator[list[int]]:
        yield [0, 1, 6, 7]
        time.sleep(60)

    monkeypatch.setenv("DMLCORE_PLUGIN_SECONDS", "0.02")
    monkeypatch.setattr(Balanced, "build", waiting)
    with pytest.raises(PluginError) as caught:
        epoch_batches(make_study().runs[0], LABELS, 1)
    assert str(caught.value).startswith(
        "The sampler 'balanced' failed in build: TimeLimitError: it returned no batch for 0.2 s."
    )


@pytest.mark.parametrize(
    ("labels", "missing"), [([0, 0, 1], None), ([0, 1, 2], "no positive pair"), ([1, 1, 1], "no negative pair")]
)
def test_a_batch_must_hold_what_the_loss_needs(labels: list[int], missing: str | None) -> None:
    if missing is None:
        check_batch(Pair(), np.array(labels))
        return
    with pytest.raises(TrainingError, match=f"so the loss 'pair' has {missing}"):
        check_batch(Pair(), np.array(labels))


def test_coverage_counts_each_image_once() -> None:
    assert coverage([[0, 1], [1, 2]], 4) == 0.75
