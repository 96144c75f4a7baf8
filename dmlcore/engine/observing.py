"""Sends events to the observers of a run; one that raises is dropped and named, and the run goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import pluggy

from dmlcore.components import ObserverConfig
from dmlcore.errors import PluginError
from dmlcore.hookspecs import GROUP, RunSpecs
from dmlcore.results import Result
from dmlcore.values import EpochSummary, Evaluation, Progress, RunInfo

_log = logging.getLogger(__name__)


class Observers:
    """The observers of one run."""

    def __init__(self, configs: Iterable[ObserverConfig], run: RunInfo) -> None:
        self._run = run
        self._managers: dict[str, pluggy.PluginManager] = {}
        self.warnings: list[str] = []
        for config in configs:
            self._managers[config.name] = _manager(config, run)

    def start(self) -> None:
        self._send("dmlcore_on_run_start")

    def progress(self, progress: Progress) -> None:
        self._send("dmlcore_on_progress", progress=progress)

    def epoch(self, epoch: EpochSummary) -> None:
        self._send("dmlcore_on_epoch_end", epoch=epoch)

    def evaluation(self, evaluation: Evaluation) -> None:
        self._send("dmlcore_on_evaluation", evaluation=evaluation)

    def end(self, result: Result) -> None:
        self._send("dmlcore_on_run_end", result=result)

    def error(self, error: BaseException) -> None:
        self._send("dmlcore_on_run_error", error=error)

    def _send(self, hook: str, **event: object) -> None:
        for name, manager in list(self._managers.items()):
            try:
                getattr(manager.hook, hook)(run=self._run, **event)
            except Exception as error:
                del self._managers[name]
                text = f"The observer {name!r} failed in {hook} ({type(error).__name__}: {error}) and was dropped."
                self.warnings.append(text)
                _log.warning(text, exc_info=_log.isEnabledFor(logging.DEBUG))


def _manager(config: ObserverConfig, run: RunInfo) -> pluggy.PluginManager:
    """A manager of its own for each observer, so that one can fail without the others."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(RunSpecs)
    watcher = config.build(run)
    try:
        manager.register(watcher)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        text = " ".join(str(error).split())
        raise PluginError(f"The observer {config.name!r} has a hook or argument that does not exist: {text}") from None
    return manager
