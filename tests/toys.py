"""Small components for tests of the core: they train for real, on coloured squares, in a fraction of a second.

Torch is loaded only when one of them is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import evolve, frozen
from PIL import Image

from dmlcore import (
    BackboneConfig,
    DatasetConfig,
    Embeddings,
    EvaluatorConfig,
    LossConfig,
    MinerConfig,
    ObserverConfig,
    SamplerConfig,
    hookimpl,
    option,
)
from dmlcore.host.discovery import PluginSource
from dmlcore.host.registry import Offer, Registry

if TYPE_CHECKING:
    from torch import nn

    from toy_networks import PairLoss, ProxyLoss, TinyNet


class SquareImages:
    """Squares of one colour a class, with noise."""

    def __init__(self, first: int, classes: int, each: int) -> None:
        self.labels = np.repeat(np.arange(classes), each)
        self.class_names = [f"colour {first + c}" for c in range(classes)]
        self._first = first

    def image(self, index: int) -> Image.Image:
        colour = np.random.default_rng(self._first + int(self.labels[index])).integers(40, 216, 3)
        noise = np.random.default_rng(10_000 + self._first * 1000 + index).normal(0, 30, (12, 12, 3))
        return Image.fromarray(np.clip(colour + noise, 0, 255).astype(np.uint8))


@frozen
class Squares(DatasetConfig):
    """Coloured squares."""

    name = "squares"
    classes: int = option(6, ge=1, help="classes a split")
    each: int = option(6, ge=1, help="images a class")
    root: Path | None = option(None, identity=False, help="not used: stands for a folder of files")

    def load(self, split: str) -> SquareImages:
        return SquareImages(0 if split == "train" else self.classes, self.classes, self.each)


@frozen
class Tiny(BackboneConfig):
    """One convolution."""

    name = "tiny"
    weights: str = option("random", help='"random" or "big", which would be a download')

    def build(self, context: Any) -> TinyNet:
        assert self.weights == "random"
        from toy_networks import TinyNet

        return TinyNet(context.feature_map)

    def for_smoke(self) -> Tiny:
        return evolve(self, weights="random")


@frozen
class Pair(LossConfig):
    """A plain pair loss."""

    name = "pair"
    margin: float = option(0.5, ge=-1, le=1, unit="cosine", help="similarity from which negatives are pushed")
    miner: MinerConfig | None = option(None, help="which pairs count")

    def build(self, context: Any) -> PairLoss:
        from toy_networks import PairLoss

        return PairLoss(self.margin, context.embedding_dim, context.num_classes)


@frozen
class Proxied(LossConfig):
    """A vector for each class."""

    name = "proxied"
    needs_positives = False
    needs_negatives = False

    def build(self, context: Any) -> ProxyLoss:
        from toy_networks import ProxyLoss

        return ProxyLoss(context.embedding_dim, context.num_classes)

    def class_vectors(self, loss: Any) -> Any:
        import torch

        return loss.proxies, torch.arange(len(loss.proxies))


@frozen
class Nan(LossConfig):
    """A loss that is not finite."""

    name = "nan"

    def build(self, context: Any) -> nn.Module:
        from toy_networks import Exploding

        return Exploding()


@frozen
class Collapse(LossConfig):
    """A loss that pulls everything into one point."""

    name = "collapse"
    needs_negatives = False

    def build(self, context: Any) -> nn.Module:
        from toy_networks import Pulling

        return Pulling()


@frozen
class HardPairs(MinerConfig):
    """Stands for a miner."""

    name = "hard_pairs"
    epsilon: float = option(0.1, gt=0, help="how hard")


@frozen
class Balanced(SamplerConfig):
    """Whole classes, shuffled."""

    name = "balanced"
    each: int = option(3, ge=1, help="images of a class in a batch")

    def build(self, context: Any) -> Iterator[list[int]]:
        classes = context.generator.permutation(np.unique(context.labels))
        per_batch = context.batch_size // self.each
        for start in range(0, len(classes) - per_batch + 1, per_batch):
            batch: list[int] = []
            for label in classes[start : start + per_batch]:
                batch += context.generator.choice(np.flatnonzero(context.labels == label), self.each, False).tolist()
            yield batch


@frozen
class Spread(Balanced):
    """Whole classes, those whose images lie farthest apart first."""

    name = "spread"
    needs_embeddings = True
    contexts: ClassVar[list[Any]] = []

    def build(self, context: Any) -> Iterator[list[int]]:
        self.contexts.append(context)
        if context.last_embeddings is None:
            yield from super().build(context)
            return
        classes = np.unique(context.labels)
        deviations = [np.nanstd(context.last_embeddings.vectors[context.labels == label]) for label in classes]
        wide = classes[np.argsort(deviations)[::-1]][: context.batch_size // self.each]
        images = [context.generator.permutation(np.flatnonzero(context.labels == label)) for label in wide]
        for start in range(0, min(map(len, images)) - self.each + 1, self.each):
            yield [int(index) for each in images for index in each[start : start + self.each]]


@frozen
class Nearest(EvaluatorConfig):
    """Recall@1 by the whole product; small data only."""

    name = "nearest"
    headline = ("recall_at_1",)

    def evaluate(self, queries: Embeddings, gallery: Embeddings | None = None) -> dict[str, float]:
        similarity = queries.vectors @ queries.vectors.T
        np.fill_diagonal(similarity, -np.inf)
        hits = queries.labels[similarity.argmax(1)] == queries.labels
        return {"recall_at_1": float(hits.mean()), "spread": float(queries.vectors.std())}


@frozen
class Hits(EvaluatorConfig):
    """Recall@1, and which queries it counts."""

    name = "hits"

    def evaluate(self, queries: Embeddings, gallery: Embeddings | None = None) -> dict[str, float]:
        return {name: float(values.mean()) for name, values in self.per_query(queries).items()}

    def per_query(self, queries: Embeddings, gallery: Embeddings | None = None) -> dict[str, np.ndarray]:
        similarity = queries.vectors @ queries.vectors.T
        np.fill_diagonal(similarity, -np.inf)
        return {"recall_at_1": queries.labels[similarity.argmax(1)] == queries.labels}


class Recorder:
    def __init__(self, log: list[tuple[str, Any]], fails_on: str) -> None:
        self.log = log
        self.fails_on = fails_on

    def note(self, event: str, value: Any) -> None:
        self.log.append((event, value))
        if event == self.fails_on:
            raise RuntimeError("the disk is full")

    @hookimpl
    def dmlcore_on_run_start(self, run: Any) -> None:
        self.note("start", run)

    @hookimpl
    def dmlcore_on_epoch_end(self, epoch: Any) -> None:
        self.note("epoch", epoch)

    @hookimpl
    def dmlcore_on_progress(self, progress: Any) -> None:
        self.note(progress.stage, progress)

    @hookimpl
    def dmlcore_on_run_end(self, result: Any) -> None:
        self.note("end", result)

    @hookimpl
    def dmlcore_on_run_error(self, error: Any) -> None:
        self.note("error", error)


@frozen
class Recording(ObserverConfig):
    """Keeps every event in `events`."""

    name = "recording"
    fails_on: str = option("", help="event at which it raises")
    events: ClassVar[list[tuple[str, Any]]] = []

    def build(self, run: Any) -> Recorder:
        return Recorder(self.events, self.fails_on)


SOURCE = PluginSource("toys", "1.0", "toys")
COMPONENTS = (Squares, Tiny, Pair, Proxied, Nan, Collapse, HardPairs, Balanced, Spread, Nearest, Hits, Recording)
REGISTRY = Registry(tuple(Offer(component, SOURCE) for component in COMPONENTS))

STUDY = """\
question = "Do colours keep apart?"
seeds = [0, 1]

[dataset]
use = "squares"

[backbone]
use = "tiny"

[embedding]
dim = 4

[loss]
use = "pair"

[sampler]
use = "balanced"

[training]
epochs = 2
batch_size = 9
freeze_batchnorm = false
workers = 0

[optimizer]
learning_rate = 0.01

[[evaluators]]
use = "nearest"
"""
