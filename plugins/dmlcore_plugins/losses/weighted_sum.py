"""A sum of losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from dmlcore import LossConfig, LossContext, hookimpl, option

if TYPE_CHECKING:
    import torch


@frozen
class WeightedSum(LossConfig):
    """A weighted sum of losses of any plugin: all on the same batch, all their parameters trained.

    A study writes a table `[[loss.parts]]` for each, with `use` and its options.
    """

    name = "weighted_sum"

    parts: tuple[LossConfig, ...] = option(help="the losses, each a table [[loss.parts]]")
    weights: tuple[float, ...] | None = option(None, gt=0, help="factor of each, in the order of parts; default: 1")

    def __attrs_post_init__(self) -> None:
        if not self.parts:
            raise ValueError("parts has no loss; add a table [[loss.parts]] for each")
        if self.weights is not None and len(self.weights) != len(self.parts):
            raise ValueError(
                f"there are {len(self.weights)} weights for {len(self.parts)} losses; write one weight for each"
            )

    @property
    def factors(self) -> tuple[float, ...]:
        """A weight for each part."""
        return self.weights or (1.0,) * len(self.parts)

    @property
    def needs_positives(self) -> bool:  # type: ignore[override]  # depends on the parts
        return any(part.needs_positives for part in self.parts)

    @property
    def needs_negatives(self) -> bool:  # type: ignore[override]
        return any(part.needs_negatives for part in self.parts)

    @property
    def formula(self) -> str:
        names = [part.name.replace("_", r"\ ") for part in self.parts]
        terms = [rf"{factor:g}\, L_{{\mathrm{{{name}}}}}" for factor, name in zip(self.factors, names, strict=True)]
        return f"L = {' + '.join(terms)}"

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → loss (); see LossConfig.build."""
        from dmlcore_plugins.losses.weighted_sum_loss import WeightedSumLoss

        return WeightedSumLoss([part.build(context) for part in self.parts], self.factors)

    def class_vectors(self, loss: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Those of the first part that learns any."""
        found = (part.class_vectors(module) for part, module in zip(self.parts, loss.parts, strict=True))  # type: ignore[arg-type]
        return next((vectors for vectors in found if vectors is not None), None)


@hookimpl
def dmlcore_register_losses() -> Sequence[type[LossConfig]]:
    return [WeightedSum]
