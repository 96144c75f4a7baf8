"""What explains training: figures of some steps of an epoch, taken between the gradients and the optimiser's step."""

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
from dmlcore.host.faults import named

RECORDED_STEPS = 16
"""Most steps of an epoch that are recorded."""

RECORDED_SHARE = 4
"""At most one step of so many is recorded, but for the first and the last."""

PAIRS = 2**18
"""Pairs of a batch that are looked at: all of up to 512 images; of more, those of evenly spread anchors."""

QUANTILES = (0.05, 0.5, 0.95)


class Recorder:
    """Records the diagnostics of an epoch; each is a mean over the recorded steps that have it.

    gradient_norm: Euclidean length of the gradient of all the network's parameters, unscaled and not yet clipped.
    positive_similarity, negative_similarity: mean cosine of the batch's pairs of one class, and of two, and with
    _q05, _q50 and _q95 their quantiles. similarity_overlap: see `overlap`. Also what the loss's `activity` gives.
    A figure that a step can't have, such as that of positive pairs where there are none, is left out.
    """

    def __init__(self, config: LossConfig, model: nn.Module, loss: nn.Module) -> None:
        self._config = config
        self._model = model
        self._loss = loss
        self._steps: frozenset[int] = frozenset()
        self._seen: dict[str, list[float]] = {}

    def start_epoch(self, steps: int) -> None:
        """Forgets the last epoch, and chooses the steps of one that has so many."""
        self._steps = recorded_steps(steps)
        self._seen = {}

    def record(self, step: int, embeddings: Tensor, labels: Tensor) -> None:
        """Looks at a step, counted from 1: embeddings (B, D), labels (B,) on the device, gradients in the parameters.

        Raises PluginError where the loss's `activity` fails, or gives what is no share.
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
        """Name → mean over the epoch's recorded steps that have it."""
        return {name: math.fsum(values) / len(values) for name, values in self._seen.items()}


def recorded_steps(count: int) -> frozenset[int]:
    """The steps of an epoch of `count` that are recorded: evenly spread, the first and the last among them.

    They follow from the number alone, so that a resumed run records the same.

    >>> sorted(recorded_steps(20))
    [1, 6, 10, 15, 20]
    """
    recorded = min(RECORDED_STEPS, max(2, count // RECORDED_SHARE))
    return frozenset(np.linspace(1, count, recorded).round().astype(int).tolist())


def gradient_norm(model: nn.Module) -> dict[str, float]:
    """Its name and the length of the gradient; nothing where no parameter has one."""
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return {"gradient_norm": nn.utils.get_total_norm(gradients).item()} if gradients else {}


def similarity_figures(
    embeddings: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], pairs: int = PAIRS
) -> dict[str, float]:
    """The similarities of a batch, embeddings (B, D) and labels (B,), by the names that `Recorder` explains.

    Every image is an anchor and meets all others; where that would be more than so many pairs, every second, third …
    image is one. Nothing of embeddings that are not finite.
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
    """Mean and quantiles of sorted values; nothing of none. A quantile is the value at its place, rounded down."""
    if not len(values):
        return {}
    places = {f"{name}_q{100 * q:02.0f}": values[int(q * (len(values) - 1))] for q in QUANTILES}
    return {name: float(values.mean(dtype=np.float64))} | {key: float(value) for key, value in places.items()}


def activity(config: LossConfig, module: nn.Module, embeddings: Tensor, labels: Tensor) -> Mapping[str, float]:
    """What a loss acts on, as shares; nothing where it can't say. NaN is a share that is undefined.

    Raises PluginError where it fails or gives no shares.
    """
    method = getattr(module, "activity", None)
    if method is None:
        return {}
    try:
        with torch.no_grad(), _chance_undisturbed(embeddings.device):
            shares = {str(key): float(share) for key, share in method(embeddings, labels).items()}
    except (DmlcoreError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise PluginError(
            f"The {named(config)} fails in `activity` ({type(error).__name__}: {error}). The method tells what the loss"
            " acts on, for the report: mend it, or take it out of the plugin, and the run goes on without."
        ) from error
    for key, share in shares.items():
        if not (0 <= share <= 1 or math.isnan(share)):
            raise PluginError(
                f"The {named(config)} gives {share:g} for {key!r} in `activity`; a share is from 0 to 1, or NaN where"
                " it is undefined."
            )
    return shares


@contextmanager
def _chance_undisturbed(device: torch.device) -> Iterator[None]:
    """Gives every global generator back as it was: a miner may draw, and recording must not change the training."""
    plain, arrays = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(plain)
        np.random.set_state(arrays)
