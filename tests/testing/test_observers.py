"""Each check of an observer fails where its promise is broken."""

from __future__ import annotations

from typing import Any

import pytest

from dmlcore import ObserverConfig, PluginError, hookimpl
from dmlcore.testing.observers import CHECKS
from testing.failing import component_of, failure_of

HOOKS = (
    "The hooks are dmlcore_on_run_start, dmlcore_on_progress, dmlcore_on_epoch_end, dmlcore_on_evaluation, "
    "dmlcore_on_run_end, dmlcore_on_run_error."
)


class Misspelt:
    @hookimpl
    def dmlcore_on_epoch(self, run: Any) -> None: ...


class Greedy:
    @hookimpl
    def dmlcore_on_epoch_end(self, epoch: Any, network: Any) -> None: ...


class Unmarked:
    def dmlcore_on_run_start(self, run: Any) -> None: ...


class Rounding:
    @hookimpl
    def dmlcore_on_epoch_end(self, epoch: Any) -> None:
        round(epoch.loss, 3)


class Closing:
    @hookimpl
    def dmlcore_on_run_error(self) -> None:
        self.file.close()  # type: ignore[attr-defined]  # opened after the first epoch


class Creating:
    @hookimpl
    def dmlcore_on_run_start(self, run: Any) -> None:
        (run.folder / "log").mkdir()


def watching(watcher: Any) -> Any:
    return component_of(ObserverConfig, build=lambda self, run: watcher())


def lacking() -> None:
    raise PluginError("It needs a package: pip install wandb.")


BROKEN: list[tuple[str, Any, str]] = [
    (
        "builds",
        lacking,
        "PluginError: It needs a package: pip install wandb.",
    ),
    ("builds", Misspelt, "unknown hook 'dmlcore_on_epoch'"),
    ("builds", Greedy, "network"),
    ("builds", Unmarked, "none of Unmarked"),
    (
        "hears_a_whole_run",
        Rounding,
        "failed in dmlcore_on_epoch_end (TypeError: type NoneType doesn't define __round__ method)",
    ),
    (
        "hears_a_run_that_fails",
        Closing,
        "failed in dmlcore_on_run_error (AttributeError: 'Closing' object has no attribute 'file')",
    ),
    ("hears_a_run_that_goes_on", Creating, "failed in dmlcore_on_run_start (File"),
]


@pytest.mark.parametrize(("check", "watcher", "words"), BROKEN)
def test_a_broken_promise_is_told(check: str, watcher: Any, words: str) -> None:
    assert words in failure_of(watching(watcher), check)


def test_every_check_is_seen_to_fail() -> None:
    assert {row[0] for row in BROKEN} == {check.__name__ for check in CHECKS}
