"""Training diagnostics: figures of some steps of an epoch, taken after the backward pass and before the update."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from dmlcore.api.components import LossConfig
from dmlcore.engine.geometry import overlap
from dmlcore.errors import DmlcoreError, PluginError
from dmlcore.host.faults import NO_FAULT, error_text, named

RECORDED_STEPS = 16
"""Maximum number of recorded steps per epoch."""

RECORDED_SHARE = 4
"""At most one in this number of steps is recorded, except for the first and the last."""

PAIRS = 2**18
"""Maximum number of pairs used: all pairs of up to 512 images; with more, those of evenly spaced anchors."""

QUANTILES = (0.05, 0.5, 0.95)


class Recorder:
    """Records the diagnostics of an epoch; each is a mean over the recorded steps that define it.

    gradient_norm: Euclidean norm of the gradient of all network parameters, unscaled and before clipping.
    positive_similarity, negative_similarity: mean cosine of the batch's pairs of one class, and of two, with
    quantiles as _q05, _q50 and _q95. similarity_overlap: see `geometry.overlap`. The loss's `activity` is added.
    A figure that is undefined, such as that of positive pairs if there are none, is omitted.
    """

    def __init__(self, config: LossConfig, model: nn.Module, loss: nn.Module) -> None:
        self._config = config
        self._model = model
        self._loss = loss
        self._steps: frozenset[int] = frozenset()
        self._seen: dict[str, list[float]] = {}

    def start_epoch(self, steps: int) -> None:
        """Reset, and choose the steps to record of an epoch with this number of steps."""
        self._steps = recorded_steps(steps)
        self._seen = {}

    def record(self, step: int, embeddings: Tensor, labels: Tensor) -> None:
        """Record a step, counted from 1: embeddings (B, D), labels (B,) on the device, gradients in the parameters.

        Raises PluginError if the loss's `activity` fails or returns a value outside 0 to 1.
        """
        if step not in self._steps:
            return
        embeddings = embeddings.detach()
        figures = {
            **activity(self._config, self._loss, embeddings, labels),
            **similarity_figures(embeddings.float().cpu().numpy(), labels.cpu().numpy()),
            **gradient_norm(self._model),
        }
        for name, value in figures.items():
            if math.isfinite(value):
                self._seen.setdefault(name, []).append(value)

    def means(self) -> dict[str, float]:
        """Return name → mean over the epoch's recorded steps that define it."""
        return {name: math.fsum(values) / len(values) for name, values in self._seen.items()}


def recorded_steps(count: int) -> frozenset[int]:
    """Return the recorded steps of an epoch of `count`: evenly spaced, including the first and the last.

    They depend only on the number, so that a resumed run records the same steps.

    >>> sorted(recorded_steps(20))
    [1, 6, 10, 15, 20]
    """
    recorded = min(RECORDED_STEPS, max(2, count // RECORDED_SHARE))
    return frozenset(np.linspace(1, count, recorded).round().astype(int).tolist())


def gradient_norm(model: nn.Module) -> dict[str, float]:
    """Return {"gradient_norm": norm}; empty if no parameter has a gradient."""
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return {"gradient_norm": nn.utils.get_total_norm(gradients).item()} if gradients else {}


def similarity_figures(
    embeddings: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], pairs: int = PAIRS
) -> dict[str, float]:
    """Return the similarity figures of a batch, embeddings (B, D) and labels (B,), by the names in `Recorder`.

    Every image is an anchor, paired with all others; if that exceeds `pairs`, every second, third … image is. Empty if
    the embeddings are not finite.
    """
    if not np.isfinite(embeddings).all():
        return {}
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    unit = embeddings / np.maximum(norms, np.finfo(np.float32).tiny)
    anchors = np.arange(0, len(unit), -(-(len(unit) ** 2) // pairs))
    cosines = unit[anchors] @ unit.T
    same = labels[anchors, None] == labels
    different = ~same
    same[np.arange(len(anchors)), anchors] = False
    positives, negatives = np.sort(cosines[same]), np.sort(cosines[different])
    figures = spread("positive_similarity", positives) | spread("negative_similarity", negatives)
    if len(positives) and len(negatives):
        figures["similarity_overlap"] = overlap(positives, negatives)
    return figures


def spread(name: str, values: npt.NDArray[np.float32]) -> dict[str, float]:
    """Return mean and quantiles of sorted values, without interpolation (rounded down); empty if there are none."""
    if not len(values):
        return {}
    quantiles = {f"{name}_q{100 * q:02.0f}": float(values[int(q * (len(values) - 1))]) for q in QUANTILES}
    return {name: float(values.mean(dtype=np.float64)), **quantiles}


def activity(config: LossConfig, module: nn.Module, embeddings: Tensor, labels: Tensor) -> Mapping[str, float]:
    """Return the shares that the loss's `activity` reports, NaN if undefined; empty if it has no such method.

    Raises PluginError if it fails or returns a value outside 0 to 1.
    """
    method = getattr(module, "activity", None)
    if method is None:
        return {}
    try:
        with torch.no_grad(), _chance_undisturbed(embeddings.device):
            shares = {str(key): float(share) for key, share in method(embeddings, labels).items()}
    except (*NO_FAULT, DmlcoreError, torch.OutOfMemoryError):
        raise
    except BaseException as error:
        raise PluginError(
            f"The {named(config)} fails in `activity` ({error_text(error)}). Fix or remove `activity`;"
            " training does not need it."
        ) from error
    for key, share in shares.items():
        if not (0 <= share <= 1 or math.isnan(share)):
            raise PluginError(
                f"The {named(config)} returns {share:g} for {key!r} in `activity`; expected a share from 0 to 1, or NaN"
                " if undefined."
            )
    return shares


@contextmanager
def _chance_undisturbed(device: torch.device) -> Iterator[None]:
    """Restore every global generator afterwards: a miner may draw, and recording must not change training."""
    plain, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(plain)
        np.random.set_state(arrays)
