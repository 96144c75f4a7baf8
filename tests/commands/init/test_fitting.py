"""Settings that fit every number of classes and images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlcore import SamplerContext
from dmlcore.commands.init.fitting import CLASSES_PER_BATCH, EPOCHS, SAMPLES_PER_CLASS, fit
from dmlcore_plugins.samplers.m_per_class import MPerClass


@pytest.mark.parametrize(
    ("counts", "tests", "samples", "batch_size", "steps", "epochs", "recall_at"),
    [
        ([3] * 2, 6, 3, 6, 1, 10, (1, 2)),
        ([5] * 12, 60, 4, 48, 1, 10, (1, 2, 4, 8)),
        ([20] * 50, 1000, 4, 60, 16, 6, (1, 2, 4, 8)),
        ([57] * 25, 1487, 4, 60, 23, 4, (1, 2, 4, 8)),
        ([100] * 1000, 100_000, 4, 60, 1666, 4, (1, 2, 4, 8)),
    ],
    ids=["4 classes of 3", "24 of 5", "100 of 20", "50 birds", "many"],
)
def test_what_fits(
    counts: list[int],
    tests: int,
    samples: int,
    batch_size: int,
    steps: int,
    epochs: int,
    recall_at: tuple[int, ...],
) -> None:
    chosen = fit(counts, tests)
    found = (chosen.samples_per_class, chosen.batch_size, chosen.steps_per_epoch, chosen.epochs, chosen.recall_at)
    assert found == (samples, batch_size, steps, epochs, recall_at)
    assert chosen.small_classes == 0


@given(st.lists(st.integers(1, 40), min_size=2, max_size=60), st.integers(3, 500))
def test_the_sampler_serves_it(counts: list[int], tests: int) -> None:
    chosen = fit(counts, tests)
    labels = np.repeat(np.arange(len(counts)), counts)
    sampler = MPerClass(samples_per_class=chosen.samples_per_class, allow_repeats=chosen.small_classes > 0)
    batches = sampler.build(SamplerContext(labels, chosen.batch_size, 1, np.random.default_rng(0)))
    assert [len(batch) for batch in batches] == [chosen.batch_size] * chosen.steps_per_epoch
    assert 2 <= chosen.samples_per_class <= SAMPLES_PER_CLASS
    assert 2 <= chosen.classes_per_batch <= CLASSES_PER_BATCH
    assert EPOCHS[0] <= chosen.epochs <= EPOCHS[1]
    assert all(k < tests for k in chosen.recall_at)
