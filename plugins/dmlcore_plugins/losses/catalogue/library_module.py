"""A loss of pytorch-metric-learning as a module of a run: mined, with memory, and with labels checked."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from pytorch_metric_learning import losses
from torch import Tensor, nn

from dmlcore import DataError, TrainingError
from dmlcore_plugins.losses.catalogue import corrected_losses, corrected_miners, corrected_reducers
from dmlcore_plugins.losses.mining import MinedLoss

CLASS_AXES = {"proxies": 0, "W": 1, "fc": 1, "weight": 1}
"""Name of the weights that a loss of the library learns for the classes → their axis of classes."""

CORRECTED = {"losses": corrected_losses, "miners": corrected_miners, "reducers": corrected_reducers}


def library_class(path: str) -> Callable[..., nn.Module]:
    """The class of a name such as losses.CircleLoss: the corrected one, if there is one."""
    kind, _, name = path.partition(".")
    found: Callable[..., nn.Module] = getattr(CORRECTED.get(kind), name, None) or getattr(
        import_module(f"pytorch_metric_learning.{kind}"), name
    )
    return found


class LibraryModule(MinedLoss):
    """A loss, on what its miner selects if it has one.

    `num_classes` is that of a loss with weights for each class: some return a number for any label.
    """

    def __init__(self, name: str, loss: nn.Module, miner: nn.Module | None, num_classes: int | None) -> None:
        super().__init__(loss, miner)
        self.name = name
        self.num_classes = num_classes
        self.register_load_state_dict_pre_hook(_renamed_proxies)  # type: ignore[no-untyped-call]  # torch's

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """embeddings: (B, D); labels: (B,) → loss ()."""
        self._check_labels(labels)
        return super().forward(embeddings, labels)

    @property
    def class_weights(self) -> Tensor:
        """The weights (P, D) that the loss learns for the classes, those of the first class first."""
        name = next(name for name in CLASS_AXES if hasattr(self.loss, name))
        weights: Tensor = getattr(self.loss, name)
        return weights.T if CLASS_AXES[name] else weights

    def _check_labels(self, labels: Tensor) -> None:
        if self.num_classes is None:
            return
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= self.num_classes:
            raise DataError(
                f"The loss {self.name!r} learns weights for the classes 0 … {self.num_classes - 1}, but a batch has"
                f" the label {low if low < 0 else high}. The labels of a data set must be indices into its class names."
            )


def _renamed_proxies(_module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Checkpoints of `proxy_anchor` from before dmlcore 0.2 have its proxies under another key."""
    if f"{prefix}proxies" in state:
        state[f"{prefix}loss.proxies"] = state.pop(f"{prefix}proxies")


class Remembering(losses.CrossBatchMemory):  # type: ignore[misc]  # the library is untyped
    """The library's memory, with its whole state saved: the place of the next write, and whether it was filled."""

    def forward(self, embeddings: Tensor, labels: Tensor, _picks: None = None) -> Tensor:
        """embeddings: (B, D); labels: (B,) → loss () against the memory, which stores this batch first."""
        if len(embeddings) > self.memory_size:
            raise TrainingError(
                f"The memory has {self.memory_size} embeddings, but a batch has {len(embeddings)}. Set the size of the"
                " loss's memory to the batch size or more."
            )
        loss: Tensor = super().forward(embeddings, labels)
        return loss

    def get_extra_state(self) -> dict[str, Any]:
        """What the library keeps outside its buffers."""
        return {"queue_idx": self.queue_idx, "has_been_filled": self.has_been_filled}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restores it."""
        self.queue_idx, self.has_been_filled = state["queue_idx"], state["has_been_filled"]
