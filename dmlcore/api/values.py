"""The frozen values that the core and the plugins exchange.

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
"""The axis of a margin: cosine, distance, squared distance or angle of L2-normalized embeddings."""

MarginKind = Literal["threshold", "difference"]
"""The meaning of a margin: a bound for a pair, or for the difference between a negative and a positive."""


class LabelledImages(Protocol):
    """A split of a data set. It must be picklable for worker processes.

    An optional attribute `notes` (a sequence of sentences without a period) says what its user should know: files that
    were not taken, classes that were dropped. `dmlcore check` and `dmlcore data check` show the notes of both splits,
    equal ones once.
    """

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64: the class of each image, an index into `class_names`."""

    @property
    def class_names(self) -> Sequence[str]:
        """The name of each class; every class has at least one image."""

    def image(self, index: int) -> Image:
        """Return the image at `index`, in RGB."""


def notes_of(images: LabelledImages) -> Sequence[str]:
    """The notes of a split; none where it has no such attribute."""
    return tuple(getattr(images, "notes", ()))


@frozen(eq=False)
class Embeddings:
    """Embeddings of images: row i of `vectors` is image i of the split.

    vectors: (N, D) float32; labels: (N,) int64, indices into class_names.
    """

    vectors: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.vectors)


@frozen
class InputSpec:
    """The input of a backbone: side in pixels, mean and standard deviation of the channels for values in [0, 1]."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    crop_pct: float = 0.875
    """Side of the test crop as a fraction of the resized image's side: the shorter one of "center", both of "squash",
    the longer one of "border"."""
    crop_mode: Literal["center", "squash", "border"] = "center"
    """How test images become square, as timm's `crop_mode`: crop the center, change the aspect ratio, or pad with the
    mean color."""


@frozen
class BackboneContext:
    """What a backbone must provide."""

    feature_map: bool = False
    """False: pooled features (B, F). True: the feature map (B, F, h, w), which the embedding head pools."""
    image_size: int | None = None
    """Side of the images in pixels if the study sets it; None: the backbone's `input_spec` decides."""


@frozen
class LossContext:
    """The setting of a loss or miner."""

    embedding_dim: int
    num_classes: int
    seed: int = 0
    """Seed for random draws of the component; its parameters are initialized under the engine's seed."""


@frozen(eq=False)
class SamplerContext:
    """The setting of a sampler for one epoch.

    labels: (N,) int64; generator: the only source of randomness, seeded from the run's seed and the epoch.
    """

    labels: np.ndarray
    batch_size: int
    epoch: int
    generator: np.random.Generator
    last_embeddings: Embeddings | None = None
    """The last embedding (N, D) of each training image, augmented and in training mode; a row of NaN for images that
    no batch contained yet. Only for samplers with `needs_embeddings`; None before the first epoch, and if batches are
    only inspected, as by `dmlcore check`, `dmlcore plan` and a probe.
    """
    class_names: Sequence[str] = ()
    """The name of each class, for messages; empty where they are not known."""

    @property
    def seen(self) -> Embeddings | None:
        """The former name of `last_embeddings`."""
        warn("SamplerContext.seen is now SamplerContext.last_embeddings", DeprecationWarning, stacklevel=2)
        return self.last_embeddings


@frozen
class RunInfo:
    """A run of a study, for observers."""

    study: str
    name: str
    index: int
    count: int
    """Number of runs; `index` counts from 1."""
    seed: int
    point: Mapping[str, object]
    """The grid's values of this run, by dotted path."""
    epochs: int
    folder: Path
    """Where an observer can write files; they become part of the run's folder."""
    settings: Mapping[str, object]
    """The resolved study of this run, as plain values."""


@frozen
class Progress:
    """Progress of a long stage; sent many times per epoch."""

    stage: Stage
    """Never "other" in a run."""
    label: str
    """What is being processed, as text: "epoch 3", "test images"."""
    done: int
    total: int
    """0 if it is unknown; never in a run."""
    loss: float | None = None
    """Mean training loss of the epoch so far."""
    images_per_second: float | None = None
    unit: str = "step"
    """The singular of what is counted: "image"."""


@frozen
class EpochSummary:
    """An epoch of training; epoch 0 is the untrained network."""

    epoch: int
    loss: float | None
    learning_rate: float | None
    seconds: float
    images_per_second: float | None
    test: Mapping[str, float] | None = None
    """Metrics on the test classes, if this epoch was measured."""
    validation: Mapping[str, float] | None = None
    diagnostics: Mapping[str, float] = field(factory=dict)
    """Diagnostic quantities, such as the mean cosine of a batch or the gradient's norm."""


@frozen
class Evaluation:
    """Metrics of a split."""

    split: Literal["baseline", "test", "validation"]
    epoch: int
    metrics: Mapping[str, float]
