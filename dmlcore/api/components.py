"""The kinds of component, and `option()`. A component is a frozen attrs class of one kind.

The class is its only description: the docstring's first line is the summary, `name` is what a study writes after `use`,
and each option has its default, help, unit and bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import ge, gt, le, lt
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs
from attrs import NOTHING, frozen

from dmlcore.api.images import ImageFiles
from dmlcore.api.sources import Source
from dmlcore.api.values import (
    BackboneContext,
    Embeddings,
    LabelledImages,
    LossContext,
    MarginAxis,
    MarginKind,
    RunInfo,
    SamplerContext,
    Split,
)

if TYPE_CHECKING:
    import numpy as np
    import torch

    from dmlcore.api.blocks import Section
    from dmlcore.api.result import StudyResults

SCALARS: tuple[type, ...] = (bool, int, float, str, Path)
"""The scalar types of options."""

USE = "use"
"""The reserved key of a component's table, which names the component."""

OPTION = "dmlcore.option"
"""Key of the OptionFacts in the metadata of an attrs field."""


@frozen
class OptionFacts:
    """The facts of an option that its attrs field does not have."""

    help: str
    unit: str | None = None
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    identity: bool = True
    omit_if_default: bool = False

    def bounds(self) -> str:
        """The bounds as text, such as "> 0 and ≤ 1"; empty without bounds."""
        return " and ".join(f"{sign} {limit:g}" for sign, _, limit in self._limits())

    def allows(self, value: float) -> bool:
        """Whether a number is within the bounds; NaN never is."""
        return value == value and all(within(value, limit) for _, within, limit in self._limits())

    def _limits(self) -> Iterator[tuple[str, Callable[[float, float], bool], float]]:
        limits = ((">", gt, self.gt), ("≥", ge, self.ge), ("<", lt, self.lt), ("≤", le, self.le))
        return ((sign, within, limit) for sign, within, limit in limits if limit is not None)


def option(
    default: Any = NOTHING,
    *,
    help: str,
    unit: str | None = None,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    identity: bool = True,
    omit_if_default: bool = False,
) -> Any:
    """An option of a component: an attrs field that a study can set.

    The type is the field's annotation: bool, int, float, str, pathlib.Path, a Literal, a kind of component
    (a table with `use` in the study), an attrs class of options (a table), a tuple of these, or any of them with
    `| None`. Bounds apply to the number, or to each number of a tuple. `identity=False` marks an option that can't
    change a run's numbers: the run's fingerprint ignores it. A path counts by the content of its file or folder, never
    by its location. `omit_if_default=True` is for an option added later: stored settings omit it unless the study sets
    it, so that earlier runs keep their fingerprint. If the name is a Python keyword, append an underscore: `lambda_` is
    `lambda` in a study.
    """
    if not help.strip():
        raise ValueError("an option needs a help text")
    facts = OptionFacts(help, unit, gt, ge, lt, le, identity, omit_if_default)
    if isinstance(default, list):
        default = tuple(default)
    return attrs.field(default=default, kw_only=True, validator=_within_bounds(facts), metadata={OPTION: facts})


def option_key(attribute: attrs.Attribute[Any]) -> str:
    """The key of an option in a study: its name without the underscore of `from_`."""
    return attribute.name.removesuffix("_")


def parts(value: Any, at: str = "", *, identity_only: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield a value and everything inside it, each with its dotted path: depth first, outer values first.

    Components, tables and tuples have parts. `identity_only` skips options that can't change a run's numbers.
    """
    yield at, value
    inner: Iterable[tuple[object, Any]] = ()
    if isinstance(value, tuple):
        inner = enumerate(value)
    elif attrs.has(type(value)):
        inner = (
            (option_key(attribute), getattr(value, attribute.name))
            for attribute in attrs.fields(type(value))
            if not identity_only or attribute.metadata[OPTION].identity
        )
    for key, item in inner:
        yield from parts(item, f"{at}.{key}" if at else str(key), identity_only=identity_only)


def _within_bounds(facts: OptionFacts) -> Callable[[Any, Any, Any], None]:
    def check(_instance: Any, attribute: Any, value: Any) -> None:
        numbers = value if isinstance(value, tuple) else (value,)
        for number in numbers:
            if isinstance(number, int | float) and not facts.allows(number):
                unit = f" {facts.unit}" if facts.unit else ""
                raise ValueError(f"{attribute.name} must be {facts.bounds() or 'a number'}{unit}, not {number:g}")

    return check


@frozen
class Component:
    """Base of all kinds. A subclass sets `name` and adds options."""

    kind: ClassVar[str]
    name: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]] = ()
    """Distributions other than the component's own that can change its numbers; results record their versions."""
    former_names: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Deprecated names that studies may still use, each with the options that had another default under it."""
    refused: ClassVar[Mapping[str, str]] = {}
    """Names of this kind that a study cannot use, each with the reason that its user reads."""


@frozen
class DatasetConfig(Component):
    """Labeled images, with disjoint training and test classes."""

    kind: ClassVar[str] = "dataset"

    def load(self, split: Split) -> LabelledImages:
        """Return the images of a split.

        Raises DataError, which says how to get the files, if they are missing, and DamagedDataError if they are not as
        expected.
        """
        raise NotImplementedError

    def contents(self, images: LabelledImages) -> Mapping[str, Path | str]:
        """Return everything that the images of a split, as `load` returned them, are read from.

        Name → file, folder, or a text that changes with the content. A result belongs to these contents: dmlcore hashes
        the files, and runs again if one has changed. Names must not depend on where the data set is stored, and their
        order must follow the images. The default has the files of ImageFiles; for other images, the existing files and
        whole folders that the options name. Other options need not be here: they are part of the run's settings.
        """
        if isinstance(images, ImageFiles):
            return dict(zip(images.names, images.paths, strict=True))
        return {at: value for at, value in parts(self) if isinstance(value, Path) and value.exists()}

    def source(self) -> Source | None:
        """Return where the files come from, for `dmlcore data fetch` and `import`; None if they can't be fetched.

        A data set with a source needs an option `root`, the folder that contains its files at any depth. Fetched files
        are stored in `root/<name>`, in the layout of the archives, after both splits have loaded from them.
        """
        return None


@frozen
class BackboneConfig(Component):
    """A network from images to features."""

    kind: ClassVar[str] = "backbone"

    def build(self, context: BackboneContext) -> torch.nn.Module:
        """Return a module (B, 3, H, W) → (B, F), or → (B, F, h, w) if `context.feature_map` is set.

        Required attributes are `feature_dim` (F) and `input_spec` (an InputSpec). Optional ones are `provenance`, the
        origin of the weights in a few words; `caution`, a note for users that every result shows, such as a license
        that forbids commercial use; and `layer_groups()`, for `optimizer.layer_decay`: the parameters of each layer,
        from input to output, every parameter once. Draw random weights from torch's global generator, which the engine
        seeds. Raise StudyError for options that the network does not support (no feature map, no such input size).
        """
        raise NotImplementedError

    def check(self, context: BackboneContext) -> Sequence[str]:
        """Find mistakes before the network is built, in a second or two and without torch; return notes for the user.

        `dmlcore check` calls it for each backbone of a study, and `dmlcore run` before the first run. Raise StudyError
        for options that can't work, such as an unknown name, and DataError for weights that are not available. A note
        is a sentence, such as one that says what could not be checked. The default checks nothing.
        """
        return ()

    def for_smoke(self) -> Self:
        """Return this backbone without anything to download, for `dmlcore run --smoke`."""
        return self


@frozen
class LossConfig(Component):
    """A loss on the embeddings of a batch."""

    kind: ClassVar[str] = "loss"
    needs_positives: ClassVar[bool] = True
    """Whether a batch must contain at least two images of a class."""
    needs_negatives: ClassVar[bool] = True
    """Whether a batch must contain at least two classes."""

    @property
    def formula(self) -> str:
        """The formula for reports, with symbols for the numbers that a study can set.

        LaTeX without dollar signs, limited to what matplotlib's mathtext supports. A subclass can set it as a class
        attribute if it does not depend on options; margin_axis and margin_kind likewise.
        """
        return ""

    @property
    def margin_axis(self) -> MarginAxis | None:
        """The axis of the option `margin`; None without a margin."""
        return None

    @property
    def margin_kind(self) -> MarginKind | None:
        """Whether `margin` is a threshold on that axis, or a difference between a positive and a negative."""
        return None

    def build(self, context: LossContext) -> torch.nn.Module:
        """Return a module: embeddings (B, D) float32, L2-normalized by default; labels (B,) int64 → loss ().

        Its parameters, such as proxies, are trained at `optimizer.loss_learning_rate` and saved with the run. An
        attribute `rate_factors` maps names of child modules to factors of that rate.

        An optional method `activity(embeddings, labels)` returns a mapping of names to shares, from 0 to 1 or NaN if
        undefined: how much of the batch the loss acts on. It is called on some steps after `forward`, with the same
        batch, without gradient, and must not change any state. Common names are active_positive_pairs,
        active_negative_pairs and active_triplets: the share of these pairs or triplets of the batch with a term above
        zero. An error in it stops the run with a PluginError.
        """
        raise NotImplementedError

    def class_vectors(self, loss: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return the vectors (P, D) that the loss learns for the training classes, and the class (P,) int64 of each.

        `loss` is the module that `build` returned. A class may have several vectors, such as proxies or centers; every
        class needs one. The run stores them after training, with the means of the embeddings of the training classes,
        and reports draw both. The default, None, is for a loss without such vectors.
        """
        return None


@frozen
class MinerConfig(Component):
    """Selects the pairs or triplets of a batch that a loss uses."""

    kind: ClassVar[str] = "miner"

    def build(self, context: LossContext) -> torch.nn.Module:
        """Return a module: embeddings (B, D), labels (B,) → tuple of index tensors.

        Three for triplets (anchor, positive, negative), four for pairs (anchor, positive, anchor, negative).
        """
        raise NotImplementedError


@frozen
class DistanceConfig(Component):
    """A distance or similarity of embeddings, for losses and miners that have an option of this kind."""

    kind: ClassVar[str] = "distance"

    def build(self, context: LossContext) -> torch.nn.Module:
        """Return a module: embeddings (B, D) and optionally others (B', D) → (B, B').

        The losses of pytorch-metric-learning need its `BaseDistance`; `is_inverted` says whether larger is nearer.
        """
        raise NotImplementedError


@frozen
class ReducerConfig(Component):
    """A reduction of the terms of a loss to one number, for losses that have an option of this kind."""

    kind: ClassVar[str] = "reducer"

    def build(self, context: LossContext) -> torch.nn.Module:
        """Return a module as the loss calls it: the losses of pytorch-metric-learning need its `BaseReducer`."""
        raise NotImplementedError


@frozen
class RegularizerConfig(Component):
    """A penalty on the embeddings or on the loss's weights, for losses that have an option of this kind."""

    kind: ClassVar[str] = "regularizer"

    def build(self, context: LossContext) -> torch.nn.Module:
        """Return a module: embeddings (B, D), or weights (C, D) of a loss → loss ()."""
        raise NotImplementedError


@frozen
class SamplerConfig(Component):
    """Groups the training images into batches."""

    kind: ClassVar[str] = "sampler"
    needs_embeddings: ClassVar[bool] = False
    """Whether to fill `context.last_embeddings`, which takes memory, and space in the checkpoint."""

    def build(self, context: SamplerContext) -> Iterable[Sequence[int]]:
        """Return the batches of an epoch, each a sequence of indices into `context.labels`.

        Draw only from `context.generator`. Raise StudyError for batch sizes or labels that can't be supported. An
        epoch must end: more than 1,000,000 images, or 100 times the training images if that is more, are a PluginError,
        except where `training.max_steps` ends it before. So is a batch that takes longer than 10 minutes.
        """
        raise NotImplementedError


@frozen
class EvaluatorConfig(Component):
    """Computes metrics of embeddings."""

    kind: ClassVar[str] = "evaluator"
    headline: ClassVar[tuple[str, ...]] = ()
    """The metrics that a short table shows; empty for all."""

    def check(self, labels: np.ndarray) -> Sequence[str]:
        """Judge the labels (N,) of test images before anything is embedded, without torch; return notes for the user.

        `dmlcore check` calls it, and `dmlcore run` before the first run. Raise ValueError, as `evaluate` does, if such
        labels can't be measured. The default checks nothing.
        """
        return ()

    def evaluate(self, queries: Embeddings, gallery: Embeddings | None = None) -> Mapping[str, float]:
        """Return metric name → value. Without a gallery, each query is ranked against all other queries.

        Report caveats by `warnings.warn(text, MetricWarning)`; the engine stores them in the result. Report the
        progress of a long evaluation by `report_progress`. Raise VectorError for values that
        can't be measured, such as NaN, which stops a run, and ValueError for samples that can't be measured, such as a
        single class: a run notes it and keeps the metrics of the other evaluators.
        """
        raise NotImplementedError

    def per_query(self, queries: Embeddings, gallery: Embeddings | None = None) -> Mapping[str, np.ndarray]:
        """Return metric name → (N,) values per query, NaN for excluded queries; the metric is their mean.

        Names are as in `evaluate`. Confidence intervals and paired tests use these values. Omit metrics that are not
        means over queries.
        """
        return {}


@frozen
class ObserverConfig(Component):
    """Observes runs: a console, a log, a tracking service."""

    kind: ClassVar[str] = "observer"

    def build(self, run: RunInfo) -> object:
        """Return an object with any of the run hooks of `dmlcore.api.hookspecs.RunSpecs`, marked by `hookimpl`."""
        raise NotImplementedError


@frozen
class SectionConfig(Component):
    """An additional section of a study's report."""

    kind: ClassVar[str] = "section"

    def build(self, study: StudyResults) -> Section | None:
        """Return the section, built from the stored results, or None if there is nothing to show.

        It is built for every report, without training and without torch. If it raises an error, the report omits the
        section and says so.
        """
        raise NotImplementedError


class MetricWarning(UserWarning):
    """A caveat about a metric: ties, excluded queries, a K without a value."""


KINDS: Mapping[str, type[Component]] = {
    base.kind: base
    for base in (
        DatasetConfig,
        BackboneConfig,
        LossConfig,
        MinerConfig,
        DistanceConfig,
        ReducerConfig,
        RegularizerConfig,
        SamplerConfig,
        EvaluatorConfig,
        ObserverConfig,
        SectionConfig,
    )
}
