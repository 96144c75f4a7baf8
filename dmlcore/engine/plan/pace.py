"""The speed of training, embedding and evaluation with a run's settings, from a few real batches."""

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
from dmlcore.engine.loading import TrainLoader, resolve_device, resolve_transforms, train_transform
from dmlcore.engine.machine import forget_peak, peak_memory
from dmlcore.engine.model import EmbeddingModel, build_model
from dmlcore.engine.probe.trial import as_first_steps
from dmlcore.engine.seeding import generator
from dmlcore.engine.splits import Data, Subset
from dmlcore.engine.trainer import Trainer, placed
from dmlcore.errors import TrainingError
from dmlcore.study.schema import Run, Transforms

STEPS = 3
"""Timed training steps, after one that is not timed."""

EMBEDDED_BATCHES = 3
"""Embedded batches; if there are several, the first, which includes start-up, is not timed."""

MEASURED_IMAGES = 4000
"""Maximum number of embeddings that the evaluators are timed on; the time is extrapolated with the square."""


@frozen
class Pace:
    """The cost of one step, one image and one evaluation, and the memory needed."""

    step_seconds: float
    """Of a training step with a whole batch, including loading; 0 if the study only measures."""
    image_seconds: float
    """Of embedding one image."""
    pair_seconds: float
    """The evaluators on N embeddings take N² times this."""
    memory: int | None
    """Peak bytes: of the device if it reports them, else of the process; None if neither does."""
    backbone_bytes: int
    """Size of the stored network without its head."""
    feature_dim: int
    test_images: int
    weights: str
    """The backbone's description of its weights, with source and license; empty if it has none."""

    def measurement_seconds(self, images: int) -> float:
        """Return the seconds to embed and evaluate a split."""
        return images * self.image_seconds + images**2 * self.pair_seconds


@frozen
class _Clock(Display):
    """Records the times of progress."""

    times: list[tuple[float, int]] = field(factory=list)

    def show(self, progress: Progress) -> None:
        self.times.append((time.perf_counter(), progress.done))


def measure_pace(run: Run, data: Data) -> Pace:
    """Time a few steps, a few embedded batches and one evaluation.

    Raises the errors of training: PluginError, StudyError, and TrainingError if the batch does not fit in memory.
    """
    run = as_first_steps(run, None)
    training = run.study.training
    trainer = Trainer.of(run, len(data.train.class_names)) if run.study.trains else None
    model = trainer.model if trainer else placed(build_model(run), training)
    device = resolve_device(training.device)
    transforms = resolve_transforms(run.study.transforms, model.input_spec)
    forget_peak(device)
    step_seconds = _time_steps(run, trainer, data, transforms) if trainer else 0.0
    image_seconds = _time_embedding(run, model, data.test, transforms)
    head = sum(parameter.numel() for parameter in model.linear.parameters())
    stored = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    return Pace(
        step_seconds=step_seconds,
        image_seconds=image_seconds,
        pair_seconds=_time_evaluators(run, model.embedding_dim, np.asarray(data.test.labels)),
        memory=peak_memory(device),
        backbone_bytes=stored - 4 * head,
        feature_dim=model.feature_dim,
        test_images=len(data.test.labels),
        weights="; ".join(filter(None, (getattr(model.backbone, name, "") for name in ("provenance", "caution")))),
    )


def _time_steps(run: Run, trainer: Trainer, data: Data, transforms: Transforms) -> float:
    batches = epoch_batches(run, np.asarray(data.train.labels), 1, class_names=data.train.class_names)
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
        if len(ends) < len(several):  # otherwise it is a collapse, which the timing does not depend on
            raise
    return statistics.median(end - start for start, end in pairwise(ends))


def _time_embedding(run: Run, model: EmbeddingModel, images: LabelledImages, transforms: Transforms) -> float:
    """Return seconds per image."""
    rows = np.arange(min(len(images.labels), EMBEDDED_BATCHES * run.study.evaluation.batch_size))
    some = Subset(images, rows, np.asarray(images.labels)[rows], images.class_names)
    embedder, clock = SplitEmbedder(some, run.study, transforms), _Clock()
    with shown_on(clock), work("embedding", stage="embed"):
        embedder.embeddings(model)
    (start, before), (end, after) = clock.times[1 if len(clock.times) > 2 else 0], clock.times[-1]
    return (end - start) / (after - before)


def _time_evaluators(run: Run, dim: int, labels: np.ndarray) -> float:
    """Return seconds per N², on N random embeddings with the labels of test images."""
    count = min(len(labels), MEASURED_IMAGES)
    chosen = labels[np.arange(count) * len(labels) // count]
    names, numbered = np.unique(chosen, return_inverse=True)
    vectors = generator(run.seed, "pace").standard_normal((count, dim), dtype=np.float32)
    start = time.perf_counter()
    measure(run.study.evaluators, Embeddings(vectors, numbered.astype(np.int64), tuple(map(str, names))))
    return (time.perf_counter() - start) / count**2
