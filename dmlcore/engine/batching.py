"""The batches of an epoch: the sampler provides them, and they are checked before training."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np

from dmlcore.api.components import LossConfig
from dmlcore.api.values import Embeddings, SamplerContext
from dmlcore.engine.seeding import generator
from dmlcore.errors import PluginError, StudyError, TrainingError
from dmlcore.host.faults import faults_of, named
from dmlcore.host.time_limit import plugin_seconds, time_limit
from dmlcore.study.schema import Run
from dmlcore.text import counted, duration

Batches = list[list[int]]

MOST_REPEATS = 100
"""An epoch may have each training image this many times, …"""

MOST_IMAGES = 1_000_000
"""… or this many images, if that is more."""

_TIMES_TO_LOAD = 10
"""A sampler may take this many times as long for a batch as a plugin may take to load."""


def epoch_batches(
    run: Run,
    labels: np.ndarray,
    epoch: int,
    last_embeddings: Embeddings | None = None,
    class_names: Sequence[str] = (),
) -> Batches:
    """Return the batches of one epoch as lists of indices into labels (N,).

    last_embeddings: those of earlier epochs, for a sampler that needs them. class_names: for the sampler's messages.

    Raises StudyError if the sampler returns no batch, PluginError for indices out of range, and TrainingError if the
    loss can't use a batch.
    """
    batches = sampled_batches(run, labels, epoch, last_embeddings, class_names)
    for batch in batches:
        check_batch(run.study.needed_loss, labels[batch])
    return batches


def sampled_batches(
    run: Run,
    labels: np.ndarray,
    epoch: int,
    last_embeddings: Embeddings | None = None,
    class_names: Sequence[str] = (),
) -> Batches:
    """Return the batches of one epoch as the sampler provides them, whether or not the loss can use them.

    Raises StudyError if there is none, PluginError if the sampler fails, returns indices out of range or does not end.
    """
    study, sampler, draws = run.study, run.study.needed_sampler, generator(run.seed, "sampler", epoch)
    context = SamplerContext(labels, study.training.batch_size, epoch, draws, last_embeddings, class_names)
    most = most_images(len(labels))
    with faults_of(sampler, "build"):
        sampled = taken(lambda: sampler.build(context), study.training.max_steps, most)
        batches = [[operator.index(index) for index in batch] for batch in sampled]
    if sum(map(len, batches)) > most:
        raise PluginError(
            f"The {named(sampler)} does not end its epoch: it returned {counted(len(batches), 'batch')} of more"
            f" than {most:,} images in all, from {len(labels):,} training images. Set training.max_steps, or use"
            " another sampler."
        )
    if not batches:
        raise StudyError(
            f"The sampler {sampler.name!r} returns no batch of {study.training.batch_size} images from"
            f" {len(labels):,} training images. Lower training.batch_size."
        )
    for number, batch in enumerate(batches, start=1):
        if not batch or min(batch) < 0 or max(batch) >= len(labels):
            raise PluginError(
                f"The {named(sampler)} returns a batch (number {number}) that is empty or has an index"
                f" outside 0 … {len(labels) - 1}."
            )
    return batches


def most_images(images: int) -> int:
    """Return how many images the batches of an epoch may have: far more than any epoch needs."""
    return max(MOST_REPEATS * images, MOST_IMAGES)


def taken(build: Callable[[], Iterable[Iterable[Any]]], batches: int | None, images: int) -> list[list[Any]]:
    """Return the first batches that a sampler builds: at most `batches`, and none after more than `images` images.

    Raises TimeLimitError if it takes too long for a batch.
    """
    seconds = _TIMES_TO_LOAD * plugin_seconds()
    words = f"it returned no batch for {duration(seconds)}"
    sampled: list[list[Any]] = []
    with time_limit(seconds, words, f"The sampler can't be stopped: {words}. Stop the process.") as limit:
        for batch in islice(build(), batches):
            sampled.append(list(islice(batch, images + 1)))
            limit.renew()
            images -= len(sampled[-1])
            if images < 0:
                break
    return sampled


def check_batch(loss: LossConfig, labels: np.ndarray) -> None:
    """Raise TrainingError if labels (B,) have no positive or no negative pair and the loss needs one."""
    classes, counts = np.unique(labels, return_counts=True)
    what = f"A batch of {len(labels)} images of {counted(len(classes), 'class')}"
    if loss.needs_positives and counts.max() < 2:
        raise TrainingError(
            f"{what} has no two images of the same class, so the loss {loss.name!r} has no positive pair."
            " Use the sampler m_per_class with samples_per_class of at least 2, or a larger batch."
        )
    if loss.needs_negatives and len(classes) < 2:
        raise TrainingError(
            f"{what} has only one class, so the loss {loss.name!r} has no negative pair."
            " Use a batch size of at least twice the sampler's samples_per_class."
        )


def coverage(batches: Sequence[Sequence[int]], count: int) -> float:
    """Return the fraction of the training images that an epoch's batches contain."""
    return len({index for batch in batches for index in batch}) / count
