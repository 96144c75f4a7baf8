"""The trial of one batch size: some training steps as in the study, and what the network learned."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch
from attrs import define, evolve, field, frozen
from torch import Tensor

from dmlcore.api.progress import report_progress, work
from dmlcore.api.values import Embeddings
from dmlcore.engine.batching import Batches, sampled_batches
from dmlcore.engine.embedding import SplitEmbedder
from dmlcore.engine.evaluation import measure, per_query
from dmlcore.engine.loading import TrainLoader, resolve_transforms, train_transform
from dmlcore.engine.machine import forget_peak, peak_memory
from dmlcore.engine.model import EmbeddingModel, build_model
from dmlcore.engine.probe.reasoning import in_one_line, with_batch_size
from dmlcore.engine.seeding import generator, use_deterministic_algorithms
from dmlcore.engine.splits import Data, load_data
from dmlcore.engine.trainer import Trainer, mean_cosine
from dmlcore.errors import DataError, StudyError, TrainingError
from dmlcore.report.content.statistics import RESAMPLES, Resampling
from dmlcore.study.data_sets import DataSets
from dmlcore.study.schema import Run, Scheduler, StudyProbe, Transforms

Reading = tuple[float, np.ndarray | None]
"""A metric on the unseen classes, and (N,) its values per query, NaN for excluded queries; None if it has none."""


@frozen
class Observation:
    """The outcome of the training steps with one batch size."""

    error: str | None
    """A sentence on the failure; None if all steps completed and the embeddings are finite."""
    figures: Mapping[str, float]
    """As in Trial.figures; complete if there was no error."""


@define
class _Steps:
    """Values of a trial, one entry per step.

    Gradients are those that the optimizer uses, unscaled and clipped; a step that overflows in fp16 has none. A batch
    of one image has no cosine.
    """

    done: int = 0
    losses: list[float] = field(factory=list)
    gradients: list[float] = field(factory=list)
    cosines: list[float] = field(factory=list)

    @contextmanager
    def recorded(self, trainer: Trainer) -> Iterator[None]:
        """Record every step of the trainer inside the block."""
        hooks = [
            trainer.loss.register_forward_hook(self._after_loss),
            trainer.optimizer.register_step_pre_hook(self._before_step),
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _after_loss(self, _loss: Any, given: tuple[Any, ...], value: Tensor) -> None:
        self.losses.append(value.item())
        if len(given[0]) > 1:
            self.cosines.append(mean_cosine(given[0].detach()))

    def _before_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        self.gradients.append(math.hypot(*(gradient.norm().item() for gradient in gradients)))

    def figures(self) -> dict[str, float]:
        """Return the figures of at least one step; first and last are means over a tenth of the steps."""
        tenth = max(1, len(self.losses) // 10)
        figures = {
            "loss_first": statistics.fmean(self.losses[:tenth]),
            "loss_last": statistics.fmean(self.losses[-tenth:]),
            "zero_loss_steps": sum(value == 0 for value in self.losses) / len(self.losses),
            "gradient_norm": statistics.fmean(self.gradients) if self.gradients else 0.0,
        }
        if self.cosines:
            figures["mean_cosine_last"] = statistics.fmean(self.cosines[-tenth:])
        return {name: value for name, value in figures.items() if math.isfinite(value)}


@frozen(eq=False)
class Bench:
    """What the trials of a probe share."""

    probe: StudyProbe
    run: Run
    """The run of a trial: with the learning rates of the first epoch throughout, and without warm-up."""
    data: Data
    transforms: Transforms
    test: SplitEmbedder
    before: Reading
    """The metric before the first step, equal for all batch sizes."""
    cosine_before: float
    """The mean cosine of all pairs of unseen images before the first step."""

    @classmethod
    def of(cls, probe: StudyProbe, data_sets: DataSets | None = None) -> Self:
        """Load the images, and evaluate the network before any step.

        Raises StudyError if the evaluator does not return the metric.
        """
        run = as_first_steps(probe.run, probe.table.max_images)
        use_deterministic_algorithms(run.study.training.deterministic)
        data = load_data(run, data_sets)
        model = build_model(run)
        transforms = resolve_transforms(run.study.transforms, model.input_spec)
        test = SplitEmbedder(data.test, run.study, transforms)
        with work("untrained", unit="image", stage="embed"):
            embeddings = test.embeddings(model.to(test.device))
        before = measured(run, probe.table.metric, embeddings)
        return cls(probe, run, data, transforms, test, before, unseen_cosine(embeddings))

    @property
    def labels(self) -> np.ndarray:
        """The labels (N,) of the training images."""
        return np.asarray(self.data.train.labels)

    def trainer(self) -> Trainer:
        """Return a new network with its loss and optimizer; all of them are equal."""
        return Trainer.of(self.run, len(self.data.train.class_names))

    def try_size(self, batch_size: int, first_epoch: Batches) -> Observation:
        """Train with batches of a size, given those of the first epoch, and evaluate the network.

        Raises DataError, which does not depend on the size.
        """
        batches = self._batches(batch_size, first_epoch)
        trainer = self.trainer()
        forget_peak(trainer.device)
        start = time.perf_counter()
        with work(f"batch size {batch_size}", sum(map(len, batches)), "image", stage="train"):
            steps, error = self._train(trainer, batches)
        figures = steps.figures() if steps.losses else {}
        # the Trainer reports a collapse after the last step, but the trial evaluates the network all the same
        if steps.done == len(batches):
            with work(f"batch size {batch_size}, test images", unit="image", stage="embed"):
                figures, error = figures | self._gain(trainer.model), None
        figures |= {"steps": float(steps.done), "seconds": time.perf_counter() - start}
        if error is None and "gain" not in figures:
            error = f"After {steps.done} steps the embeddings are not finite."
        peak = peak_memory(trainer.device)
        return Observation(error, figures if peak is None else figures | {"peak_memory": float(peak)})

    def fits(self, batch_size: int) -> bool:
        """Whether one training step with a batch of that size fits in the device's memory."""
        batches = sampled_batches(with_batch_size(self.run, batch_size), self.labels, 1)[:1]
        try:
            self.trainer().train_epoch(1, self._loader().epoch(1, batches), lambda *_: None)
        except TrainingError as error:
            return not isinstance(error.__context__, torch.OutOfMemoryError)
        finally:
            torch.cuda.empty_cache()
        return True

    def _batches(self, batch_size: int, first_epoch: Batches) -> Batches:
        """Return the batches of all steps of a trial, over as many epochs as they need."""
        run = with_batch_size(self.run, batch_size)
        batches, epoch = list(first_epoch), 1
        while len(batches) < self.probe.table.steps:
            epoch += 1
            batches += sampled_batches(run, self.labels, epoch)
        return batches[: self.probe.table.steps]

    def _loader(self) -> TrainLoader:
        training = self.run.study.training
        return TrainLoader(self.data.train, train_transform(self.transforms), training, self.run.seed)

    def _train(self, trainer: Trainer, batches: Batches) -> tuple[_Steps, str | None]:
        """Run the steps; return their values, and a sentence on the error that ended them."""
        loader, steps = self._loader(), _Steps()

        def on_step(images: int, *_: float) -> None:
            steps.done += 1
            report_progress(images)

        with steps.recorded(trainer):
            try:
                trainer.train_epoch(1, loader.epoch(1, batches), on_step)
            except DataError:
                raise
            except Exception as error:  # a network or a loss may raise anything if a batch is too small
                return steps, f"Step {steps.done + 1} of {len(batches)} failed: {in_one_line(error)}"
        return steps, None

    def _gain(self, model: EmbeddingModel) -> dict[str, float]:
        """Return the metric before and after, its gain with a 95 % interval if it has one, and the mean cosines.

        Empty if the embeddings are not finite.
        """
        embeddings = self.test.embeddings(model)
        if not np.isfinite(embeddings.vectors).all():
            return {}
        before, queries_before = self.before
        after, queries_after = measured(self.run, self.probe.table.metric, embeddings)
        figures = {"metric_before": before, "metric_after": after, "gain": after - before}
        figures |= {"unseen_cosine_before": self.cosine_before, "unseen_cosine": unseen_cosine(embeddings)}
        if queries_after is not None and queries_before is not None:
            draws = generator(self.run.seed, "bootstrap over classes")
            low, high = gain_interval(queries_after - queries_before, embeddings.labels, draws)
            figures |= {"gain_low": low, "gain_high": high}
        return figures


def as_first_steps(run: Run, max_images: int | None) -> Run:
    """Return the run of a trial, which is the first steps of the study.

    The learning rates are those of the first epoch, however many epochs the steps fill; otherwise batch sizes would be
    compared at different rates. There is no warm-up, since batch sizes hardly differ with a frozen backbone.
    """
    study = run.study
    training = evolve(study.training, warmup_epochs=0, max_steps=None)
    limits = [limit for limit in (study.evaluation.max_images, max_images) if limit is not None]
    evaluation = evolve(study.evaluation, max_images=min(limits, default=None))
    return evolve(run, study=evolve(study, training=training, scheduler=Scheduler(), evaluation=evaluation))


def measured(run: Run, metric: str, embeddings: Embeddings) -> Reading:
    """Return the metric, named evaluator/metric. Raises StudyError if its evaluator does not return it."""
    evaluator = next(e for e in run.study.evaluators if e.name == metric.partition("/")[0])
    metrics = measure([evaluator], embeddings).require_some().metrics
    if metric not in metrics:
        raise StudyError(f"probe.metric = {metric!r} was not measured. Measured: {', '.join(metrics)}.")
    return metrics[metric], per_query([evaluator], embeddings).get(metric)


def unseen_cosine(embeddings: Embeddings) -> float:
    """Return the mean cosine of all pairs of different images."""
    return mean_cosine(torch.from_numpy(embeddings.vectors))


def gain_interval(gains: np.ndarray, labels: np.ndarray, draws: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean of paired gains (N,), NaN excluded, of queries with labels (N,).

    Classes are resampled, not queries: those of one class are similar, so the interval would be too narrow.
    """
    kept = np.isfinite(gains)
    classes = len(np.unique(labels[kept]))
    drawn = draws.multinomial(classes, np.full(classes, 1 / classes), RESAMPLES)
    means = Resampling.of(labels[kept], draws=drawn).replicates(gains[None, kept])
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
