"""The moving average of a network's weights, computed by timm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmlcore.engine.model import EmbeddingModel
from dmlcore.study.schema import Training


class WeightAverage:
    """The exponential moving average of a network's weights over its training steps (Polyak & Juditsky, 1992).

    After step t, each weight is decay × average + (1 − decay) × weight; after the first step, it is the weight itself.
    With `training.ema_warmup` p, the decay is at most 1 − t^(−p). BatchNorm's running statistics are averaged as well;
    integer buffers are copied.
    """

    def __init__(self, training: Training, model: EmbeddingModel) -> None:
        from timm.utils import ModelEmaV3

        warmup = {} if training.ema_warmup is None else {"use_warmup": True, "warmup_power": training.ema_warmup}
        self._average = ModelEmaV3(model, decay=training.ema_decay, **warmup)
        self.model: EmbeddingModel = self._average.module
        """The averaged network."""
        self._steps = 0

    def update(self, model: EmbeddingModel) -> None:
        """Update the average with the weights after a step."""
        self._steps += 1
        self._average.update(model, step=self._steps)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next update depends on."""
        return {"steps": self._steps, "model": self.model.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from a saved state."""
        self._steps = state["steps"]
        self.model.load_state_dict(state["model"])
