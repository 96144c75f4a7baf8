"""The moving average of a network's weights, by timm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmlcore.engine.model import EmbeddingModel
from dmlcore.study.schema import Training


class WeightAverage:
    """The exponential moving average of a network's weights over the steps of its training (Polyak & Juditsky, 1992).

    After step t each weight is decay × average + (1 − decay) × weight. After the first step it is the weight itself;
    where `training.ema_warmup` is p, decay is at most 1 − t^(−p). BatchNorm's running statistics are averaged too, and
    what is counted in whole numbers is copied.
    """

    def __init__(self, training: Training, model: EmbeddingModel) -> None:
        from timm.utils import ModelEmaV3

        warmup = {} if training.ema_warmup is None else {"use_warmup": True, "warmup_power": training.ema_warmup}
        self._average = ModelEmaV3(model, decay=training.ema_decay, **warmup)
        self._steps = 0

    @property
    def model(self) -> EmbeddingModel:
        """The averaged network."""
        model = self._average.module
        assert isinstance(model, EmbeddingModel)
        return model

    def update(self, model: EmbeddingModel) -> None:
        """Takes in the weights after a step."""
        self._steps += 1
        self._average.update(model, step=self._steps)

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on."""
        return {"steps": self._steps, "model": self.model.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a saved state."""
        self._steps = state["steps"]
        self.model.load_state_dict(state["model"])
