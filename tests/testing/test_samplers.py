"""Each check of a sampler fails where its promise is broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dmlcore import SamplerConfig, StudyError
from dmlcore.testing.samplers import CHECKS
from testing.failing import component_of, failure_of

Batches = list[list[Any]]


def sampler(build: Any) -> Any:
    return component_of(SamplerConfig, build=build)


def cut(order: Any, size: int) -> Batches:
    return [list(order[start : start + size]) for start in range(0, len(order) - size + 1, size)]


def refusing(self: Any, context: Any) -> Batches:
    raise StudyError(f"training.batch_size = {context.batch_size} is not 7.")


def beyond(self: Any, context: Any) -> Batches:
    return cut(1 + context.generator.permutation(len(context.labels)), context.batch_size)


def shrinking(self: Any, context: Any) -> Batches:
    return [[0] * context.batch_size, [1, 2], [0] * context.batch_size]


def unseeded(self: Any, context: Any) -> Batches:
    return cut(np.random.default_rng().permutation(len(context.labels)), context.batch_size)


def always_alike(self: Any, context: Any) -> Batches:
    return cut(np.random.default_rng(0).permutation(len(context.labels)), context.batch_size)


def sorting(self: Any, context: Any) -> Batches:
    context.labels.sort()
    return cut(context.generator.permutation(len(context.labels)), context.batch_size)


def endless(self: Any, context: Any) -> Iterator[list[int]]:
    while True:
        yield list(range(context.batch_size))


BROKEN = [
    (
        "builds",
        refusing,
        "StudyError: training.batch_size = 32 is not 7.",
    ),
    ("builds", lambda self, context: [], "got       none"),
    ("epochs_end", endless, "at most 1,000,000 images in an epoch of 120 images"),
    ("batches_are_indices", beyond, "np.int64(120) in batch 6"),
    ("batches_are_indices", lambda self, context: [["a"]], "'a' in batch 1"),
    ("batches_are_of_the_asked_size", shrinking, "one of 2"),
    ("batches_are_of_the_asked_size", lambda self, context: [[0] * 21], "one of 21"),
    ("same_generator_gives_the_same_batches", unseeded, "the same batches with a generator of the same state"),
    ("another_epoch_gives_other_batches", always_alike, "got       the same"),
    ("leaves_the_labels_alone", sorting, "other labels"),
]


@pytest.mark.parametrize(("check", "build", "words"), BROKEN)
def test_a_broken_promise_is_told(check: str, build: Any, words: str) -> None:
    assert words in failure_of(sampler(build), check)


def test_every_check_is_seen_to_fail() -> None:
    assert {row[0] for row in BROKEN} == {check.__name__ for check in CHECKS}
