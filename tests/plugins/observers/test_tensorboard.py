"""Curves for TensorBoard, read back with its own reader."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pluggy
import pytest

from dmlcore import EpochSummary, Evaluation, PluginError, RunInfo
from dmlcore.api.hookspecs import GROUP, RunSpecs
from dmlcore_plugins.observers import tensorboard
from dmlcore_plugins.observers.tensorboard import TensorBoard
from running import python

Scalars = dict[str, list[tuple[int, float]]]


def observe(folder: Path, epochs: range, *, error: BaseException | None = None) -> None:
    """A run of these epochs, each measured on the test classes."""
    run = RunInfo("study", "run", 1, 1, 0, {}, 3, folder, {})
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(RunSpecs)
    manager.register(TensorBoard().build(run))
    manager.check_pending()
    manager.hook.dmlcore_on_run_start(run=run)
    for epoch in epochs:
        test = {"retrieval/recall_at_1": epoch / 4}
        split = "test" if epoch else "baseline"
        manager.hook.dmlcore_on_evaluation(run=run, evaluation=Evaluation(split, epoch, test))
        loss = 1 / epoch if epoch else None
        summary = EpochSummary(epoch, loss, 0.5 if epoch else None, 2.0, None, test=test, diagnostics={"cosine": 0.5})
        manager.hook.dmlcore_on_epoch_end(run=run, epoch=summary)
    if error:
        manager.hook.dmlcore_on_run_error(run=run, error=error)
    else:
        manager.hook.dmlcore_on_run_end(run=run, result=SimpleNamespace())


def scalars(folder: Path) -> Scalars:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return {tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


needs_package = pytest.mark.skipif(find_spec("tensorboard") is None, reason="needs pip install 'dmlcore[tensorboard]'")


@needs_package
def test_every_number_of_every_epoch_is_a_point(tmp_path: Path) -> None:
    observe(tmp_path, range(3))
    assert scalars(tmp_path) == {
        "baseline/retrieval/recall_at_1": [(0, 0.0)],
        "test/retrieval/recall_at_1": [(1, 0.25), (2, 0.5)],
        "training/loss": [(1, 1.0), (2, 0.5)],
        "training/learning_rate": [(1, 0.5), (2, 0.5)],
        "training/seconds": [(0, 2.0), (1, 2.0), (2, 2.0)],
        "diagnostics/cosine": [(0, 0.5), (1, 0.5), (2, 0.5)],
    }


@needs_package
def test_a_resumed_run_goes_on_with_the_same_curves(tmp_path: Path) -> None:
    observe(tmp_path, range(2), error=KeyboardInterrupt())
    observe(tmp_path, range(2, 4))
    assert scalars(tmp_path)["test/retrieval/recall_at_1"] == [(1, 0.25), (2, 0.5), (3, 0.75)]


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "find_spec", lambda _: None)
    with pytest.raises(PluginError) as failure:
        observe(tmp_path, range(1))
    assert "observer tensorboard" in str(failure.value)
    assert "pip install 'dmlcore[tensorboard]'" in str(failure.value)


def test_entry_modules_load_nothing_heavy() -> None:
    code = (
        "import importlib, sys\n"
        "for name in ('console', 'jsonl', 'tensorboard'):\n"
        "    importlib.import_module('dmlcore_plugins.observers.' + name)\n"
        "print([name for name in ('torch', 'numpy', 'tensorboard', 'rich') if name in sys.modules])"
    )
    printed = python("-c", code).stdout
    assert printed.strip() == "[]"
