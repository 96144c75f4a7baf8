"""Each check of a sampler fails where its promise is broken."""

from __future__ import annotations

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


BROKEN = [
    (
        "builds",
        refusing,
        "a component that can be built with these options",
        "StudyError: training.batch_size = 32 is not 7.",
    ),
    ("builds", lambda self, context: [], "at least one batch", "none"),
    ("batches_are_indices", beyond, "indices from 0 to 119 of 120 images", "np.int64(120) in batch 6"),
    ("batches_are_indices", lambda self, context: [["a"]], "indices from 0 to 119 of 120 images", "'a' in batch 1"),
    ("batches_are_of_the_asked_size", shrinking, "batches of 20 images", "one of 2"),
    ("batches_are_of_the_asked_size", lambda self, context: [[0] * 21], "batches of 20 images", "one of 21"),
    ("same_generator_gives_the_same_batches", unseeded, "the same batches with a generator of the same state", None),
    ("another_epoch_gives_other_batches", always_alike, "other batches in another epoch", "the same"),
    ("leaves_the_labels_alone", sorting, "the labels as they were given", "others"),
]


@pytest.mark.parametrize(("check", "build", "expected", "found"), BROKEN)
def test_a_broken_promise_is_told(check: str, build: Any, expected: str, found: str | None) -> None:
    told = failure_of(sampler(build), check)
    assert told == (expected, told[1] if found is None else found)


def test_every_check_is_seen_to_fail() -> None:
    assert {row[0] for row in BROKEN} == {check.__name__ for check in CHECKS}
