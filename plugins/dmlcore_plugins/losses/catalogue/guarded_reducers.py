"""Reducers of pytorch-metric-learning that say what is wrong where the library fails with a KeyError or in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytorch_metric_learning.reducers import DivisorReducer, MultipleReducers, PerAnchorReducer
from torch import Tensor

from dmlcore import StudyError

Terms = Mapping[str, Mapping[str, Any]]
"""Part of a loss → its terms, their indices, their sort."""


def anchor_sums(terms: Tensor, pairs: Tensor) -> Tensor:
    """terms: (B, B), 0 where there is no pair; pairs: (B,), how many there are → (B,)."""
    return terms.sum(1)


class AnchorReducer(PerAnchorReducer):  # type: ignore[misc]  # the library is untyped
    """Refuses triplets."""

    def triplet_reduction(self, *_: Any) -> Tensor:
        raise StudyError(
            'The reducer "per_anchor" makes one term of an anchor\'s pairs, and this loss has terms of triplets. Use '
            '"mean", "sum", "avg_non_zero", "threshold" or "class_weighted".'
        )


class LossDivisorReducer(DivisorReducer):  # type: ignore[misc]  # the library is untyped
    """Refuses losses that give nothing to divide by."""

    def unpack_loss_info(self, info: Mapping[str, Any]) -> Any:
        if info["reduction_type"] != "already_reduced" and "divisor" not in info:
            raise StudyError(
                'The reducer "divisor" divides by a number that the loss gives, and this loss gives none. Use "mean", '
                '"sum" or "avg_non_zero".'
            )
        return super().unpack_loss_info(info)


class PartReducers(MultipleReducers):  # type: ignore[misc]  # the library is untyped
    """Refuses a reducer for a part that the loss has not."""

    def forward(self, terms: Terms, embeddings: Tensor, labels: Tensor) -> Tensor:
        """The terms of a loss → ()."""
        unknown = [part for part in self.reducers if part not in terms]
        if unknown:
            raise StudyError(
                f'The reducer "multiple" sets {", ".join(unknown)}, and this loss has no such part: its parts are '
                f"{', '.join(terms)}. Set one of these, or use a single reducer."
            )
        loss: Tensor = super().forward(terms, embeddings, labels)
        return loss
