"""Progress is a bar on a terminal and in a notebook, and lines elsewhere."""

from __future__ import annotations

import io
import itertools
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from dmlcore import ProgressBar, tell_progress
from dmlcore.api.progress import Display, note, report_progress, shown_on, work


def ten_seconds_a_look() -> Any:
    return itertools.count(0.0, 10.0).__next__


@pytest.mark.parametrize(
    ("unit", "total", "lines"),
    [
        ("byte", 4_000_000, ["2 MB of 4 MB, 50%", "4 MB in 40.0 s"]),
        ("file", 0, ["2,000,000 files", "4,000,000 files in 40.0 s"]),
        ("image", 8_000_000, ["2,000,000 of 8,000,000 images, 25%", "4,000,000 images in 40.0 s"]),
    ],
)
def test_a_line_now_and_then_in_a_log(unit: str, total: int, lines: list[str]) -> None:
    shown = io.StringIO()
    bar = ProgressBar(Console(file=shown, width=40, get_time=ten_seconds_a_look()))
    with shown_on(bar), work("[x].zip", total, unit, done=1_000_000):
        for done in (1_500_000, 2_000_000, 4_000_000):
            report_progress(done)
    assert shown.getvalue().splitlines() == [f"  [x].zip: {line}" for line in lines]


def test_short_work_leaves_no_line_in_a_log() -> None:
    shown = io.StringIO()
    with shown_on(ProgressBar(Console(file=shown))), work("x", 1):
        report_progress(1)
    assert shown.getvalue() == ""


def test_what_fails_has_no_last_line() -> None:
    shown = io.StringIO()
    bar = ProgressBar(Console(file=shown, get_time=itertools.count(0.0, 14.0).__next__))
    with shown_on(bar), pytest.raises(OSError, match="gone"), work("x", 5, "byte"):
        raise OSError("gone")
    assert shown.getvalue() == ""


@pytest.mark.parametrize(("unit", "amount"), [("byte", "1 MB of 2 MB"), ("image", "1,000,000 of 2,000,000 images")])
def test_a_bar_on_a_terminal_is_gone_after_the_work(monkeypatch: pytest.MonkeyPatch, unit: str, amount: str) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = io.StringIO()
    console = Console(file=shown, width=140, force_terminal=True, get_time=ten_seconds_a_look())
    with shown_on(ProgressBar(console)):
        with pytest.raises(OSError, match="gone"), work("[x].zip", 2_000_000, unit):  # noqa: PT012 - it fails midway
            report_progress(1_000_000)
            assert "[x].zip" in shown.getvalue()
            assert amount in shown.getvalue()
            raise OSError("gone")
        assert shown.getvalue().endswith(f"{amount}\r\x1b[2K\x1b[?25h\r")
        note("[bold]text")
    assert shown.getvalue().endswith("[bold]text\n")


def test_a_bar_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one output of the cell, drawn again by IPython alone, and empty in the end."""
    outputs: list[Any] = []

    def display(shown: Any, display_id: bool) -> Any:
        outputs.append(shown._repr_mimebundle_([], [])["text/plain"])
        return SimpleNamespace(update=update)

    def update(shown: Any, raw: bool = False) -> None:
        outputs.append((shown if raw else shown._repr_mimebundle_([], []))["text/plain"])

    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))  # type: ignore[arg-type]
    bar = ProgressBar(Console(force_jupyter=True, width=140, get_time=ten_seconds_a_look()))
    with shown_on(bar), work("epoch 1", 3, "image"):
        report_progress(2)
    assert "2 of 3 images" in outputs[-2]
    assert outputs[-1] == ""


def test_reports_reach_the_innermost_display_and_only_inside_work() -> None:
    seen: list[tuple[str, int, int]] = []

    class Kept(Display):
        def show(self, progress: Any) -> None:
            seen.append((progress.label, progress.done, progress.total))

    report_progress(1, 2)
    with shown_on(Kept()):
        report_progress(1, 2)
        with work("outer", 4):
            with shown_on(Display()):
                report_progress(1)
            with work("inner"):
                report_progress(1, 2)
            report_progress(2)
    assert seen == [("outer", 0, 4), ("inner", 0, 0), ("inner", 1, 2), ("outer", 2, 4)]


def test_the_former_name_still_works() -> None:
    with pytest.warns(DeprecationWarning, match="report_progress"):
        tell_progress(1, 2)
