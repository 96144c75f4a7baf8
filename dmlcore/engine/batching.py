"""The batches of an epoch: the sampler provides them, and they are checked before training."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

from dmlcore.api.components import LossConfig
from dmlcore.api.values import Embeddings, SamplerContext
from dmlcore.engine.seeding import generator
from dmlcore.errors import PluginError, StudyError, TrainingError
from dmlcore.host.faults import faults_of, named
from dmlcore.study.schema import Run
from dmlcore.text import counted

Batches = list[list[int]]


def epoch_batches(run: Run, labels: np.ndarray, epoch: int, last_embeddings: Embeddings | None = None) -> Batches:
    """Return the batches of one epoch as lists of indices into labels (N,).

    last_embeddings: those of earlier epochs, for a sampler that needs them.

    Raises StudyError if the sampler returns no batch, PluginError for indices out of range, and TrainingError if the
    loss can't use a batch.
    """
    batches = sampled_batches(run, labels, epoch, last_embeddings)
    for batch in batches:
        check_batch(run.study.needed_loss, labels[batch])
    return batches


def sampled_batches(run: Run, labels: np.ndarray, epoch: int, last_embeddings: Embeddings | None = None) -> Batches:
    """Return the batches of one epoch as the sampler provides them, whether or not the loss can use them.

    Raises StudyError if there is none, PluginError if the sampler fails or returns indices out of range.
    """
    study, sampler, draws = run.study, run.study.needed_sampler, generator(run.seed, "sampler", epoch)
    context = SamplerContext(labels, study.training.batch_size, epoch, draws, last_embeddings)
    with faults_of(sampler, "build"):
        batches = [[operator.index(index) for index in batch] for batch in sampler.build(context)]
    batches = batches[: study.training.max_steps]
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
