"""The peak is the process's, in bytes, and is forgotten when a run begins."""

from __future__ import annotations

import sys

import pytest
import torch

from dmlcore.engine import machine
from dmlcore.engine.machine import forget_peak, peak_memory

CPU = torch.device("cpu")
LARGE = 200_000_000


def peak() -> int:
    value = peak_memory(CPU)
    assert value is not None
    return value


def can_forget() -> bool:
    try:
        machine._CLEAR_REFERENCES.write_text(machine._FORGET_PEAK)
    except OSError:
        return False
    return True


def test_the_peak_counts_what_was_held_and_is_held_no_more() -> None:
    forget_peak(CPU)
    before = peak()
    assert 50_000_000 < before < 100_000_000_000, "bytes, of a process that has torch"
    held = torch.ones(LARGE, dtype=torch.uint8)
    del held
    if can_forget():
        held = torch.ones(LARGE, dtype=torch.uint8)
        assert peak() > before + LARGE // 2
        del held
        forget_peak(CPU)
        assert peak() < before + LARGE // 2
    else:
        assert peak() >= before


def test_a_system_that_forgets_nothing_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(machine, "_CLEAR_REFERENCES", machine.Path("/nowhere/clear_refs"))
    forget_peak(CPU)
    assert peak() > 0


def test_macos_counts_in_bytes_and_windows_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    linux = peak()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert peak() == pytest.approx(linux / 1024, rel=0.2)
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_memory(CPU) is None
