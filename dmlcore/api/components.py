"""The kinds of component, and `option()`: what a plugin author writes is a frozen attrs class of one kind.

A component class is its own documentation: the docstring's first line says what it is, `name` is what a study
writes after `use`, and each option carries its default, help, unit and bounds. Nothing else describes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs
from attrs import NOTHING, frozen

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
"""The plain types that an option may have."""

USE = "use"
"""The one reserved key of a component's table: it names the component."""

OPTION = "dmlcore.option"
"""Key of an option's facts in the metadata of its attrs field."""


@frozen
class OptionFacts:
    """What `option()` knows beyond the attrs field."""

    help: str
    unit: str | None = None
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    identity: bool = True

    def bounds(self) -> str:
        """The bounds in words, such as "> 0 and ≤ 1"; empty without bounds."""
        signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
        parts = [f"{sign} {limit:g}" for key, sign in signs.items() if (limit := getattr(self, key)) is not None]
        return " and ".join(parts)

    def allows(self, value: float) -> bool:
        """Whether one number lies within the bounds; NaN never does."""
        return (
            value == value
            and (self.gt is None or value > self.gt)
            and (self.ge is None or value >= self.ge)
            and (self.lt is None or value < self.lt)
            and (self.le is None or value <= self.le)
        )


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
) -> Any:
    """An option of a component: an attrs field that a study may set.

    Its type is the field's annotation: bool, int, float, str, pathlib.Path, a Literal, a kind of component
    (then the study gives a table with `use`), an attrs class of options (a table), a tuple of these, or any of them
    with `| None`.
    Bounds hold for the number, or for each number of a tuple. `identity=False` marks what can't change a
    run's numbers, such as where files lie: it is left out of the run's fingerprint. A name that Python keeps for
    itself gets an underscore, which a study does not write: `lambda_` is `lambda` there.
    """
    if not help.strip():
        raise ValueError("an option needs a help text")
    facts = OptionFacts(help, unit, gt, ge, lt, le, identity)
    if isinstance(default, list):
        default = tuple(default)
    return attrs.field(default=default, kw_only=True, validator=_within_bounds(facts), metadata={OPTION: facts})


def option_key(attribute: attrs.Attribute[Any]) -> str:
    """An option's key in a study: its name, without the underscore that keeps `from_` from being a keyword."""
    return attribute.name.removesuffix("_")


def parts(value: Any, at: str = "", *, identity_only: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield the value and all that its options hold, at any depth, each with its dotted path; outer values first.

    Components, tables and tuples are searched. `identity_only` skips options that can't change a run's numbers.
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
    """What every kind has in common. A subclass sets `name` and adds options."""

    kind: ClassVar[str]
    name: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]] = ()
    """Distributions, beside the component's own, whose version can change its numbers."""


@frozen
class DatasetConfig(Component):
    """Labelled images whose training classes and test classes are disjoint."""

    kind: ClassVar[str] = "dataset"

    def load(self, split: Split) -> LabelledImages:
        """The images of a split. Raises DataError, which says how to get the files, where they are missing.

        DamagedDataError, where files are there but not as they should be.
        """
        raise NotImplementedError

    def source(self) -> Source | None:
        """Where its files come from, for `dmlcore data fetch` and `import`; None where there is nothing to get.

        A data set that gives a source has an option `root`: the folder that its files lie in, at any depth. Files are
        put into `root/<name>`, laid out as the archives have them, once both splits could be loaded from them.
        """
        return None


@frozen
class BackboneConfig(Component):
    """A network from images to features."""

    kind: ClassVar[str] = "backbone"

    def build(self, context: BackboneContext) -> torch.nn.Module:
        """A module (B, 3, H, W) → (B, F), or → (B, F, h, w) where `context.feature_map` is set.

        It has the attributes `feature_dim` (F) and `input_spec` (an InputSpec), and may have `provenance`: in a few
        words, where its weights come from; `caution`: what a user must know of them, which stays with the result, such
        as a licence that forbids commercial use; and `layer_groups()`: for `optimizer.layer_decay`, the parameters of
        each layer, from the input to the output, every parameter once. Random weights are drawn from torch's
        global generator, which the engine has seeded. Options of the network that the study can't
        have (no feature map, no such input size) raise StudyError.
        """
        raise NotImplementedError

    def for_smoke(self) -> Self:
        """This backbone with nothing to download, for `dmlcore run --smoke`."""
        return self


@frozen
class LossConfig(Component):
    """A loss on the embeddings of a batch."""

    kind: ClassVar[str] = "loss"
    needs_positives: ClassVar[bool] = True
    """A batch must hold at least two images of one class."""
    needs_negatives: ClassVar[bool] = True
    """A batch must hold at least two classes."""

    @property
    def formula(self) -> str:
        """Its formula for reports, numbers that a study may set as symbols.

        LaTeX without dollar signs, in the part of it that matplotlib's mathtext draws.
        """
        return ""

    @property
    def margin_axis(self) -> MarginAxis | None:
        """What its option `margin` is measured on; None without a margin."""
        return None

    @property
    def margin_kind(self) -> MarginKind | None:
        """Whether `margin` is a place on that axis, or a difference between a positive and a negative."""
        return None

    def build(self, context: LossContext) -> torch.nn.Module:
        """A module: embeddings (B, D), float32, L2-normalised unless the study says not; labels (B,) int64 → loss ().

        Its parameters, such as proxies, are trained at `optimizer.loss_learning_rate` and saved with the run. Where the
        module has `rate_factors`, name of a child to number, that child's parameters have so many times that rate.

        The module may have a method `activity(embeddings, labels)` → name to share, from 0 to 1 or NaN where it is
        undefined: how much of the batch the loss acts on. It is called on some steps after `forward`, with the same
        batch, without gradient, and must change nothing. Usual names are active_positive_pairs, active_negative_pairs
        and active_triplets: those with a term above zero, as a share of all such pairs or triplets of the batch. One
        that raises stops the run with a PluginError.
        """
        raise NotImplementedError


@frozen
class MinerConfig(Component):
    """Picks the pairs or triplets of a batch that a loss then uses."""

    kind: ClassVar[str] = "miner"

    def build(self, context: LossContext) -> torch.nn.Module:
        """A module: embeddings (B, D), labels (B,) → index tensors, three for triplets (anchor, positive,
        negative), four for pairs (anchor, positive, anchor, negative).
        """
        raise NotImplementedError


@frozen
class DistanceConfig(Component):
    """How far apart two embeddings are, for a loss or a miner that takes an option of this kind."""

    kind: ClassVar[str] = "distance"

    def build(self, context: LossContext) -> torch.nn.Module:
        """A module: embeddings (B, D) and, if given, others (B', D) → (B, B').

        The losses of pytorch-metric-learning take a `BaseDistance` of it, which says by `is_inverted` whether larger
        is nearer.
        """
        raise NotImplementedError


@frozen
class ReducerConfig(Component):
    """How the terms of a loss become one number, for a loss that takes an option of this kind."""

    kind: ClassVar[str] = "reducer"

    def build(self, context: LossContext) -> torch.nn.Module:
        """A module as its loss calls it: the losses of pytorch-metric-learning take a `BaseReducer` of it."""
        raise NotImplementedError


@frozen
class RegularizerConfig(Component):
    """What is added to a loss for the embeddings or for its own weights, where it takes an option of this kind."""

    kind: ClassVar[str] = "regularizer"

    def build(self, context: LossContext) -> torch.nn.Module:
        """A module: embeddings (B, D), or weights (C, D) of a loss → a loss ()."""
        raise NotImplementedError


@frozen
class SamplerConfig(Component):
    """Says which images make a batch."""

    kind: ClassVar[str] = "sampler"
    needs_embeddings: ClassVar[bool] = False
    """Whether `context.last_embeddings` is filled; it costs memory, and space in the checkpoint."""

    def build(self, context: SamplerContext) -> Iterable[Sequence[int]]:
        """The batches of one epoch, each a sequence of indices into `context.labels`.

        Chance comes from `context.generator` alone. Raises StudyError where the batch size or the labels
        can't be served.
        """
        raise NotImplementedError


@frozen
class EvaluatorConfig(Component):
    """Measures embeddings."""

    kind: ClassVar[str] = "evaluator"
    headline: ClassVar[tuple[str, ...]] = ()
    """The metrics that a short table shows, of those that are given; empty: all."""

    def evaluate(self, queries: Embeddings, gallery: Embeddings | None = None) -> Mapping[str, float]:
        """Metric name → value. Without a gallery each query is ranked against all other queries.

        What a reader must know beside the numbers is said by `warnings.warn(text, MetricWarning)`; the engine
        keeps it in the result. A long evaluation calls `report_progress`. Raises ValueError where the
        embeddings can't be measured; the engine tells the user what to do.
        """
        raise NotImplementedError

    def per_query(self, queries: Embeddings, gallery: Embeddings | None = None) -> Mapping[str, np.ndarray]:
        """Metric name → (N,): each query's own value, NaN where it is left out; the metric is their mean.

        The names are those of `evaluate`. Confidence intervals and paired tests are made from them. Metrics that are
        no means over queries are not there.
        """
        return {}


@frozen
class ObserverConfig(Component):
    """Watches runs: a console, a log, a tracking service."""

    kind: ClassVar[str] = "observer"

    def build(self, run: RunInfo) -> object:
        """An object with any of the run hooks of `dmlcore.api.hookspecs.RunSpecs`, marked by `hookimpl`."""
        raise NotImplementedError


@frozen
class SectionConfig(Component):
    """A section added to a study's report."""

    kind: ClassVar[str] = "section"

    def build(self, study: StudyResults) -> Section | None:
        """The section, made from what is stored, or None where there is nothing to show.

        It is made each time that the report is, trains nothing and loads no torch. One that raises is left out of the
        report and named in it.
        """
        raise NotImplementedError


class MetricWarning(UserWarning):
    """Something that a reader of a metric must know: ties, queries left out, a K without a number."""


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
