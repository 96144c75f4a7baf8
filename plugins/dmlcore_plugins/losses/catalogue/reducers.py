"""Reducers of pytorch-metric-learning: how the terms of a loss become one number.

A loss has terms of one sort: one an image ("element"), one a pair, one a triplet, or it gives one number, which no
reducer changes. `DoNothingReducer` is left out: it gives terms where training needs a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import frozen

from dmlcore import LossContext, ReducerConfig, StudyError, hookimpl, option

if TYPE_CHECKING:
    import torch
    from pytorch_metric_learning.reducers import BaseReducer


@frozen
class Mean(ReducerConfig):
    """The mean of all terms, those that are 0 too."""

    name = "mean"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "reducers.MeanReducer"

    def build(self, context: LossContext) -> torch.nn.Module:
        """The terms of a loss → ()."""
        from pytorch_metric_learning.reducers import MeanReducer

        reducer: torch.nn.Module = MeanReducer()
        return reducer


@frozen
class Sum(ReducerConfig):
    """The sum of all terms: it grows with the batch, and so must the learning rate shrink."""

    name = "sum"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "reducers.SumReducer"

    def build(self, context: LossContext) -> torch.nn.Module:
        """The terms of a loss → ()."""
        from pytorch_metric_learning.reducers import SumReducer

        reducer: torch.nn.Module = SumReducer()
        return reducer


@frozen
class AvgNonZero(ReducerConfig):
    """The mean of the terms above 0, so that solved pairs or triplets do not water down the others."""

    name = "avg_non_zero"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "reducers.AvgNonZeroReducer"

    def build(self, context: LossContext) -> torch.nn.Module:
        """The terms of a loss → (), 0 where none is above 0."""
        from pytorch_metric_learning.reducers import AvgNonZeroReducer

        reducer: torch.nn.Module = AvgNonZeroReducer()
        return reducer


@frozen
class Threshold(ReducerConfig):
    """The mean of the terms between two limits, neither included: low < term < high."""

    name = "threshold"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "reducers.ThresholdReducer"

    low: float | None = option(None, help="only terms above it count; left out: no limit")
    high: float | None = option(None, help="only terms below it count; left out: no limit")

    def __attrs_post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise ValueError('"threshold" needs low, high or both, such as low = 0; without a limit use "mean"')
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(
                f"no term lies above low = {self.low:g} and below high = {self.high:g}, so the loss would be 0 for "
                "ever; low must be less than high"
            )

    def build(self, context: LossContext) -> torch.nn.Module:
        """The terms of a loss → (), 0 where none is between the limits."""
        from pytorch_metric_learning.reducers import ThresholdReducer

        reducer: torch.nn.Module = ThresholdReducer(low=self.low, high=self.high)
        return reducer


@frozen
class ClassWeighted(ReducerConfig):
    """The mean of all terms, each multiplied by the weight of its class: that of the image, or of the anchor.

    It divides by the number of terms, not by the sum of weights. For losses whose terms belong to images, pairs or
    triplets of a batch; those of `proxy_anchor` belong to proxies.
    """

    name = "class_weighted"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "reducers.ClassWeightedReducer"

    weights: tuple[float, ...] = option(
        ge=0, lt=float("inf"), help="one weight for each training class, in the order of the data set's class names"
    )

    def __attrs_post_init__(self) -> None:
        if not any(self.weights):
            raise ValueError("weights needs a number above 0, or the loss would be 0 for ever; such as [1, 1, 0.5]")

    def build(self, context: LossContext) -> torch.nn.Module:
        """The terms of a loss → (). Raises StudyError where there are more or fewer weights than training classes."""
        import torch
        from pytorch_metric_learning.reducers import ClassWeightedReducer

        if len(self.weights) != context.num_classes:
            raise StudyError(
                f'The reducer "class_weighted" has {len(self.weights)} weights, and the run trains on '
                f"{context.num_classes} classes. Write one weight for each of them."
            )
        reducer: torch.nn.Module = ClassWeightedReducer(torch.tensor(self.weights, dtype=torch.float64))
        return reducer


@frozen
class PerAnchor(ReducerConfig):
    """The terms of each anchor's pairs made one, and these made the loss by another reducer.

    Every image counts as an anchor; one without pairs counts 0. Terms that belong to images are left to the other
    reducer as they are. Triplets have two others an anchor, which the library does not do.
    """

    name = "per_anchor"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "reducers.PerAnchorReducer"

    reducer: ReducerConfig = option(Mean(), help="makes one number of the anchors'")
    aggregation: Literal["mean", "sum"] = option("mean", help="makes one number of an anchor's pairs")

    def __attrs_post_init__(self) -> None:
        if isinstance(self.reducer, Divisor | Multiple | PerAnchor):
            raise ValueError(
                f'reducer = "{self.reducer.name}" can\'t follow per_anchor, which leaves one term an image: use '
                '"mean", "sum", "avg_non_zero", "threshold" or "class_weighted"'
            )

    def build(self, context: LossContext) -> torch.nn.Module:
        """The terms of a loss → (). A loss of triplets stops with a StudyError."""
        from dmlcore_plugins.losses.catalogue.guarded_reducers import AnchorReducer, anchor_sums

        reducer = built_reducer(self.reducer, context)
        if self.aggregation == "sum":
            return AnchorReducer(reducer=reducer, aggregation_func=anchor_sums)
        return AnchorReducer(reducer=reducer)


@frozen
class Divisor(ReducerConfig):
    """The sum of all terms, divided by a number that the loss itself gives.

    Three losses give one: `proxy_anchor`, and it is their default (proxies with an image in the batch, or all
    classes), the margin loss (terms above 0) and the regularizer `sparse_centers` (pairs of centres).
    """

    name = "divisor"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "reducers.DivisorReducer"

    def build(self, context: LossContext) -> torch.nn.Module:
        """The terms of a loss → (). A loss that gives no divisor stops with a StudyError."""
        from dmlcore_plugins.losses.catalogue.guarded_reducers import LossDivisorReducer

        return LossDivisorReducer()


@frozen
class Multiple(ReducerConfig):
    """A reducer of its own for each part of a loss that has several; the loss is their sum.

    The contrastive, intra-pair-variance and proxy-anchor losses have the parts pos_loss and neg_loss, the margin loss
    margin_loss and beta_reg_loss. A reducer for a part that the loss has not is refused.
    """

    name = "multiple"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "reducers.MultipleReducers"

    pos_loss: ReducerConfig | None = option(None, help="for the terms of positives; left out: default_reducer")
    neg_loss: ReducerConfig | None = option(None, help="for the terms of negatives; left out: default_reducer")
    margin_loss: ReducerConfig | None = option(None, help="for the margin loss's triplets; left out: default_reducer")
    beta_reg_loss: ReducerConfig | None = option(None, help="for the margin loss's β; left out: default_reducer")
    default_reducer: ReducerConfig = option(Mean(), help="for every part that has none of its own")

    def __attrs_post_init__(self) -> None:
        if not self.parts:
            raise ValueError(
                '"multiple" names no part of a loss: set pos_loss, neg_loss, margin_loss or beta_reg_loss, or use its '
                f'default_reducer "{self.default_reducer.name}" alone'
            )
        if any(isinstance(reducer, Multiple) for reducer in (*self.parts.values(), self.default_reducer)):
            raise ValueError('"multiple" can\'t be within "multiple": a part has no parts')

    @property
    def parts(self) -> dict[str, ReducerConfig]:
        """The reducers that are given, by part of the loss."""
        named = {
            "pos_loss": self.pos_loss,
            "neg_loss": self.neg_loss,
            "margin_loss": self.margin_loss,
            "beta_reg_loss": self.beta_reg_loss,
        }
        return {part: reducer for part, reducer in named.items() if reducer is not None}

    def build(self, context: LossContext) -> torch.nn.Module:
        """The terms of a loss → (). A loss without one of the parts stops with a StudyError."""
        from dmlcore_plugins.losses.catalogue.guarded_reducers import PartReducers

        return PartReducers(
            {part: built_reducer(reducer, context) for part, reducer in self.parts.items()},
            default_reducer=built_reducer(self.default_reducer, context),
        )


def built_reducer(reducer: ReducerConfig, context: LossContext) -> BaseReducer:
    """The reducer's module, as losses of pytorch-metric-learning call it.

    Raises StudyError where another plugin's reducer is no `BaseReducer`.
    """
    from pytorch_metric_learning.reducers import BaseReducer

    module = reducer.build(context)
    if not isinstance(module, BaseReducer):
        raise StudyError(
            f'The reducer "{reducer.name}" gives a {type(module).__name__}, and losses of pytorch-metric-learning can '
            "only call a BaseReducer. Use another reducer here."
        )
    return module


@hookimpl
def dmlcore_register_reducers() -> Sequence[type[ReducerConfig]]:
    return [Mean, Sum, AvgNonZero, Threshold, ClassWeighted, PerAnchor, Divisor, Multiple]
