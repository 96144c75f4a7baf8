"""Progress is a bar on a terminal and lines elsewhere."""

from __future__ import annotations

import io
import itertools
import time

import pytest
from rich.console import Console

from dmlcore.data.meter import Meter, Unit


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds pass between two looks at the clock."""
    seconds = itertools.count(0.0, 10.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))


@pytest.mark.parametrize(
    ("unit", "total", "lines"),
    [
        ("byte", 4_000_000, ["2 MB of 4 MB, 50%", "4 MB in 50.0 s"]),
        ("file", None, ["2,000,000 files", "4,000,000 files in 50.0 s"]),
        ("image", 8_000_000, ["2,000,000 images of 8,000,000 images, 25%", "4,000,000 images in 50.0 s"]),
    ],
)
def test_a_line_now_and_then(clock: None, unit: Unit, total: int | None, lines: list[str]) -> None:
    shown = io.StringIO()
    with Meter(Console(file=shown, width=40)).measure("[x].zip", total, unit, done=1_000_000) as advance:
        for amount in (500_000, 500_000, 2_000_000):
            advance(amount)
    assert shown.getvalue().splitlines() == [f"  [x].zip: {line}" for line in lines]


def test_what_fails_has_no_last_line() -> None:
    shown = io.StringIO()
    with pytest.raises(OSError), Meter(Console(file=shown)).measure("x", 5, "byte"):  # noqa: PT011 - any will do
        raise OSError
    assert shown.getvalue() == ""


@pytest.mark.parametrize("unit", ["byte", "image"])
def test_a_bar_on_a_terminal(unit: Unit) -> None:
    shown = io.StringIO()
    console = Console(file=shown, width=100, force_terminal=True)
    with Meter(console).measure("[x].zip", 2_000_000, unit) as advance:
        advance(1_000_000)
    assert "[x].zip" in shown.getvalue()
    assert "1.0/2.0 MB" in shown.getvalue() or "1000000/2000000" in shown.getvalue()
