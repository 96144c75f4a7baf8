"""Checks of samplers."""

from __future__ import annotations

from typing import Any

import numpy as np

from dmlcore.api.components import SamplerConfig
from dmlcore.api.values import SamplerContext
from dmlcore.engine.batching import most_images, taken
from dmlcore.errors import StudyError
from dmlcore.testing.checking import ContractError, checks_in, demand, refusals
from dmlcore.testing.numbers import Numbers, demand_same

BATCH_SIZES = (20, 24, 18, 28, 16, 30, 60, 32)
"""Tried in order: a sampler may refuse some."""

LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(12), 10))
"""(120,): ten images of each of twelve classes, in random order."""


def numbers(component: SamplerConfig) -> Numbers:
    """The batches of two epochs."""
    return {
        f"batches of epoch {epoch}": np.array([i for batch in _batches(component, epoch, epoch) for i in (*batch, -1)])
        for epoch in (1, 2)
    }


def builds(component: SamplerConfig) -> None:
    """It returns batches of 120 images of 12 classes, for at least one common batch size."""
    with refusals(StudyError):
        batches = _batches(component)
    demand(batches, "at least one batch", "none", "Raise StudyError for unsupported batch sizes.")


def epochs_end(component: SamplerConfig) -> None:
    """The batches of an epoch end: they have at most 1,000,000 images."""
    sampled = sum(map(len, _batches(component)))
    demand(
        sampled <= most_images(len(LABELS)),
        f"at most {most_images(len(LABELS)):,} images in an epoch of {len(LABELS)} images",
        "more",
        "End the iteration when the epoch is over.",
    )


def batches_are_indices(component: SamplerConfig) -> None:
    """Batches are sequences of integers from 0 to N − 1."""
    for number, batch in enumerate(_epoch(component, _context(component)), start=1):
        for index in batch:
            demand(
                isinstance(index, int | np.integer) and not isinstance(index, bool) and 0 <= index < len(LABELS),
                f"indices from 0 to {len(LABELS) - 1} of {len(LABELS)} images",
                f"{index!r} in batch {number}",
                "Return indices into `context.labels`.",
            )


def batches_are_of_the_asked_size(component: SamplerConfig) -> None:
    """Batches have `context.batch_size` images; the last may have fewer."""
    size = _batch_size(component)
    lengths = [len(batch) for batch in _batches(component)]
    if any(length != size for length in lengths[:-1]) or not 0 < lengths[-1] <= size:
        wrong = next(length for length in lengths if length != size)
        raise ContractError(
            f"batches of {size} images", f"one of {wrong}", "Raise StudyError for unsupported batch sizes."
        )


def same_generator_gives_the_same_batches(component: SamplerConfig) -> None:
    """A generator in the same state gives the same batches."""
    first, again = (np.array([i for batch in _batches(component) for i in batch]) for _ in range(2))
    demand_same(
        {"batches": first},
        {"batches": again},
        when="with a generator of the same state",
        remedy="Draw only from context.generator.",
    )


def another_epoch_gives_other_batches(component: SamplerConfig) -> None:
    """Another epoch has other batches."""
    demand(
        _batches(component, epoch=1, seed=1) != _batches(component, epoch=2, seed=2),
        "other batches in another epoch",
        "the same",
        "Draw from context.generator. If this is intended, say so in the test: "
        'contract(…, without={"another_epoch_gives_other_batches": "why"}).',
    )


def leaves_the_labels_alone(component: SamplerConfig) -> None:
    """It does not modify the labels."""
    context = _context(component)
    _epoch(component, context)
    demand(
        np.array_equal(context.labels, LABELS),
        "unchanged labels",
        "other labels",
        "Work on a copy: np.sort, not labels.sort().",
    )


CHECKS = checks_in(__name__)


def _context(component: SamplerConfig, epoch: int = 1, seed: int = 0) -> SamplerContext:
    return SamplerContext(LABELS.copy(), _batch_size(component), epoch, np.random.default_rng(seed))


def _batches(component: SamplerConfig, epoch: int = 1, seed: int = 0) -> list[list[Any]]:
    return _epoch(component, _context(component, epoch, seed))


def _epoch(component: SamplerConfig, context: SamplerContext) -> list[list[Any]]:
    """The batches, up to the limit of images."""
    return taken(lambda: component.build(context), None, most_images(len(LABELS)))


def _batch_size(component: SamplerConfig) -> int:
    """The first batch size that the sampler supports. Raises its last StudyError if there is none."""
    refusal = StudyError("no batch size was tried")
    for size in BATCH_SIZES:
        try:
            _epoch(component, SamplerContext(LABELS.copy(), size, 1, np.random.default_rng(0)))
        except StudyError as error:
            refusal = error
        else:
            return size
    raise refusal
