"""How fast this machine trains, embeds and measures with a run's settings, from a few real batches."""

from __future__ import annotations

import statistics
import time
from itertools import pairwise

import numpy as np
import torch
from attrs import field, frozen

from dmlcore.api.progress import Display, shown_on, work
from dmlcore.api.values import Embeddings, LabelledImages, Progress
from dmlcore.engine.batching import Batches, epoch_batches
from dmlcore.engine.embedding import SplitEmbedder
from dmlcore.engine.evaluation import measure
from dmlcore.engine.loading import TrainLoader, resolve_transforms, train_transform
from dmlcore.engine.memory import forget_peak, peak_memory
from dmlcore.engine.model import EmbeddingModel, build_loss, build_model
from dmlcore.engine.probe.trial import as_first_steps
from dmlcore.engine.seeding import generator
from dmlcore.engine.splits import Data, Subset
from dmlcore.engine.trainer import Trainer
from dmlcore.errors import TrainingError
from dmlcore.study.schema import Run, Transforms

STEPS = 3
"""Training steps that are timed, after one that is not."""

EMBEDDED_BATCHES = 3
"""Batches that are embedded; the first, which starts everything up, is not timed where there are more."""

MEASURED_IMAGES = 4000
"""Embeddings that the evaluators are timed on, where there are so many; the time of more grows with their square."""


@frozen
class Pace:
    """What one step, one image and one measurement take, and what is held in memory."""

    step_seconds: float
    """A training step with a whole batch, its loading included."""
    image_seconds: float
    """Embedding one image."""
    pair_seconds: float
    """The evaluators on N embeddings take N² of these."""
    memory: int | None
    """Most bytes held at once: of the device where it counts them, else of the process; None where nothing tells."""
    backbone_bytes: int
    """The stored network without its head."""
    feature_dim: int
    test_images: int
    weights: str
    """Where the backbone's weights come from, with their licence, in its own words; empty where it says nothing."""

    def measurement_seconds(self, images: int) -> float:
        """Embedding and measuring a split."""
        return images * self.image_seconds + images**2 * self.pair_seconds


@frozen
class _Clock(Display):
    """Notes when how much was done."""

    times: list[tuple[float, int]] = field(factory=list)

    def show(self, progress: Progress) -> None:
        self.times.append((time.perf_counter(), progress.done))


def measure_pace(run: Run, data: Data) -> Pace:
    """Times a few steps, a few embedded batches and one measurement.

    Raises what stops training: PluginError, StudyError, TrainingError where the batch does not fit the device.
    """
    run = as_first_steps(run, None)
    model = build_model(run)
    transforms = resolve_transforms(run.study.transforms, model.input_spec)
    trainer = Trainer(run, model, build_loss(run, model.embedding_dim, len(data.train.class_names)))
    forget_peak(trainer.device)
    step_seconds = _time_steps(run, trainer, data, transforms)
    image_seconds = _time_embedding(run, model, data.test, transforms)
    head = sum(parameter.numel() for parameter in model.linear.parameters())
    stored = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    return Pace(
        step_seconds=step_seconds,
        image_seconds=image_seconds,
        pair_seconds=_time_evaluators(run, model.embedding_dim, np.asarray(data.test.labels)),
        memory=peak_memory(trainer.device),
        backbone_bytes=stored - 4 * head,
        feature_dim=model.feature_dim,
        test_images=len(data.test.labels),
        weights=_words_of_weights(model),
    )


def _words_of_weights(model: EmbeddingModel) -> str:
    words = (getattr(model.backbone, name, "") for name in ("provenance", "caution"))
    return "; ".join(filter(None, words))


def _time_steps(run: Run, trainer: Trainer, data: Data, transforms: Transforms) -> float:
    batches = epoch_batches(run, np.asarray(data.train.labels), 1)
    several: Batches = (batches * (STEPS + 1))[: STEPS + 1]
    loader = TrainLoader(data.train, train_transform(transforms), run.study.training, run.seed)
    ends: list[float] = []

    def on_step(*_: float) -> None:
        if trainer.device.type == "cuda":
            torch.cuda.synchronize(trainer.device)
        ends.append(time.perf_counter())

    try:
        trainer.train_epoch(1, loader.epoch(1, several), on_step)
    except TrainingError:
        if len(ends) < len(several):  # else it is a collapse, which takes as long as anything
            raise
    return statistics.median(end - start for start, end in pairwise(ends))


def _time_embedding(run: Run, model: EmbeddingModel, images: LabelledImages, transforms: Transforms) -> float:
    """Seconds an image."""
    rows = np.arange(min(len(images.labels), EMBEDDED_BATCHES * run.study.evaluation.batch_size))
    some = Subset(images, rows, np.asarray(images.labels)[rows], images.class_names)
    embedder, clock = SplitEmbedder(some, run.study, transforms), _Clock()
    with shown_on(clock), work("embedding", stage="embed"):
        embedder.embeddings(model)
    (start, before), (end, after) = clock.times[1 if len(clock.times) > 2 else 0], clock.times[-1]
    return (end - start) / (after - before)


def _time_evaluators(run: Run, dim: int, labels: np.ndarray) -> float:
    """Seconds by N², on random embeddings with the labels (N,) of the test images, or as many of them."""
    count = min(len(labels), MEASURED_IMAGES)
    chosen = labels[np.arange(count) * len(labels) // count]
    names, numbered = np.unique(chosen, return_inverse=True)
    vectors = generator(run.seed, "pace").standard_normal((count, dim), dtype=np.float32)
    start = time.perf_counter()
    measure(run.study.evaluators, Embeddings(vectors, numbered.astype(np.int64), tuple(map(str, names))))
    return (time.perf_counter() - start) / count**2
