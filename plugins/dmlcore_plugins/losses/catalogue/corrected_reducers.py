"""Reducers of pytorch-metric-learning with a clear error where the library has a KeyError or a silent mistake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytorch_metric_learning import reducers
from torch import Tensor

from dmlcore import StudyError

Terms = Mapping[str, Mapping[str, Any]]
"""Part of a loss → its terms, their indices, their kind."""


class PerAnchorReducer(reducers.PerAnchorReducer):  # type: ignore[misc]  # the library is untyped, here and below
    """Takes the aggregation by name, and refuses triplets."""

    def __init__(self, aggregation: str, **settings: Any) -> None:
        super().__init__(**settings)
        if aggregation == "sum":
            self.aggregation_func = lambda terms, _pairs: terms.sum(1)

    def triplet_reduction(self, *_: Any) -> Tensor:
        raise StudyError(
            'The reducer "per_anchor" reduces the pairs of an anchor, but this loss has terms of triplets. Use "mean", '
            '"sum", "avg_non_zero", "threshold" or "class_weighted".'
        )


class DivisorReducer(reducers.DivisorReducer):  # type: ignore[misc]
    """Refuses losses that give nothing to divide by."""

    def unpack_loss_info(self, info: Mapping[str, Any]) -> Any:
        if info["reduction_type"] != "already_reduced" and "divisor" not in info:
            raise StudyError(
                'The reducer "divisor" divides by a number that the loss gives, but this loss gives none. Use "mean", '
                '"sum" or "avg_non_zero".'
            )
        return super().unpack_loss_info(info)


class MultipleReducers(reducers.MultipleReducers):  # type: ignore[misc]
    """Refuses a reducer for a part that the loss does not have."""

    def forward(self, terms: Terms, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The terms of a loss → ()."""
        unknown = [part for part in self.reducers if part not in terms]
        if unknown:
            raise StudyError(
                f'The reducer "multiple" sets {", ".join(unknown)}, but this loss has no such part: its parts are '
                f"{', '.join(terms)}. Set one of these, or use a single reducer."
            )
        loss: Tensor = super().forward(terms, embeddings, labels)
        return loss
