"""`run.log` says what happened in a run, in whatever way it ended, and changes nothing else."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from dmlcore.api.result import Result
from dmlcore.engine.run_log import log, logged_to
from dmlcore.engine.runner import Failure, run_study
from dmlcore.results.store import RUN_LOG, Store
from interrupting import interrupted
from toys import Recording


def lines(folder: Path) -> list[str]:
    """The messages of a log, each line of which begins with a time, but for those of tracebacks."""
    text = (folder / RUN_LOG).read_text(encoding="utf-8")
    return [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", "", line) for line in text.splitlines()]


def place(messages: list[str], start: str) -> int:
    """The number of the one message that starts so."""
    (found,) = (number for number, message in enumerate(messages) if message.startswith(start))
    return found


def test_a_finished_run_has_its_log(make_study: Any, tmp_path: Path) -> None:
    (run,) = make_study("seeds=[3]").runs
    (result,) = run_study([run], Store(tmp_path), [])
    assert isinstance(result, Result)
    messages = lines(tmp_path / "toy" / run.name)
    assert messages[0] == f"run {run.name} of study toy, seed 3, on cpu"
    assert messages[1].startswith("settings: {")
    assert '"margin": 0.5' in messages[1]
    steps = ["baseline metrics after", "epoch 0:", "epoch 1:", "epoch 2:", "test metrics after epoch 2", "finished:"]
    places = [place(messages, step) for step in steps]
    assert places == sorted(places)
    assert messages[-1] == f"finished: {', '.join(f'{name} {value:.6g}' for name, value in result.metrics.items())}"
    assert all("checkpoint.pt" in messages[place(messages, f"epoch {epoch}:")] for epoch in range(3))
    assert f"loss {result.curve[2].loss:.6g}" in messages[place(messages, "epoch 2:")]
    assert [f"warning: {warning}" for warning in result.warnings] == messages[-2:-1] != []


def test_a_resumed_run_appends_to_its_log(make_study: Any, tmp_path: Path) -> None:
    (run,) = make_study("seeds=[0]").runs
    with interrupted(1):
        list(run_study([run], Store(tmp_path), []))
    assert lines(tmp_path / "toy" / f"{run.name}.partial")[-1] == "stopped: KeyboardInterrupt"
    list(run_study([run], Store(tmp_path), []))
    messages = lines(tmp_path / "toy" / run.name)
    assert place(messages, "stopped: KeyboardInterrupt") < place(messages, "resumed after epoch 1")
    assert place(messages, "resumed after epoch 1") < place(messages, "epoch 2:")


def test_a_failed_run_has_the_traceback_in_its_log(make_study: Any, tmp_path: Path) -> None:
    (run,) = make_study("seeds=[0]", 'loss={use="nan"}').runs
    (failure,) = run_study([run], Store(tmp_path), [])
    assert isinstance(failure, Failure)
    messages = lines(tmp_path / "toy" / f"{run.name}.partial")
    assert messages[place(messages, "failed: ")] == f"failed: {failure.reason}"
    assert any("in train_epoch" in message for message in messages)


def test_warnings_of_observers_are_logged_and_still_printed(
    make_study: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "propagate", False)  # to pytest's own handlers
    (run,) = make_study("seeds=[0]").runs
    (result,) = run_study([run], Store(tmp_path), [Recording(fails_on="epoch")])
    assert isinstance(result, Result)
    warning = result.warnings[-1]
    assert "recording" in warning
    assert warning in lines(tmp_path / "toy" / run.name)
    assert capsys.readouterr().err.strip() == warning


def test_the_logger_is_as_before_after_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "level", logging.ERROR)
    log.manager._clear_cache()
    before = list(log.handlers)
    with logged_to(tmp_path / RUN_LOG):
        log.info("inside")
    log.info("outside")
    assert (log.handlers, log.level) == (before, logging.ERROR)
    assert lines(tmp_path) == ["inside"]
    monkeypatch.undo()
    log.manager._clear_cache()
