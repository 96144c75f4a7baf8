"""Reducers of pytorch-metric-learning: how the terms of a loss become one number.

The terms of a loss belong to images, pairs or triplets; or the loss is one number, which no reducer changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import Any, Literal

from attrs import frozen

from dmlcore import LossContext, ReducerConfig, StudyError, hookimpl, option
from dmlcore_plugins.losses.catalogue.adapted import Adapted, built


@frozen
class Mean(Adapted, ReducerConfig):
    """The mean of all terms, including those that are 0."""

    name = "mean"


@frozen
class Sum(Adapted, ReducerConfig):
    """The sum of all terms: it grows with the batch size, so lower the learning rate for larger batches."""

    name = "sum"


@frozen
class AvgNonZero(Adapted, ReducerConfig):
    """The mean of the terms above 0, so that solved pairs or triplets do not dilute the others."""

    name = "avg_non_zero"


@frozen
class Threshold(Adapted, ReducerConfig):
    """The mean of the terms between two limits, neither included: low < term < high."""

    name = "threshold"

    low: float | None = option(None, help="only terms above it count; default: no limit")
    high: float | None = option(None, help="only terms below it count; default: no limit")

    def problems(self) -> Iterator[str]:
        if self.low is None and self.high is None:
            yield '"threshold" needs low, high or both, such as low = 0; without a limit use "mean"'
        if self.low is not None and self.high is not None and self.low >= self.high:
            yield (
                f"no term is above low = {self.low:g} and below high = {self.high:g}, so the loss would always be 0; "
                "low must be less than high"
            )


@frozen
class ClassWeighted(Adapted, ReducerConfig):
    """The mean of all terms, each multiplied by the weight of its class: that of the image, or of the anchor.

    It divides by the number of terms, not by the sum of weights. For losses with terms of images, pairs or triplets
    of a batch; those of `proxy_anchor` belong to proxies.
    """

    name = "class_weighted"

    weights: tuple[float, ...] = option(ge=0, lt=inf, help="weight of each training class, in the order of class names")

    def problems(self) -> Iterator[str]:
        if not any(self.weights):
            yield "weights needs a number above 0, or the loss would always be 0; such as [1, 1, 0.5]"

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """The weights as a tensor. Raises StudyError if their number is not that of the training classes."""
        import torch

        if len(self.weights) != context.num_classes:
            raise StudyError(
                f'The reducer "class_weighted" has {len(self.weights)} weights, but the run trains on '
                f"{context.num_classes} classes. Write one weight for each of them."
            )
        return {"weights": torch.tensor(self.weights, dtype=torch.float64)}


@frozen
class PerAnchor(Adapted, ReducerConfig):
    """Reduces the terms of each anchor's pairs to one, and these to the loss by another reducer.

    Every image counts as an anchor; one without pairs counts 0. Terms that belong to images go to the other reducer
    unchanged. The library does not support triplets, which have two other images for each anchor.
    """

    name = "per_anchor"

    reducer: ReducerConfig = option(Mean(), help="reduces the terms of the anchors to one number")
    aggregation: Literal["mean", "sum"] = option("mean", help="reduces the pairs of an anchor to one term")

    def problems(self) -> Iterator[str]:
        if isinstance(self.reducer, Divisor | Multiple | PerAnchor):
            yield (
                f'reducer = "{self.reducer.name}" can\'t follow per_anchor, which gives one term for each image: use '
                '"mean", "sum", "avg_non_zero", "threshold" or "class_weighted"'
            )


@frozen
class Divisor(Adapted, ReducerConfig):
    """The sum of all terms, divided by a number that the loss itself gives.

    Three components give one: `proxy_anchor`, which has it by default (proxies with an image in the batch, or all
    classes), the loss `margin` (terms above 0) and the regularizer `sparse_centers` (pairs of centers).
    """

    name = "divisor"


@frozen
class Multiple(Adapted, ReducerConfig):
    """A different reducer for each part of a loss that has several; the loss is their sum.

    The contrastive, intra-pair-variance and proxy-anchor losses have the parts pos_loss and neg_loss, the margin loss
    margin_loss and beta_reg_loss. A reducer for a part that the loss does not have is refused.
    """

    name = "multiple"
    adapts = "reducers.MultipleReducers"

    pos_loss: ReducerConfig | None = option(None, help="for the terms of positives; default: default_reducer")
    neg_loss: ReducerConfig | None = option(None, help="for the terms of negatives; default: default_reducer")
    margin_loss: ReducerConfig | None = option(None, help="for the margin loss's triplets; default: default_reducer")
    beta_reg_loss: ReducerConfig | None = option(None, help="for the margin loss's β; default: default_reducer")
    default_reducer: ReducerConfig = option(Mean(), help="for every other part")

    def problems(self) -> Iterator[str]:
        if not self.parts:
            yield (
                '"multiple" names no part of a loss: set pos_loss, neg_loss, margin_loss or beta_reg_loss, or use its '
                f'default_reducer "{self.default_reducer.name}" alone'
            )
        if any(isinstance(reducer, Multiple) for reducer in (*self.parts.values(), self.default_reducer)):
            yield '"multiple" can\'t be within "multiple": a part has no parts'

    @property
    def parts(self) -> dict[str, ReducerConfig]:
        """The reducers that are given, by part of the loss."""
        parts = ("pos_loss", "neg_loss", "margin_loss", "beta_reg_loss")
        return {part: reducer for part in parts if (reducer := getattr(self, part)) is not None}

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """The reducers of the parts as one table."""
        return {
            "reducers": {part: built(reducer, context) for part, reducer in self.parts.items()},
            "default_reducer": built(self.default_reducer, context),
        }


@hookimpl
def dmlcore_register_reducers() -> Sequence[type[ReducerConfig]]:
    return [Mean, Sum, AvgNonZero, Threshold, ClassWeighted, PerAnchor, Divisor, Multiple]
