"""A study file as frozen values. Every table of the file is a class here, or a component."""

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
from dmlcore.api.stored import canonical_digest
from dmlcore.api.values import BackboneContext
from dmlcore.results.choices import Choice
from dmlcore.results.contents import Contents
from dmlcore.text import point_label

SCHEMA = 1
"""The version of the study format."""

LONGEST_RUN_NAME = 240
"""Bytes of the name of a run's folder: most file systems allow 255, and `.partial` is added."""

PROBE = "probe"
PROBED = "training.batch_size"
"""The option that a probe varies."""


@frozen
class EmbeddingHead:
    """The head that turns the backbone's features into embeddings."""

    dim: int | Literal["features"] = option(
        512, ge=1, help='embedding dimension (a linear layer), or "features" to use the pooled features directly'
    )
    pooling: Literal["avg", "max", "avg+max"] | None = option(
        None, help="pooling of the feature map; default: the backbone's own"
    )
    layer_norm: bool = option(False, help="normalize the pooled features by layer normalization, without parameters")
    normalize: bool = option(True, help="L2-normalize the embeddings")


@frozen
class Transforms:
    """Preprocessing and augmentation of images. Defaults come from the backbone's data config."""

    size: int | None = option(None, ge=1, unit="pixels", help="side of the network's square input")
    mean: tuple[float, float, float] | None = option(None, help="channel means, for pixel values in [0, 1]")
    std: tuple[float, float, float] | None = option(
        None, gt=0, help="channel standard deviations, for pixel values in [0, 1]"
    )
    interpolation: Literal["bilinear", "bicubic"] | None = option(None, help="interpolation for resizing")
    train_resize: int | None = option(None, ge=1, unit="pixels", help="shorter side of training images before the crop")
    train_crop: Literal["random_resized", "center"] = option(
        "random_resized", help="crop a random part and resize it to `size`, or crop as for test images"
    )
    crop_scale: tuple[float, float] = option(
        (0.08, 1.0), gt=0, le=1, help="smallest and largest area of a random crop, as a fraction of the image"
    )
    crop_ratio: tuple[float, float] = option(
        (0.75, 4 / 3), gt=0, help="smallest and largest aspect ratio of a random crop"
    )
    flip: float = option(0.5, ge=0, le=1, help="probability of a horizontal flip of a training image")
    test_resize: int | None = option(
        None,
        ge=1,
        unit="pixels",
        help='side of test images before the crop to `size`: the shorter one; both for "squash", the longer one for'
        ' "border"; default: size / crop_pct',
    )
    test_crop: Literal["center", "squash", "border"] | None = option(
        None,
        omit_if_default=True,
        help='how test images become square: "center" crops the center, "squash" changes the aspect ratio, "border"'
        " pads with the mean color; default: as the backbone's weights were tested",
    )

    def __attrs_post_init__(self) -> None:
        for name in ("crop_scale", "crop_ratio"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must be [smallest, largest], not [{low:g}, {high:g}]")


@frozen
class Training:
    """The training loop."""

    epochs: int = option(40, ge=0, help="number of passes over the training images")
    batch_size: int = option(100, ge=1, unit="images", help="images per batch")
    chunk_size: int | None = option(
        None,
        ge=1,
        unit="images",
        help="images per chunk (gradient caching): less memory, more time, same gradient",
    )
    warmup_epochs: int = option(0, ge=0, help="number of first epochs that train only the head and the loss")
    freeze_batchnorm: bool = option(
        True, help="keep BatchNorm's loaded running statistics; scale and shift are still trained"
    )
    clip_norm: float | None = option(None, gt=0, help="clip the norm of the whole gradient to this value")
    clip_value: float | None = option(None, gt=0, help="clip the entries of the gradient to this absolute value")
    ema_decay: float | None = option(
        None,
        gt=0,
        lt=1,
        help="evaluate and save an exponential moving average of the weights with this decay per step, such as 0.999;"
        " default: the weights themselves",
    )
    ema_warmup: float | None = option(
        None, gt=0, le=1, help="increase the decay with step t as 1 - t^-ema_warmup, up to ema_decay; 2/3 is usual"
    )
    precision: Literal["fp32", "bf16", "fp16"] = option(
        "fp32", help="precision of the backbone's arithmetic, by autocast"
    )
    channels_last: bool = option(True, help="use the channels-last memory layout; faster on most devices")
    deterministic: bool = option(True, help="use deterministic algorithms where available")
    max_steps: int | None = option(None, ge=1, help="largest number of batches per epoch, for a quick trial")
    device: str = option("auto", identity=False, help='"auto", "cpu", "cuda", "cuda:1" or "mps"')
    workers: int | Literal["auto"] = option(
        "auto", ge=0, identity=False, help="processes that load images; does not affect the numbers"
    )

    def __attrs_post_init__(self) -> None:
        if self.warmup_epochs > self.epochs:
            raise ValueError(f"warmup_epochs ({self.warmup_epochs}) must not exceed epochs ({self.epochs})")
        if self.clip_norm is not None and self.clip_value is not None:
            raise ValueError("clip_norm and clip_value conflict: set only one of them")
        if self.chunk_size is not None and not self.freeze_batchnorm:
            raise ValueError(
                "chunk_size needs freeze_batchnorm = true: otherwise BatchNorm would normalize each chunk separately,"
                " instead of the whole batch"
            )
        if self.ema_warmup is not None and self.ema_decay is None:
            raise ValueError("ema_warmup has no effect without ema_decay: set both, or remove ema_warmup")


@frozen
class Optimizer:
    """The optimizer, by its name in timm, and the learning rates."""

    name: str = option("adamw", help="any optimizer of timm, such as adam, adamw, sgd, rmsprop")
    learning_rate: float = option(1e-4, gt=0, help="learning rate of the backbone")
    head_learning_rate: float | None = option(
        None, gt=0, help="learning rate of the embedding head; default: learning_rate"
    )
    loss_learning_rate: float | None = option(
        None, gt=0, help="learning rate of the loss's parameters, such as proxies; default: 100 × learning_rate"
    )
    layer_decay: float | None = option(
        None,
        gt=0,
        le=1,
        help="ratio of the learning rates of a backbone layer and the next one; the last layer uses learning_rate",
    )
    weight_decay: float = option(1e-4, ge=0, help="weight decay of the network's parameters; the loss's have none")
    momentum: float | None = option(None, ge=0, lt=1, help="momentum, for optimizers that have it; default: timm's")


@frozen
class Scheduler:
    """The schedule of the learning rates over epochs, by timm's schedulers."""

    name: Literal["constant", "step", "cosine", "poly"] = option("constant", help="shape of the schedule")
    decay_epochs: int | None = option(None, ge=1, unit="epochs", help="step: number of epochs between decays")
    decay_rate: float | None = option(None, gt=0, le=1, help="step: factor of each decay; poly: power")
    min_learning_rate: float | None = option(None, ge=0, help="cosine and poly: lowest learning rate")

    def __attrs_post_init__(self) -> None:
        used = {"step": ("decay_epochs", "decay_rate"), "cosine": ("min_learning_rate",)}
        used["poly"] = ("decay_rate", "min_learning_rate")
        for name in ("decay_epochs", "decay_rate", "min_learning_rate"):
            if getattr(self, name) is not None and name not in used.get(self.name, ()):
                raise ValueError(f'{name} has no effect on the schedule "{self.name}": remove it')
        if self.name == "step" and self.decay_epochs is None:
            raise ValueError('the schedule "step" needs decay_epochs')


@frozen
class EvaluationProtocol:
    """When to measure, and which epoch is the result."""

    every: int = option(
        1, ge=0, unit="epochs", help="number of epochs between measurements on the test classes; 0: only at the end"
    )
    select: Literal["last", "validation"] = option(
        "last", help="epoch of the result: the last, or the best on held-out training classes"
    )
    metric: str = option("retrieval/map_at_r", help='metric for `select = "validation"`, as evaluator/metric')
    validation_fraction: float = option(
        0.2, gt=0, lt=1, help='fraction of the training classes to hold out for `select = "validation"`'
    )
    batch_size: int = option(128, ge=1, identity=False, unit="images", help="images per batch for embedding")
    max_images: int | None = option(
        None,
        ge=4,
        help="largest number of test images to measure on, from as few classes as possible, for a quick trial",
    )


@frozen
class ProbeTable:
    """Short trials of increasing batch sizes: which ones run, and which ones learn within a few steps."""

    sizes: tuple[int, ...] | None = option(
        None,
        ge=1,
        unit="images",
        help="batch sizes to try; default: search for the smallest that run and learn",
    )
    steps: int = option(60, ge=2, help="training steps per trial")
    metric: str = option("retrieval/recall_at_1", help="metric that shows if a trial has learned, as evaluator/metric")
    max_images: int = option(
        1000, ge=4, help="maximum number of test images to measure on, from as few classes as possible"
    )

    def __attrs_post_init__(self) -> None:
        if self.sizes is not None and (not self.sizes or list(self.sizes) != sorted(set(self.sizes))):
            raise ValueError("sizes must be one or more increasing numbers; remove it to search for them")


@frozen
class Study:
    """A study: its components, settings and seeds."""

    dataset: DatasetConfig = option(help="labeled images")
    backbone: BackboneConfig = option(help="network from images to features")
    loss: LossConfig | None = option(None, help="loss to minimize; needed unless training.epochs = 0")
    sampler: SamplerConfig | None = option(
        None, help="how images are grouped into batches; needed unless training.epochs = 0"
    )
    evaluators: tuple[EvaluatorConfig, ...] = option(help="metrics; at least one evaluator")
    schema: int = option(SCHEMA, ge=1, le=SCHEMA, identity=False, help="version of the study format")
    name: str = option("", identity=False, help="name of the results folder; default: the name of the file")
    question: str = option("", identity=False, help="question that the study answers; the report shows it at the top")
    seeds: tuple[int, ...] = option(
        (0,), ge=0, identity=False, help="random seeds; each point of the grid runs once per seed"
    )
    embedding: EmbeddingHead = option(EmbeddingHead(), help="embedding head")
    transforms: Transforms = option(Transforms(), help="preprocessing and augmentation")
    training: Training = option(Training(), help="training loop")
    optimizer: Optimizer = option(Optimizer(), help="optimizer and learning rates")
    scheduler: Scheduler = option(Scheduler(), help="learning rate schedule")
    evaluation: EvaluationProtocol = option(EvaluationProtocol(), help="when to measure, and which epoch is the result")
    observers: tuple[ObserverConfig, ...] = option((), identity=False, help="observers of the runs, such as loggers")
    sections: tuple[SectionConfig, ...] = option((), identity=False, help="additional sections of the report")

    def __attrs_post_init__(self) -> None:
        names = [evaluator.name for evaluator in self.evaluators]
        if not names:
            raise ValueError("a study needs at least one evaluator: [[evaluators]]")
        if len(set(names)) < len(names):
            raise ValueError("two evaluators have the same name, so their metrics would overwrite each other")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds must be one or more different numbers")
        if self.evaluation.select == "validation" and self.evaluation.metric.partition("/")[0] not in names:
            raise ValueError(f'no evaluator of the study measures evaluation.metric = "{self.evaluation.metric}"')

    @property
    def trains(self) -> bool:
        """Whether there is training; if not, the network is measured as loaded."""
        return self.training.epochs > 0

    @property
    def as_loaded(self) -> bool:
        """Whether the embeddings are the backbone's features: nothing is trained, and there is no new layer."""
        return not self.trains and self.embedding.dim == "features" and not self.embedding.layer_norm

    @property
    def needed_loss(self) -> LossConfig:
        """The loss of a study that trains."""
        assert self.loss is not None
        return self.loss

    @property
    def needed_sampler(self) -> SamplerConfig:
        """The sampler of a study that trains."""
        assert self.sampler is not None
        return self.sampler

    @property
    def backbone_context(self) -> BackboneContext:
        """What the backbone must provide."""
        return BackboneContext(self.embedding.pooling is not None, self.transforms.size)


@frozen
class Run:
    """A run of a study: one point of its grid with one seed."""

    study: Study
    point: Mapping[str, object]
    """The grid's values of this run, by dotted path."""
    seed: int
    settings: Mapping[str, object]
    """The resolved study as plain values, including defaults."""
    versions: Mapping[str, str]
    """Distribution → version, of those that can change the numbers."""
    settings_fingerprint: str
    """The sha256 of the settings that can change the numbers, without paths, the seed and the versions."""
    former_fingerprint: str
    """The identity of results that dmlcore stored before it recorded contents: paths as written, no contents."""
    contents: Contents | None = None
    """What its files contain; None if no store was consulted, or if they can't be read."""
    unreadable: str = ""
    """Why its files can't be read, if they can't."""
    components: Mapping[str, str] = field(factory=dict)
    """Dotted path of each component → "distribution/name version", including nested components."""

    @property
    def fingerprint(self) -> str:
        """The identity of the run: `settings_fingerprint`, together with `contents` if they are known."""
        if self.contents is None:
            return self.settings_fingerprint
        return canonical_digest([self.settings_fingerprint, self.contents.digest])

    @property
    def label(self) -> str:
        """The point as text: "embedding.dim=64 loss.margin=0.1"; empty without a grid."""
        return point_label(self.point)

    @property
    def stem(self) -> str:
        """The beginning of the name of the run's folder: its label and seed."""
        words = ("".join(c if c.isalnum() or c in "=.+-" else "-" for c in word) for word in self.label.split())
        seed = f"seed={self.seed}"
        longest = LONGEST_RUN_NAME - len(seed) - 14  # two underscores and twelve digits of the fingerprint
        label = "_".join(words).encode()[:longest].decode(errors="ignore")
        return f"{label}_{seed}" if label else seed

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return f"{self.stem}_{self.fingerprint[:12]}"


@frozen
class StudyProbe:
    """The probe of a study."""

    table: ProbeTable
    run: Run
    """The study with its own batch size, the first value of each other path of the grid, and the first seed."""


@frozen
class StudyFile:
    """A loaded study: the values of its first grid point, and all its runs."""

    path: Path
    study: Study
    grid: Mapping[str, tuple[object, ...]]
    runs: tuple[Run, ...] = field(repr=False)
    """Empty if the study has a probe and no grid."""
    needs: tuple[Path, ...] = ()
    """Resolved paths of the study files that its `[best]` takes values from."""
    probe: StudyProbe | None = None
    choices: tuple[Choice, ...] = ()
    """How its `[best]` values were chosen; empty if the results for them were not consulted."""

    @property
    def assumes_best(self) -> bool:
        """Whether arbitrary grid values are used for those of `[best]`, because results are missing or not read."""
        return bool(self.needs) and not self.choices

    @property
    def every_run(self) -> tuple[Run, ...]:
        """Its runs, and the run of its probe."""
        return (*self.runs, self.probe.run) if self.probe else self.runs
