"""The batches of an epoch are the sampler's, and are checked."""

from __future__ import annotations

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
