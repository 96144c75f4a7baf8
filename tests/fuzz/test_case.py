"""What counts as a failure of a mutated case."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fuzz import case
from fuzz.case import Case, run_case

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def test_a_message_and_an_exit_code_are_no_failure(tmp_path: Path) -> None:
    assert run_case(Case([["no-such-command"]]), tmp_path).fault == ""
    assert "No such command" in (tmp_path / "0.output.txt").read_text()


def test_the_verdict_on_the_output_counts(tmp_path: Path) -> None:
    assert run_case(Case([["--version"]], lambda outputs: f"seen: {outputs[0].strip()[:8]}"), tmp_path).fault == (
        "seen: dmlcore,"
    )


def fails() -> int:
    raise IndexError("index 7 is out of bounds")


def is_silent() -> int:
    return 1


def hangs() -> int:
    time.sleep(60)
    return 0


def reads_much() -> int:
    bytearray(1 << 28)
    return 0


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (fails, "dmlcore run x: IndexError: index 7 is out of bounds"),
        (is_silent, "dmlcore run x: exit code 1 without a word"),
        (hangs, "hangs: more than 0.2 s a command"),
        (reads_much, "takes "),
    ],
)
def test_failures(command: Callable[[], int], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmlcore.cli.main.main", lambda *_, **__: sys.exit(command()))
    monkeypatch.setattr(case, "SECONDS", 0.2 if command is hangs else 10)
    monkeypatch.setattr(case, "BYTES", 1 << 20 if command is reads_much else 1 << 40)
    assert run_case(Case([["run", "x"]]), tmp_path).fault.startswith(fault)
