"""What a study file says, as frozen values. Every table of the file is one class here or one component."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from attrs import field, frozen

from dmlcore.api.components import (
    BackboneConfig,
    DatasetConfig,
    EvaluatorConfig,
    LossConfig,
    ObserverConfig,
    SamplerConfig,
    SectionConfig,
    option,
)
from dmlcore.study.probe import ProbeTable
from dmlcore.text import point_label

SCHEMA = 1
"""The version of the study format that this dmlcore reads and writes."""


@frozen
class EmbeddingHead:
    """From the backbone's features to embeddings."""

    dim: int | Literal["features"] = option(
        512, ge=1, help='embedding dimension of a linear layer, or "features": the pooled features themselves'
    )
    pooling: Literal["avg", "max", "avg+max"] | None = option(
        None, help="how the feature map is pooled; left out: as the backbone itself does"
    )
    layer_norm: bool = option(False, help="layer normalisation (without parameters) of the pooled features")
    normalize: bool = option(True, help="L2-normalise the embeddings")


@frozen
class Transforms:
    """How images are made ready. What is left out comes from the backbone's own data config."""

    size: int | None = option(None, ge=1, unit="pixels", help="side of the square that the network sees")
    mean: tuple[float, float, float] | None = option(None, help="channel means, of values in [0, 1]")
    std: tuple[float, float, float] | None = option(None, gt=0, help="channel deviations, of values in [0, 1]")
    interpolation: Literal["bilinear", "bicubic"] | None = option(None, help="how images are resized")
    train_resize: int | None = option(
        None, ge=1, unit="pixels", help="short side that training images are resized to before the crop"
    )
    train_crop: Literal["random_resized", "center"] = option(
        "random_resized", help="a random part resized to `size`, or the test transform's crop"
    )
    crop_scale: tuple[float, float] = option(
        (0.08, 1.0), gt=0, le=1, help="smallest and largest part of the image's area in a random crop"
    )
    crop_ratio: tuple[float, float] = option(
        (0.75, 4 / 3), gt=0, help="smallest and largest aspect ratio of a random crop"
    )
    flip: float = option(0.5, ge=0, le=1, help="probability that a training image is mirrored")
    test_resize: int | None = option(
        None,
        ge=1,
        unit="pixels",
        help="short side of test images before the centre crop; left out: size / crop_pct",
    )

    def __attrs_post_init__(self) -> None:
        for name in ("crop_scale", "crop_ratio"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must go from small to large, not from {low:g} to {high:g}")


@frozen
class Training:
    """The train loop."""

    epochs: int = option(40, ge=0, help="passes over the training images")
    batch_size: int = option(100, ge=1, unit="images", help="images a batch")
    chunk_size: int | None = option(
        None,
        ge=1,
        unit="images",
        help="embed a batch so many images at a time, twice, with the gradient of the whole: less memory, more time",
    )
    warmup_epochs: int = option(0, ge=0, help="first epochs, in which only the head and the loss are trained")
    freeze_batchnorm: bool = option(
        True, help="keep BatchNorm's running statistics as loaded; its scale and shift are trained"
    )
    clip_norm: float | None = option(None, gt=0, help="largest norm of the whole gradient")
    clip_value: float | None = option(None, gt=0, help="largest absolute value of a gradient's entries")
    ema_decay: float | None = option(
        None,
        gt=0,
        lt=1,
        help="measure and store an exponential moving average of the weights: the share of it that each step keeps,"
        " such as 0.999; left out: the weights themselves",
    )
    ema_warmup: float | None = option(
        None, gt=0, le=1, help="let the decay rise with step t as 1 - t^-ema_warmup, up to ema_decay; 2/3 is usual"
    )
    precision: Literal["fp32", "bf16", "fp16"] = option("fp32", help="arithmetic of the backbone, by autocast")
    channels_last: bool = option(True, help="memory layout of images and filters; faster on most devices")
    deterministic: bool = option(True, help="use algorithms that give the same numbers again, where there are any")
    max_steps: int | None = option(None, ge=1, help="end each epoch after this many batches, for a quick trial")
    device: str = option("auto", identity=False, help='"auto", "cpu", "cuda", "cuda:1", "mps"')
    workers: int | Literal["auto"] = option(
        "auto", ge=0, identity=False, help="processes that load images; the numbers don't depend on it"
    )

    def __attrs_post_init__(self) -> None:
        if self.warmup_epochs > self.epochs:
            raise ValueError(f"warmup_epochs ({self.warmup_epochs}) can't be more than epochs ({self.epochs})")
        if self.clip_norm is not None and self.clip_value is not None:
            raise ValueError("clip_norm and clip_value exclude each other: give one of them")
        if self.chunk_size is not None and not self.freeze_batchnorm:
            raise ValueError(
                "chunk_size needs freeze_batchnorm = true: with statistics of its own, each chunk would be normalised"
                " in another way than the whole batch"
            )
        if self.ema_warmup is not None and self.ema_decay is None:
            raise ValueError("ema_warmup means nothing without ema_decay: give both, or leave it out")


@frozen
class Optimizer:
    """The optimiser, by its name in timm, and the learning rates."""

    name: str = option("adamw", help="any optimiser of timm, such as adam, adamw, sgd, rmsprop")
    learning_rate: float = option(1e-4, gt=0, help="of the backbone")
    head_learning_rate: float | None = option(None, gt=0, help="of the embedding head; left out: learning_rate")
    loss_learning_rate: float | None = option(
        None, gt=0, help="of the loss's own parameters, such as proxies; left out: 100 × learning_rate"
    )
    layer_decay: float | None = option(
        None,
        gt=0,
        le=1,
        help="each layer of the backbone has the rate of the layer after it times this, the last one learning_rate;"
        " head and loss have theirs",
    )
    weight_decay: float = option(1e-4, ge=0, help="of all parameters of the network; the loss's have none")
    momentum: float | None = option(None, ge=0, lt=1, help="for optimisers that have one; left out: timm's default")


@frozen
class Scheduler:
    """How the learning rates change from epoch to epoch, by timm's schedulers."""

    name: Literal["constant", "step", "cosine", "poly"] = option("constant", help="shape of the schedule")
    decay_epochs: int | None = option(None, ge=1, unit="epochs", help="step: every so many epochs the rates fall")
    decay_rate: float | None = option(None, gt=0, le=1, help="step: what the rates are multiplied by; poly: the power")
    min_learning_rate: float | None = option(None, ge=0, help="cosine and poly: the lowest rate")

    def __attrs_post_init__(self) -> None:
        used = {"step": ("decay_epochs", "decay_rate"), "cosine": ("min_learning_rate",)}
        used["poly"] = ("decay_rate", "min_learning_rate")
        for name in ("decay_epochs", "decay_rate", "min_learning_rate"):
            if getattr(self, name) is not None and name not in used.get(self.name, ()):
                raise ValueError(f'{name} means nothing to the schedule "{self.name}": leave it out')
        if self.name == "step" and self.decay_epochs is None:
            raise ValueError('the schedule "step" needs decay_epochs')


@frozen
class EvaluationProtocol:
    """What is measured when, and which epoch is the result."""

    every: int = option(1, ge=0, unit="epochs", help="measure the test classes every so many epochs; 0: at the end")
    select: Literal["last", "validation"] = option(
        "last", help="the result is the last epoch's, or that of the best epoch on held-out training classes"
    )
    metric: str = option("retrieval/map_at_r", help='what `select = "validation"` compares, as evaluator/metric')
    validation_fraction: float = option(
        0.2, gt=0, lt=1, help='share of the training classes held out by `select = "validation"`'
    )
    batch_size: int = option(128, ge=1, identity=False, unit="images", help="images embedded at once")
    max_images: int | None = option(
        None,
        ge=4,
        help="measure on at most so many test images, of as few classes as hold them, for a quick trial",
    )


@frozen
class Study:
    """One study file, checked and complete."""

    dataset: DatasetConfig = option(help="the images")
    backbone: BackboneConfig = option(help="the network")
    loss: LossConfig = option(help="what is minimised")
    sampler: SamplerConfig = option(help="which images make a batch")
    evaluators: tuple[EvaluatorConfig, ...] = option(help="what is measured; at least one")
    schema: int = option(SCHEMA, ge=1, le=SCHEMA, identity=False, help="version of the study format")
    name: str = option("", identity=False, help="name of the folder of the results; left out: the file's name")
    question: str = option("", identity=False, help="what the study wants to know; it heads the report")
    seeds: tuple[int, ...] = option((0,), ge=0, identity=False, help="each run is made once a seed")
    embedding: EmbeddingHead = option(EmbeddingHead(), help="embedding head")
    transforms: Transforms = option(Transforms(), help="how images are made ready")
    training: Training = option(Training(), help="the train loop")
    optimizer: Optimizer = option(Optimizer(), help="optimiser and learning rates")
    scheduler: Scheduler = option(Scheduler(), help="change of the learning rates")
    evaluation: EvaluationProtocol = option(EvaluationProtocol(), help="what is measured when")
    observers: tuple[ObserverConfig, ...] = option((), identity=False, help="who watches the runs")
    sections: tuple[SectionConfig, ...] = option((), identity=False, help="sections added to the report")

    def __attrs_post_init__(self) -> None:
        names = [evaluator.name for evaluator in self.evaluators]
        if not names:
            raise ValueError("a study needs at least one evaluator: [[evaluators]]")
        if len(set(names)) < len(names):
            raise ValueError("two evaluators of one name would overwrite each other's metrics")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds must be different numbers, at least one")
        if self.evaluation.select == "validation" and self.evaluation.metric.partition("/")[0] not in names:
            raise ValueError(f'evaluation.metric "{self.evaluation.metric}" is of no evaluator of the study')


@frozen
class Run:
    """One training of a study: one point of its grid with one seed."""

    study: Study
    point: Mapping[str, object]
    """The grid's values of this run, by dotted path."""
    seed: int
    settings: Mapping[str, object]
    """The resolved study as plain values, defaults written out."""
    versions: Mapping[str, str]
    """Distribution → version, of all that can change the numbers."""
    fingerprint: str
    """sha256 of the settings that count, the seed and the versions."""
    components: Mapping[str, str] = field(factory=dict)
    """Dotted path of each component, nested ones too → where it comes from, as "distribution/name version"."""

    @property
    def label(self) -> str:
        """The point in words: "embedding.dim=64 loss.margin=0.1"; empty without a grid."""
        return point_label(self.point)

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        words = [*self.label.split(), f"seed={self.seed}", self.fingerprint[:12]]
        return "_".join("".join(c if c.isalnum() or c in "=.+-" else "-" for c in word) for word in words)


@frozen
class StudyProbe:
    """What a study's `[probe]` asks for."""

    table: ProbeTable
    run: Run
    """The study with its own batch size, at the first values of the rest of its grid and with its first seed."""


@frozen
class StudyFile:
    """A study as loaded: the values of its first point, and all its runs."""

    path: Path
    study: Study
    grid: Mapping[str, tuple[object, ...]]
    runs: tuple[Run, ...] = field(repr=False)
    """Empty where the study has a probe and no grid."""
    needs: tuple[Path, ...] = ()
    """The study files, resolved, whose results its `[best]` takes values from."""
    probe: StudyProbe | None = None

    @property
    def every_run(self) -> tuple[Run, ...]:
        """Its runs, and the one whose batch size its probe varies."""
        return (*self.runs, self.probe.run) if self.probe else self.runs
