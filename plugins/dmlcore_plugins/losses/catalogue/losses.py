"""Every loss of pytorch-metric-learning that takes embeddings and labels, by its options."""

from __future__ import annotations

from collections.abc import Sequence

from dmlcore import LossConfig, hookimpl
from dmlcore_plugins.losses.catalogue import (
    neighbor_losses,
    pair_losses,
    proxy_losses,
    ranking_losses,
    softmax_losses,
    triplet_losses,
)
from dmlcore_plugins.losses.catalogue.library_loss import LibraryLoss

MODULES = (pair_losses, triplet_losses, neighbor_losses, ranking_losses, softmax_losses, proxy_losses)
LOSSES: tuple[type[LibraryLoss], ...] = tuple(
    value
    for module in MODULES
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, LibraryLoss) and "name" in vars(value)
)
"""Every class with a name."""


@hookimpl
def dmlcore_register_losses() -> Sequence[type[LossConfig]]:
    return [cls for cls in LOSSES if cls is not proxy_losses.ProxyAnchor]  # an entry point by itself
