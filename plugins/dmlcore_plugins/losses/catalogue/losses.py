"""Every loss of pytorch-metric-learning that takes embeddings and labels, by its options."""

from __future__ import annotations

from collections.abc import Sequence

from dmlcore import LossConfig, hookimpl
from dmlcore_plugins.losses.catalogue import batch_losses, class_losses, pair_losses, triplet_losses
from dmlcore_plugins.losses.catalogue.library_loss import LibraryLoss

LOSSES: tuple[type[LibraryLoss], ...] = tuple(
    value
    for module in (pair_losses, triplet_losses, batch_losses, class_losses)
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, LibraryLoss) and "name" in vars(value)
)
"""Every class with a name."""


@hookimpl
def dmlcore_register_losses() -> Sequence[type[LossConfig]]:
    return [cls for cls in LOSSES if cls is not class_losses.ProxyAnchor]  # an entry point by itself
