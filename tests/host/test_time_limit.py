"""Code that takes too long is interrupted, wherever it waits and whatever it catches."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable

import pytest

from dmlcore import StudyError
from dmlcore.host import time_limit as module
from dmlcore.host.time_limit import TimeLimitError, plugin_seconds, time_limit


def spin() -> None:
    while True:
        pass


def stubborn() -> None:
    while True:
        try:
            time.sleep(60)
        except TimeLimitError as error:
            if error.args == ("too slow",) and len(caught_by_it) == 2:
                raise
            caught_by_it.append(error)


caught_by_it: list[TimeLimitError] = []


def in_c() -> None:
    re.match("(a+)+$", "a" * 60 + "b")


@pytest.mark.parametrize("code", [spin, lambda: time.sleep(60), threading.Event().wait, in_c, stubborn])
def test_code_is_interrupted(monkeypatch: pytest.MonkeyPatch, code: Callable[[], object]) -> None:
    monkeypatch.setattr(module, "_AGAIN", 0.05)
    with pytest.raises(TimeLimitError, match="too slow"), time_limit(0.05, "too slow", "stuck"):
        code()


def test_the_alarm_of_someone_else_still_rings() -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: rung.append(number))
    own = signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(TimeLimitError), time_limit(0.05, "too slow", "stuck"):
            time.sleep(60)
        assert rung == []
        time.sleep(0.5)
        assert rung == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *own)


def test_code_in_another_thread_is_interrupted() -> None:
    errors = []

    def run() -> None:
        try:
            with time_limit(0.05, "too slow", "stuck"):
                spin()
        except TimeLimitError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(30)
    assert errors == ["too slow"]


def test_what_cannot_be_stopped_is_named(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module, "_AGAIN", 0.02)
    end = time.monotonic() + 0.3
    with time_limit(0.02, "too slow", "The plugin x is stuck."):
        while True:
            try:
                while time.monotonic() < end:
                    pass
                break
            except TimeLimitError:
                continue
    assert capfd.readouterr().err == "The plugin x is stuck.\n"


def test_a_limit_can_be_renewed_and_omitted() -> None:
    with time_limit(0.5, "too slow", "stuck") as limit:
        for _ in range(8):
            time.sleep(0.1)
            limit.renew()
    with time_limit(0, "too slow", "stuck"):
        time.sleep(0.01)


def test_the_limit_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plugin_seconds() == 60
    monkeypatch.setenv("DMLCORE_PLUGIN_SECONDS", "2.5")
    assert plugin_seconds() == 2.5
    for text in ("soon", "-1", "nan", "1e30"):
        monkeypatch.setenv("DMLCORE_PLUGIN_SECONDS", text)
        with pytest.raises(StudyError) as caught:
            plugin_seconds()
        message = f"DMLCORE_PLUGIN_SECONDS = {text!r}: expected a number of seconds, or 0 for no limit."
        assert str(caught.value) == message
