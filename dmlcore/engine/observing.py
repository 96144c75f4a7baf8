"""Sends events to the observers of a run; one that raises is dropped with a warning, and the run continues."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable

import pluggy

from dmlcore.api.components import ObserverConfig
from dmlcore.api.hookspecs import GROUP, RunSpecs
from dmlcore.api.progress import Display
from dmlcore.api.values import Progress, RunInfo
from dmlcore.errors import DmlcoreError
from dmlcore.host.faults import NO_FAULT, error_text, named

_log = logging.getLogger(__name__)


class Observers(Display):
    """The observers of one run."""

    def __init__(self, configs: Iterable[ObserverConfig], run: RunInfo) -> None:
        self._run = run
        self._managers: list[tuple[ObserverConfig, pluggy.PluginManager]] = []
        self.warnings: list[str] = []
        for config in {config.name: config for config in configs}.values():
            try:
                self._managers.append((config, self._manager(config)))
            except (*NO_FAULT, DmlcoreError):
                raise
            except BaseException as error:
                self._drop(config, "build", error)

    def show(self, progress: Progress) -> None:
        if progress.total:
            self.send("progress", progress=progress)

    def send(self, event: str, **facts: object) -> None:
        """Call the hook `dmlcore_on_<event>` of every observer."""
        hook = f"dmlcore_on_{event}"
        for config, manager in list(self._managers):
            try:
                getattr(manager.hook, hook)(run=self._run, **facts)
            except NO_FAULT:
                raise
            except BaseException as error:
                self._managers.remove((config, manager))
                self._drop(config, hook, error)

    def _drop(self, config: ObserverConfig, where: str, error: BaseException) -> None:
        self._warn(f"The {named(config)} failed in {where} ({error_text(error)}) and was dropped.", error)

    def _warn(self, text: str, error: BaseException | None = None) -> None:
        self.warnings.append(text)
        _log.warning(text, exc_info=error if _log.isEnabledFor(logging.DEBUG) else None)

    def _manager(self, config: ObserverConfig) -> pluggy.PluginManager:
        """Return a separate manager for each observer, so that one can fail without the others."""
        manager = pluggy.PluginManager(GROUP)
        manager.add_hookspecs(RunSpecs)
        observer = config.build(self._run)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            manager.register(observer)
        manager.check_pending()
        for warning in caught:
            self._warn(f"The {named(config)} uses a deprecated hook: {warning.message}")
        return manager
