"""The frozen values that pass between the core and the plugins.

Shape letters, here and in every docstring: N samples, B batch size, D embedding dimension, F backbone
features, C training classes, (h, w) the size of a feature map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol
from warnings import warn

from attrs import field, frozen

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

Split = Literal["train", "test"]
Stage = Literal["train", "embed", "evaluate", "other"]

MarginAxis = Literal["cosine", "euclidean", "squared_euclidean", "degrees"]
"""What a margin is measured on: cosine, distance, squared distance or angle of L2-normalised embeddings."""

MarginKind = Literal["threshold", "difference"]
"""What a margin bounds: where a pair may lie, or how much farther a negative must be than a positive."""


class LabelledImages(Protocol):
    """One split of a data set. It is sent to worker processes, so it must be picklable."""

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64: the class of each image, as an index into `class_names`."""

    @property
    def class_names(self) -> Sequence[str]:
        """One name a class; every name has at least one image."""

    def image(self, index: int) -> Image:
        """The image at `index`, in RGB."""


@frozen(eq=False)
class Embeddings:
    """Embedded images: row i of `vectors` is image i of the split.

    vectors: (N, D) float32; labels: (N,) int64, indices into class_names.
    """

    vectors: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.vectors)


@frozen
class InputSpec:
    """How a backbone wants its images: side in pixels, and mean and deviation of channels in [0, 1]."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    crop_pct: float = 0.875
    """Side of the test crop as a share of the side that the image was resized to."""


@frozen
class BackboneContext:
    """What a backbone is built for."""

    feature_map: bool = False
    """False: give pooled features (B, F). True: give the map (B, F, h, w); the embedding head pools it."""


@frozen
class LossContext:
    """What a loss, or a miner, is built for."""

    embedding_dim: int
    num_classes: int
    seed: int = 0
    """For draws of the component's own; parameters are initialised under the engine's seed already."""


@frozen(eq=False)
class SamplerContext:
    """What a sampler is asked for: the batches of one epoch.

    labels: (N,) int64; generator: the only source of chance, seeded from the run's seed and the epoch.
    """

    labels: np.ndarray
    batch_size: int
    epoch: int
    generator: np.random.Generator
    last_embeddings: Embeddings | None = None
    """Each training image's embedding (N, D) as the last batch that held it gave it, augmented and in training mode;
    a row of NaN where none has. For samplers with `needs_embeddings` alone; None before the first epoch, and where
    batches are looked at and not trained on, as `dmlcore check`, `dmlcore plan` and a probe do.
    """

    @property
    def seen(self) -> Embeddings | None:
        """The former name of `last_embeddings`."""
        warn("SamplerContext.seen is now SamplerContext.last_embeddings", DeprecationWarning, stacklevel=2)
        return self.last_embeddings


@frozen
class RunInfo:
    """One run of a study, as observers see it."""

    study: str
    name: str
    index: int
    count: int
    """This is run `index` (from 1) of `count`."""
    seed: int
    point: Mapping[str, object]
    """The grid's values of this run, by dotted path."""
    epochs: int
    folder: Path
    """Where an observer may write; it becomes part of the finished run's folder."""
    settings: Mapping[str, object]
    """The whole resolved study of this run, as plain values."""


@frozen
class Progress:
    """Progress of a long stage; sent many times an epoch."""

    stage: Stage
    """In a run never "other"."""
    label: str
    """The work, for a person to read: "epoch 3", "test images"."""
    done: int
    total: int
    """0 where it is not known; never in a run."""
    loss: float | None = None
    """Mean training loss of this epoch so far."""
    images_per_second: float | None = None
    unit: str = "step"
    """What is counted, in the singular: "image"."""


@frozen
class EpochSummary:
    """One epoch of training; epoch 0 is the network before training."""

    epoch: int
    loss: float | None
    learning_rate: float | None
    seconds: float
    images_per_second: float | None
    test: Mapping[str, float] | None = None
    """Metrics on the test classes, where this epoch was measured."""
    validation: Mapping[str, float] | None = None
    diagnostics: Mapping[str, float] = field(factory=dict)
    """What explains the epoch, such as the mean cosine of a batch or the gradient's norm."""


@frozen
class Evaluation:
    """Metrics of one split, as just measured."""

    split: Literal["baseline", "test", "validation"]
    epoch: int
    metrics: Mapping[str, float]
