"""Curves of a run for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from attrs import frozen

from dmlcore import EpochSummary, Evaluation, ObserverConfig, PluginError, RunInfo, hookimpl, visible

if TYPE_CHECKING:
    from dmlcore.api.result import Result


@frozen
class TensorBoard(ObserverConfig):
    """Writes loss, learning rate, metrics and diagnostics of every epoch for TensorBoard."""

    name = "tensorboard"

    def build(self, run: RunInfo) -> object:
        """An observer that writes to `run.folder`/tensorboard. Raises PluginError without the package."""
        if find_spec("tensorboard") is None:
            raise PluginError(
                "The observer tensorboard needs a package that is not installed. Install it:\n"
                "    pip install 'dmlcore[tensorboard]'\nor remove the observer from the study."
            )
        return Curves()


class Curves:
    """Writes scalars, with the epoch as their step."""

    def __init__(self) -> None:
        self._writer: Any = None

    @hookimpl
    def dmlcore_on_run_start(self, run: RunInfo) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(run.folder / "tensorboard"))

    @hookimpl
    def dmlcore_on_evaluation(self, evaluation: Evaluation) -> None:
        self._write(evaluation.epoch, evaluation.split, evaluation.metrics)

    @hookimpl
    def dmlcore_on_epoch_end(self, epoch: EpochSummary) -> None:
        training = {
            "loss": epoch.loss,
            "learning_rate": epoch.learning_rate,
            "seconds": epoch.seconds,
            "images_per_second": epoch.images_per_second,
        }
        self._write(epoch.epoch, "training", training)
        self._write(epoch.epoch, "diagnostics", epoch.diagnostics)

    @hookimpl
    def dmlcore_on_run_end(self, result: Result) -> None:
        self._writer.close()

    @hookimpl
    def dmlcore_on_run_error(self, error: BaseException) -> None:
        self._writer.close()

    def _write(self, epoch: int, group: str, values: Mapping[str, float | None]) -> None:
        for name, value in values.items():
            if value is not None:
                self._writer.add_scalar(visible(f"{group}/{name}"), value, epoch)
        self._writer.flush()


@hookimpl
def dmlcore_register_observers() -> Sequence[type[ObserverConfig]]:
    return [TensorBoard]
