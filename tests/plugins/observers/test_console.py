"""What the console shows: plain lines in a file, lines and a bar on a terminal."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pluggy
import pytest
from rich.console import Console

from dmlcore import EpochSummary, Progress, RunInfo, TrainingError
from dmlcore.api.hookspecs import GROUP, RunSpecs
from dmlcore_plugins.observers.console import Console as ConsoleConfig
from dmlcore_plugins.observers.console_lines import ConsoleLines, duration, short_names
from dmlcore_plugins.observers.pace import Pace

RUN = RunInfo(
    study="dims",
    name="dim-64_seed-1",
    index=3,
    count=12,
    seed=1,
    point={"embedding.dim": 64, "loss": {"use": "triplet", "margin": 0.1}},
    epochs=10,
    folder=Path("unused"),
    settings={},
)
BEFORE = {
    "retrieval/recall_at_1": 0.5,
    "retrieval/recall_at_2": 0.6,
    "retrieval/map_at_r": 0.125,
    "clustering/nmi": 0.4,
}
AFTER = {name: value + 0.25 for name, value in BEFORE.items()}
UNTRAINED = EpochSummary(0, None, None, 3.25, None, test=BEFORE)
FIRST = EpochSummary(1, 0.43217, 1e-4, 12.34, 250.0, test=AFTER, validation={"retrieval/map_at_r": 0.3})
RESULT = SimpleNamespace(metrics=AFTER, baseline=BEFORE, seconds=3723.0)


class Clock:
    """Time that passes only when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Screen:
    """An observer on a console of its own, told of events as the engine tells it."""

    def __init__(self, *, terminal: bool, metrics: tuple[str, ...] | None = None, width: int = 140) -> None:
        self.clock = Clock()
        self.file = io.StringIO()
        console = Console(file=self.file, force_terminal=terminal, width=width, get_time=self.clock)
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(RunSpecs)
        self.manager.register(ConsoleLines(RUN, metrics, console))
        self.manager.check_pending()

    def send(self, event: str, **values: object) -> str:
        """What an event adds to the screen."""
        start = self.file.tell()
        getattr(self.manager.hook, f"dmlcore_on_{event}")(run=RUN, **values)
        return self.file.getvalue()[start:]


@pytest.fixture(autouse=True)
def capable_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for variable in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(variable, raising=False)


def test_a_whole_run_in_a_file() -> None:
    screen = Screen(terminal=False, width=40)
    screen.send("run_start")
    screen.send("epoch_end", epoch=UNTRAINED)
    for done in range(1, 50):
        screen.send("progress", progress=Progress("train", "epoch 1", done, 49, 0.5, 100.0))
    screen.send("epoch_end", epoch=FIRST)
    screen.send("run_end", result=RESULT)
    assert screen.file.getvalue() == (
        "run 3/12  dims  embedding.dim=64  loss=triplet  seed 1  10 epochs\n"
        "  untrained    test:  recall_at_1 0.5000  map_at_r 0.1250  nmi 0.4000  3.2 s\n"
        "  epoch  1/10  loss 0.4322  lr 1.0e-04  validation:  map_at_r 0.3000"
        "  test:  recall_at_1 0.7500  map_at_r 0.3750  nmi 0.6500  12.3 s\n"
        "  done  recall_at_1 0.7500 (untrained 0.5000)  map_at_r 0.3750 (untrained 0.1250)"
        "  nmi 0.6500 (untrained 0.4000)  1:02:03\n"
    )


def test_an_epoch_without_metrics_has_a_line_too() -> None:
    assert Screen(terminal=False).send("epoch_end", epoch=EpochSummary(7, 0.25, 0.5, 61, 99.0)) == (
        "  epoch  7/10  loss 0.2500  lr 5.0e-01  1:01\n"
    )


def test_shows_the_metrics_that_were_asked_for_and_says_which_are_missing() -> None:
    screen = Screen(terminal=False, metrics=("retrieval/recall_at_2", "clustering/ami"))
    assert screen.send("epoch_end", epoch=UNTRAINED) == (
        "  untrained    test:  recall_at_2 0.6000  ami not measured  3.2 s\n"
    )


def test_shows_the_first_metrics_where_the_usual_ones_are_not_measured() -> None:
    metrics = {f"own/m{number}": number / 8 for number in range(5)}
    assert Screen(terminal=False).send("epoch_end", epoch=EpochSummary(0, None, None, 1, None, test=metrics)) == (
        "  untrained    test:  m0 0.0000  m1 0.1250  m2 0.2500  1.0 s\n"
    )


def test_an_error_is_named() -> None:
    assert Screen(terminal=False).send("run_error", error=TrainingError("the loss is nan")) == (
        "  stopped  TrainingError\n"
    )


def test_brackets_are_text_not_markup() -> None:
    screen = Screen(terminal=True)
    screen.send("run_start")
    assert "[bold]x" in screen.send("progress", progress=Progress("embed", "[bold]x", 0, 3))


def test_the_bar_shows_loss_speed_and_times_left() -> None:
    screen = Screen(terminal=True)
    screen.send("run_start")
    screen.send("epoch_end", epoch=UNTRAINED)
    screen.send("progress", progress=Progress("train", "epoch 1", 0, 4000))
    for done in (1000, 2000):
        screen.clock.now += 5
        shown = screen.send("progress", progress=Progress("train", "epoch 1", done, 4000, 0.43217, 199.6, "image"))
    assert "epoch 1" in shown
    assert "2,000 of 4,000 images  loss 0.4322  200 images/s  0:10 left  run 3:10 left" in shown
    screen.clock.now += 10
    shown = screen.send("progress", progress=Progress("evaluate", "test classes", 0, 1))
    assert "test classes" in shown
    assert "left" not in shown


def test_the_bar_draws_at_most_ten_times_a_second() -> None:
    screen = Screen(terminal=True)
    screen.send("run_start")
    screen.send("progress", progress=Progress("train", "epoch 1", 0, 1000))
    drawings = 0
    for done in range(1, 1001):
        screen.clock.now += 0.002
        drawings += bool(screen.send("progress", progress=Progress("train", "epoch 1", done, 1000)))
    assert 18 <= drawings <= 20


def test_the_bar_goes_when_an_epoch_or_the_run_ends() -> None:
    screen = Screen(terminal=True)
    hides_cursor, shows_cursor, erases_line = "\x1b[?25l", "\x1b[?25h", "\r\x1b[2K"
    screen.send("run_start")
    first = screen.send("progress", progress=Progress("train", "epoch 1", 1, 2))
    assert hides_cursor in first
    assert "1 of 2 steps" in first
    line = screen.send("epoch_end", epoch=FIRST)
    assert "loss 0.4322" in line
    assert "1 of 2" not in line
    assert shows_cursor in line
    assert "epoch 2" in screen.send("progress", progress=Progress("train", "epoch 2", 1, 2))
    last = screen.send("run_error", error=KeyboardInterrupt())
    assert shows_cursor in last
    assert 0 <= last.rfind(erases_line) < last.rfind("stopped")
    assert "rich" not in type(sys.stdout).__module__, "the real one is back"


def test_a_dumb_terminal_gets_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    screen = Screen(terminal=True)
    screen.send("run_start")
    screen.send("progress", progress=Progress("train", "epoch 1", 1, 2))
    screen.send("run_error", error=KeyboardInterrupt())
    lines = screen.file.getvalue()
    assert "\x1b[?25l" not in lines
    assert "epoch 1" not in lines


def test_the_built_observer_prints_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    observer = ConsoleConfig(metrics=("clustering/nmi",)).build(RUN)
    observer.dmlcore_on_epoch_end(run=RUN, epoch=UNTRAINED)
    captured = capsys.readouterr()
    assert captured.out == "  untrained    test:  nmi 0.4000  3.2 s\n"
    assert captured.err == ""


def train(done: int, total: int) -> Progress:
    return Progress("train", "epoch", done, total)


def test_the_pace_of_the_first_epoch_is_that_of_its_steps() -> None:
    pace = Pace(epochs=10)
    assert pace.seconds_left(train(1, 4), 5.0) is None
    pace.end_epoch(0, 100.0)
    assert pace.seconds_left(train(0, 4), 100.0) is None
    assert pace.seconds_left(Progress("embed", "test", 1, 4), 105.0) is None
    assert pace.seconds_left(train(1, 4), 105.0) == 10 * 20 - 5


@pytest.mark.parametrize("first", [0, 6])
def test_the_pace_of_later_epochs_is_that_of_the_finished_ones(first: int) -> None:
    """Also where the run was resumed at epoch 6."""
    pace = Pace(epochs=10)
    pace.end_epoch(first, 100.0)
    pace.end_epoch(first + 1, 120.0)
    pace.end_epoch(first + 2, 160.0)
    assert pace.seconds_left(train(1, 4), 165.0) == (10 - first - 2) * 30 - 5
    assert pace.seconds_left(train(1, 4), 9999.0) == 0


def test_times_in_words() -> None:
    assert [duration(seconds) for seconds in (0.04, 59.9, 60, 7325)] == ["0.0 s", "59.9 s", "1:00", "2:02:05"]


def test_names_are_shortened_unless_two_become_one() -> None:
    assert short_names(["retrieval/map_at_r", "clustering/nmi"]) == ["map_at_r", "nmi"]
    assert short_names(["near/nmi", "far/nmi"]) == ["near/nmi", "far/nmi"]
