"""One batch size, really tried: some training steps as the study would make them, and what they taught."""

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

from dmlcore.api.components import EvaluatorConfig
from dmlcore.api.progress import report_progress, work
from dmlcore.api.values import Embeddings
from dmlcore.engine.batching import Batches, sampled_batches
from dmlcore.engine.embedding import SplitEmbedder
from dmlcore.engine.evaluation import measure, per_query
from dmlcore.engine.loading import TrainLoader, resolve_transforms, train_transform
from dmlcore.engine.memory import forget_peak, peak_memory
from dmlcore.engine.model import EmbeddingModel, build_loss, build_model
from dmlcore.engine.probe.reasoning import with_batch_size
from dmlcore.engine.seeding import generator, use_deterministic_algorithms
from dmlcore.engine.splits import Data, load_data
from dmlcore.engine.trainer import Trainer, mean_cosine
from dmlcore.errors import DataError, PluginError, StudyError, TrainingError
from dmlcore.report.content.statistics import RESAMPLES, Resampling
from dmlcore.study.schema import Run, Scheduler, StudyProbe, Transforms


@frozen
class MetricReading:
    """A metric on the unseen classes."""

    value: float
    queries: np.ndarray | None
    """(N,): each query's own value, NaN where left out; None where the metric is no mean over queries."""
    labels: np.ndarray
    """(N,) int64."""


@frozen
class Observation:
    """What was seen of one batch size."""

    steps: int
    """Steps that were made."""
    error: str | None
    """A sentence on what failed; None: all steps were made, and the embeddings are finite."""
    figures: Mapping[str, float]
    """As in Trial.figures; all of them where there was no error."""


@define
class _Watch:
    """What the steps of a trial showed, one entry a step.

    Gradients are taken as the optimiser gets them, unscaled and clipped; it gets none of a step that overflows in fp16.
    A batch of one image has no cosine.
    """

    steps: int = 0
    losses: list[float] = field(factory=list)
    gradients: list[float] = field(factory=list)
    cosines: list[float] = field(factory=list)

    @contextmanager
    def over(self, trainer: Trainer) -> Iterator[None]:
        """Looks at every step of the trainer while the block lasts."""
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
        """The figures of at least one step; first and last are means over a tenth of the steps."""
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
    """All that the trials of a probe share."""

    probe: StudyProbe
    run: Run
    """The run as it is tried: with the rates of the study's first epoch throughout, and nothing frozen to warm up."""
    data: Data
    transforms: Transforms
    test: SplitEmbedder
    before: MetricReading
    """The metric before the first step, which is the same for every batch size."""

    @classmethod
    def of(cls, probe: StudyProbe) -> Self:
        """Loads the images, and measures the network before any step.

        Raises StudyError where the metric is not measured.
        """
        run = as_first_steps(probe.run, probe.table.max_images)
        use_deterministic_algorithms(run.study.training.deterministic)
        data = load_data(run)
        model = build_model(run)
        transforms = resolve_transforms(run.study.transforms, model.input_spec)
        test = SplitEmbedder(data.test, run.study, transforms)
        with work("untrained", unit="image", stage="embed"):
            embeddings = test.embeddings(model.to(test.device))
        return cls(probe, run, data, transforms, test, measured(run, probe.table.metric, embeddings))

    @property
    def labels(self) -> np.ndarray:
        """The labels of the training images, (N,)."""
        return np.asarray(self.data.train.labels)

    def trainer(self) -> Trainer:
        """A fresh network with its loss and optimiser; each is the same as the one before."""
        model = build_model(self.run)
        return Trainer(self.run, model, build_loss(self.run, model.embedding_dim, len(self.data.train.class_names)))

    def try_size(self, batch_size: int, first_epoch: Batches) -> Observation:
        """Trains with batches of a size, those of the first epoch given, and measures what it taught.

        Raises DataError, which has nothing to do with the size.
        """
        batches = self._batches(batch_size, first_epoch)
        trainer = self.trainer()
        forget_peak(trainer.device)
        start = time.perf_counter()
        with work(f"batch size {batch_size}", sum(map(len, batches)), "image", stage="train"):
            watch, error = self._train(trainer, batches)
        figures = watch.figures() if watch.losses else {}
        # where the steps end in a collapse, the Trainer says so after the last one
        if watch.steps == len(batches):
            with work(f"batch size {batch_size}, test images", unit="image", stage="embed"):
                figures, error = figures | self._taught(trainer.model), None
        figures |= {"steps": float(watch.steps), "seconds": time.perf_counter() - start}
        if error is None and "gain" not in figures:
            error = f"After {watch.steps} steps the embeddings are not finite."
        peak = peak_memory(trainer.device)
        return Observation(watch.steps, error, figures if peak is None else figures | {"peak_memory": float(peak)})

    def fits(self, batch_size: int) -> bool:
        """Whether the device's memory holds one training step with a batch of that size."""
        batches = sampled_batches(with_batch_size(self.run, batch_size), self.labels, 1)[:1]
        try:
            self.trainer().train_epoch(1, self._loader().epoch(1, batches), lambda *_: None)
        except TrainingError as error:
            return not isinstance(error.__context__, torch.OutOfMemoryError)
        finally:
            torch.cuda.empty_cache()
        return True

    def _batches(self, batch_size: int, first_epoch: Batches) -> Batches:
        """The batches of so many epochs as the trial's steps fill."""
        run = with_batch_size(self.run, batch_size)
        batches, epoch = list(first_epoch), 1
        while len(batches) < self.probe.table.steps:
            epoch += 1
            batches += sampled_batches(run, self.labels, epoch)
        return batches[: self.probe.table.steps]

    def _loader(self) -> TrainLoader:
        training = self.run.study.training
        return TrainLoader(self.data.train, train_transform(self.transforms), training, self.run.seed)

    def _train(self, trainer: Trainer, batches: Batches) -> tuple[_Watch, str | None]:
        """Makes the steps; what they showed, and a sentence on the error that ended them."""
        loader = self._loader()
        watch = _Watch()

        def on_step(images: int, *_: float) -> None:
            watch.steps += 1
            report_progress(images)

        with watch.over(trainer):
            try:
                trainer.train_epoch(1, loader.epoch(1, batches), on_step)
            except DataError:
                raise
            except Exception as error:  # whatever a network or a loss raises for want of images is what is looked for
                return watch, f"Step {watch.steps + 1} of {len(batches)} failed: {_reason(error)}"
        return watch, None

    def _taught(self, model: EmbeddingModel) -> dict[str, float]:
        """The metric before and after, and its gain, with a 95 % interval where there is one.

        Empty where the embeddings are not finite.
        """
        embeddings = self.test.embeddings(model)
        if not np.isfinite(embeddings.vectors).all():
            return {}
        after = measured(self.run, self.probe.table.metric, embeddings)
        figures = {"metric_before": self.before.value, "metric_after": after.value}
        figures["gain"] = after.value - self.before.value
        if after.queries is not None and self.before.queries is not None:
            draws = generator(self.run.seed, "bootstrap over classes")
            low, high = gain_interval(after.queries - self.before.queries, after.labels, draws)
            figures |= {"gain_low": low, "gain_high": high}
        return figures


def as_first_steps(run: Run, max_images: int | None) -> Run:
    """The run as a trial makes it.

    A trial is the first steps of the study. Its rates are those of the study's first epoch however many epochs its
    steps fill, or a large batch, whose epochs are short, would be tried with other rates than a small one. There is no
    warm-up: while the backbone stands still, nothing could be learnt that tells batch sizes apart.
    """
    study = run.study
    training = evolve(study.training, warmup_epochs=0, max_steps=None)
    evaluation = evolve(study.evaluation, max_images=_fewer(study.evaluation.max_images, max_images))
    return evolve(run, study=evolve(study, training=training, scheduler=Scheduler(), evaluation=evaluation))


def _fewer(one: int | None, other: int | None) -> int | None:
    given = [number for number in (one, other) if number is not None]
    return min(given) if given else None


def measured(run: Run, metric: str, embeddings: Embeddings) -> MetricReading:
    """The metric, named evaluator/metric, of embeddings. Raises StudyError where its evaluator does not give it."""
    evaluator = _evaluator(run, metric)
    metrics, _ = measure([evaluator], embeddings)
    if metric not in metrics:
        raise StudyError(f"probe.metric = {metric!r} was not measured. Measured: {', '.join(metrics)}.")
    return MetricReading(metrics[metric], per_query([evaluator], embeddings).get(metric), embeddings.labels)


def _evaluator(run: Run, metric: str) -> EvaluatorConfig:
    return next(e for e in run.study.evaluators if e.name == metric.partition("/")[0])


def gain_interval(gains: np.ndarray, labels: np.ndarray, draws: np.random.Generator) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of paired gains (N,), NaN left out, of queries with labels (N,).

    Whole classes are drawn with replacement: queries of one class are alike, and would make the interval too narrow.
    """
    kept = np.isfinite(gains)
    classes = len(np.unique(labels[kept]))
    drawn = draws.multinomial(classes, np.full(classes, 1 / classes), RESAMPLES)
    means = Resampling.of(labels[kept], draws=drawn).replicates(gains[None, kept])
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _reason(error: Exception) -> str:
    """An error in one line, with its kind where that is no word of ours; of a component's fault, what it raised."""
    if isinstance(error, PluginError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    text = str(error).strip().splitlines()[0] if str(error).strip() else ""
    name = type(error).__name__
    return text if type(error).__module__ == "dmlcore.errors" else f"{name}: {text}" if text else name
