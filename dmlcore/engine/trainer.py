"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmlcore.api.components import LossConfig
from dmlcore.api.values import EpochSummary
from dmlcore.engine.averaging import WeightAverage
from dmlcore.engine.chunking import ChunkedBatch
from dmlcore.engine.embedding import autocast
from dmlcore.engine.loading import Loader, resolve_device, to_batch
from dmlcore.engine.model import EmbeddingModel, build_loss, build_model
from dmlcore.engine.optimization import build_optimizer, build_schedule, clip_gradients
from dmlcore.engine.recording import Recorder
from dmlcore.engine.seeding import seed_torch
from dmlcore.errors import PluginError, TrainingError
from dmlcore.host.faults import faults_of, named
from dmlcore.study.schema import Run, Training

COLLAPSED = 0.9999
"""Mean cosine between the embeddings of a batch above which they count as one point."""

_PASSING = (torch.OutOfMemoryError,)
"""Errors that are not the fault of a component."""

OnStep = Callable[[int, float, float], None]
"""Called after each step with images done, mean loss so far, and images per second."""

OnEmbeddings = Callable[[int, Tensor], None]
"""Called with the number of each step, from 1, and its embeddings (B, D), on the device and without gradient."""


class Trainer:
    """Network, loss and optimizer of a run, trained epoch by epoch."""

    def __init__(self, run: Run, model: EmbeddingModel, loss: nn.Module) -> None:
        self.run = run
        self.device = resolve_device(run.study.training.device)
        self.model = placed(model, run.study.training)
        self.loss = loss.to(self.device)
        self.optimizer = build_optimizer(run.study.optimizer, self.model, self.loss)
        self.schedule = build_schedule(run.study, self.optimizer)
        self.recorder = Recorder(run.study.needed_loss, self.model, self.loss)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=run.study.training.precision == "fp16")
        self.average = WeightAverage(run.study.training, self.model) if run.study.training.ema_decay else None
        parts = {"model": self.model, "loss": self.loss, "optimizer": self.optimizer, "scaler": self.scaler}
        self._parts: dict[str, Any] = parts if self.average is None else {**parts, "average": self.average}

    @classmethod
    def of(cls, run: Run, classes: int) -> Self:
        """Build network and loss for a number of training classes."""
        model = build_model(run)
        return cls(run, model, build_loss(run, model.embedding_dim, classes))

    @property
    def network(self) -> EmbeddingModel:
        """The network that is evaluated and stored: the moving average, if the study uses one."""
        return self.model if self.average is None else self.average.model

    def state_dict(self) -> dict[str, Any]:
        """Return the state that the next epoch depends on; the rest follows from the run's seed and the epoch."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state after an epoch."""
        for name, part in self._parts.items():
            part.load_state_dict(state[name])

    def train_epoch(
        self, epoch: int, batches: Loader, on_step: OnStep, on_embeddings: OnEmbeddings | None = None
    ) -> EpochSummary:
        """Train on the batches of one epoch.

        Raises TrainingError if the loss is not finite, the embeddings collapse or memory runs out; PluginError if the
        backbone or the loss fails, or the loss does not return a number to train on.
        """
        seed_torch(self.run.seed, "epoch", epoch)
        self._prepare(epoch)
        self.recorder.start_epoch(len(batches))
        start, done = time.perf_counter(), 0
        losses: list[float] = []
        cosines: list[float] = []
        for inputs, labels in batches:
            try:
                value, embeddings = self._step(epoch, len(losses) + 1, inputs, labels)
            except torch.OutOfMemoryError as error:
                raise TrainingError(
                    f"A batch of {len(labels)} images does not fit in memory: {str(error).partition('. ')[0]}. Lower"
                    " training.batch_size, embed the batch in chunks (training.chunk_size), or use bf16."
                ) from None
            losses.append(value)
            cosines.append(mean_cosine(embeddings))
            if on_embeddings is not None:
                on_embeddings(len(losses), embeddings)
            done += len(labels)
            on_step(done, math.fsum(losses) / len(losses), done / (time.perf_counter() - start))
        seconds = time.perf_counter() - start
        if epoch > self.run.study.training.warmup_epochs and min(cosines) > COLLAPSED:
            raise TrainingError(
                f"The embeddings collapsed to a single point in every batch of epoch {epoch} (mean cosine"
                f" {math.fsum(cosines) / len(cosines):.5f}). Lower the learning rate, use a larger batch, or use a loss"
                " and margin that push negatives apart."
            )
        diagnostics = {
            **self.recorder.means(),
            "mean_cosine": math.fsum(cosines) / len(cosines),
            "zero_loss_steps": sum(value == 0 for value in losses) / len(losses),
        }
        loss, rate = math.fsum(losses) / len(losses), self.optimizer.param_groups[0]["lr"]
        return EpochSummary(epoch, loss, rate, seconds, done / seconds, diagnostics=diagnostics)

    def _prepare(self, epoch: int) -> None:
        """Set modes, frozen parts and learning rates for an epoch, counted from 1."""
        training = self.run.study.training
        self.model.train()
        self.loss.train()
        if training.freeze_batchnorm:
            for module in self.model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        self.model.backbone.requires_grad_(epoch > training.warmup_epochs)
        if self.schedule is not None:
            self.schedule.step(epoch - 1)

    def _step(self, epoch: int, step: int, inputs: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """Take one optimizer step; return the loss and the batch's embeddings (B, D) without gradient."""
        study, training = self.run.study, self.run.study.training
        images = to_batch(inputs, self.device, training.channels_last)
        size = training.chunk_size or len(images)
        chunked = ChunkedBatch(self._embed, images, size) if size < len(images) else None
        embeddings = chunked.embeddings if chunked else self._embed(images)
        labels = labels.to(self.device)
        loss = self._finite_loss(epoch, step, embeddings, labels)
        self.optimizer.zero_grad(set_to_none=True)
        with faults_of(study.needed_loss, "backward", _PASSING):
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if chunked:
            chunked.backward()
        self.scaler.unscale_(self.optimizer)
        self.recorder.record(step, embeddings, labels)
        clip_gradients(training, [p for group in self.optimizer.param_groups for p in group["params"]])
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update(self.model)
        return loss.item(), embeddings.detach()

    def _embed(self, images: Tensor) -> Tensor:
        study = self.run.study
        with faults_of(study.backbone, "forward", _PASSING), autocast(study, self.device):
            embeddings: Tensor = self.model(images)
        return embeddings

    def _finite_loss(self, epoch: int, step: int, embeddings: Tensor, labels: Tensor) -> Tensor:
        config = self.run.study.needed_loss
        with faults_of(config, "forward", _PASSING):
            loss: Tensor = self.loss(embeddings, labels)
        check_loss(config, loss, embeddings)
        if not loss.isfinite():
            raise TrainingError(
                f"The {named(config)} became {loss.item()} in step {step} of epoch {epoch}. Lower the learning rate,"
                " clip gradients (training.clip_norm), or use precision fp32 or bf16."
            )
        return loss


def check_loss(config: LossConfig, loss: object, embeddings: Tensor) -> None:
    """Raise PluginError if the value of a loss for embeddings (B, D) can't be trained on."""
    if not isinstance(loss, Tensor):
        raise PluginError(f"The {named(config)} returns {loss!r}; expected a tensor of shape ().")
    if loss.ndim:
        raise PluginError(
            f"The {named(config)} returns a tensor of shape {tuple(loss.shape)}; expected shape (): take the mean of"
            " its terms."
        )
    if loss.device != embeddings.device:
        raise PluginError(
            f"The {named(config)} returns a value on device {loss.device}; expected device {embeddings.device}, as the"
            " embeddings: create its tensors there."
        )
    if embeddings.requires_grad and not loss.requires_grad:
        raise PluginError(
            f"The {named(config)} returns a value without a gradient. Compute it from the embeddings without detaching"
            " them; for a batch without terms, return embeddings.sum() * 0."
        )


def placed(model: EmbeddingModel, training: Training) -> EmbeddingModel:
    """Return the network on the study's device, in its memory layout."""
    layout = torch.channels_last if training.channels_last else torch.contiguous_format
    return model.to(resolve_device(training.device)).to(memory_format=layout)


def mean_cosine(embeddings: Tensor) -> float:
    """Return the mean cosine between different rows of (B, D); 0 for a single row."""
    count = len(embeddings)
    if count < 2:
        return 0.0
    total = functional.normalize(embeddings.float(), dim=1).sum(0).square().sum().item()
    return (total - count) / (count * (count - 1))
