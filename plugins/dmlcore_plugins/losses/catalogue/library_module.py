"""A loss of pytorch-metric-learning as a module of a run: mined, remembering, and told of wrong labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pytorch_metric_learning import losses
from torch import Tensor, nn

from dmlcore import DataError, TrainingError
from dmlcore_plugins.losses.catalogue import mended_losses


def library_class(path: str) -> Callable[..., nn.Module]:
    """The class of a name such as losses.CircleLoss: the mended one, where there is one."""
    name = path.rpartition(".")[2]
    found: Callable[..., nn.Module] = getattr(mended_losses, name, None) or getattr(losses, name)
    return found


def initializer(name: str) -> Callable[[Tensor], Tensor]:
    """The function of torch.nn.init."""
    function: Callable[[Tensor], Tensor] = getattr(nn.init, f"{name}_")
    return function


class LibraryModule(nn.Module):
    """A loss, on what its miner picks where it has one.

    `num_classes` is that of a loss with weights for each class: some give a number for any label whatever.
    """

    def __init__(self, name: str, loss: nn.Module, miner: nn.Module | None, num_classes: int | None) -> None:
        super().__init__()
        self.name = name
        self.loss = loss
        self.miner = miner
        self.num_classes = num_classes

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """embeddings: (B, D); labels: (B,) → loss ()."""
        self._check_labels(labels)
        loss: Tensor = self.loss(embeddings, labels, *self._picks(embeddings, labels))
        return loss

    @torch.no_grad()
    def _picks(self, embeddings: Tensor, labels: Tensor) -> tuple[Any, ...]:
        return () if self.miner is None else (self.miner(embeddings, labels),)

    def _check_labels(self, labels: Tensor) -> None:
        if self.num_classes is None:
            return
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= self.num_classes:
            raise DataError(
                f"The loss {self.name!r} learns weights for the classes 0 … {self.num_classes - 1}, and a batch has"
                f" the label {low if low < 0 else high}. The labels of a data set must be indices into its class names."
            )


class Remembering(losses.CrossBatchMemory):  # type: ignore[misc]  # the library is untyped
    """The library's memory, saved whole: where it writes next, and whether it was filled, are in its state too."""

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """embeddings: (B, D); labels: (B,) → loss () against the memory, which takes this batch in first."""
        if len(embeddings) > self.memory_size:
            raise TrainingError(
                f"The memory keeps {self.memory_size} embeddings, and a batch has {len(embeddings)}. Set the size of"
                " the loss's memory to the batch size or more."
            )
        loss: Tensor = super().forward(embeddings, labels)
        return loss

    def get_extra_state(self) -> dict[str, Any]:
        """What the library keeps beside its buffers."""
        return {"queue_idx": self.queue_idx, "has_been_filled": self.has_been_filled}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Puts it back."""
        self.queue_idx, self.has_been_filled = state["queue_idx"], state["has_been_filled"]
