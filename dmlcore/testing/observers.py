"""Checks of observers."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dmlcore.api.components import ObserverConfig
from dmlcore.api.hookspecs import RunSpecs
from dmlcore.api.values import EpochSummary, Evaluation, Progress, RunInfo
from dmlcore.engine.observing import Observers
from dmlcore.testing.checking import ContractError, checks_in, demand, refusals
from dmlcore.testing.finished_run import METRICS, a_result

UNTRAINED = EpochSummary(0, None, None, 1.0, None, test=METRICS)


def builds(component: ObserverConfig) -> None:
    """`build` returns an object with at least one run hook, and without unknown hooks."""
    hooks = [name for name in vars(RunSpecs) if name.startswith("dmlcore_on_")]
    with _run() as run:
        with refusals():
            watcher = component.build(run)
        dropped = Observers([component], run).warnings
        if dropped:
            raise ContractError("known hooks and arguments", dropped[0], f"The hooks are {', '.join(hooks)}.")
    demand(
        any(hasattr(getattr(watcher, hook, None), "dmlcore_impl") for hook in hooks),
        "at least one run hook, marked by @hookimpl",
        f"none of {type(watcher).__name__}",
        f"The hooks are {', '.join(hooks)}.",
    )


def hears_a_whole_run(component: ObserverConfig) -> None:
    """It raises no error during a complete run."""
    with _run() as run, _started(component, run) as observers:
        observers.show(Progress("embed", "test images, untrained", 8, 16))
        observers.send("evaluation", evaluation=Evaluation("baseline", 0, METRICS))
        observers.send("epoch_end", epoch=UNTRAINED)
        observers.show(Progress("train", "epoch 1", 32, 64, 0.7, 120.0))
        observers.send("evaluation", evaluation=Evaluation("validation", 1, METRICS))
        diagnostics = {"mean_cosine": 0.1, "share": float("nan")}
        observers.send("epoch_end", epoch=EpochSummary(1, 0.7, 1e-3, 2.0, 32.0, None, METRICS, diagnostics))
        observers.show(Progress("evaluate", "test classes, retrieval", 1, 2))
        observers.send("evaluation", evaluation=Evaluation("test", 1, METRICS))
        observers.send("run_end", result=a_result(run.study, run.name, run.point, (UNTRAINED,)))


def hears_a_run_that_fails(component: ObserverConfig) -> None:
    """It raises no error during a run that fails before the first epoch."""
    with _run() as run, _started(component, run) as observers:
        observers.send("run_error", error=KeyboardInterrupt())


def hears_a_run_that_goes_on(component: ObserverConfig) -> None:
    """It raises no error if an interrupted run resumes in the same folder."""
    with _run() as run:
        for epoch in (0, 1):
            with _started(component, run) as observers:
                observers.send("epoch_end", epoch=EpochSummary(epoch, 0.7, 1e-3, 2.0, 32.0))
                observers.send("run_error", error=KeyboardInterrupt())


CHECKS = checks_in(__name__)


@contextmanager
def _run() -> Iterator[RunInfo]:
    """A run of two epochs, in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"loss": {"use": "triplet"}, "training": {"epochs": 2}}
        yield RunInfo("contract", "contract", 1, 1, 0, {"loss.margin": 0.1}, 2, Path(folder), settings)


@contextmanager
def _started(component: ObserverConfig, run: RunInfo) -> Iterator[Observers]:
    """The component at work in a run. Raise ContractError if it raises an error inside the block."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        observers = Observers([component], run)
        observers.send("run_start")
        yield observers
    error = "".join(observers.warnings[:1])
    demand(not error, "no error", error, "Values can be None, and a run can end before its first epoch.")
