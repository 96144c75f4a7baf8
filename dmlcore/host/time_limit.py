"""Time limits for the code of plugins, which may wait for ever."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dmlcore.errors import StudyError

SECONDS = "DMLCORE_PLUGIN_SECONDS"
"""Environment variable with the seconds that a plugin may take to load; 0 for no limit."""

DEFAULT_SECONDS = 60.0

_AGAIN = 1.0
"""Seconds until code that caught the interruption is interrupted again."""

_TIMES = 5
"""Code is interrupted this often, and imports of other packages may take this many times as long."""


class TimeLimitError(BaseException):
    """Code of a plugin exceeds its limit. Not an Exception, so that the code does not catch it by accident."""


class Limit:
    """The time limit of a block."""

    def __init__(self, seconds: float, excess: str, stuck: str, package: str) -> None:
        self.excess = excess
        self._seconds = seconds
        self._stuck = stuck
        self._package = package
        self._blocked = threading.get_ident()
        self._start = self._renewed = time.monotonic()
        self._interrupts = 0

    def renew(self) -> None:
        """Allow the whole time again, from now on."""
        self._renewed = time.monotonic()

    def wait(self) -> float:
        """Seconds until the limit has to be looked at again; 0 if the block has to be interrupted now."""
        now = time.monotonic()
        if now < self._renewed + self._seconds:
            return self._renewed + self._seconds - now
        if now < self._start + _TIMES * self._seconds and self._imports_another_package():
            return self._seconds
        return 0

    def may_interrupt(self) -> bool:
        """Whether to interrupt the block, for the first time or again; in the end the user learns that it is stuck."""
        self._interrupts += 1
        if self._interrupts == _TIMES:
            print(self._stuck, file=sys.__stderr__, flush=True)
        return self._interrupts < _TIMES

    def _imports_another_package(self) -> bool:
        """Whether an import statement of the package loads another one, which can't be used if it is loaded in part."""
        frame = sys._current_frames().get(self._blocked)
        while self._package and frame is not None:
            if frame.f_code.co_name == "exec_module":
                module = getattr(frame.f_locals.get("module"), "__name__", self._package)
                if module.partition(".")[0] != self._package:
                    return True
            frame = None if frame.f_globals.get("__name__") == _LOADER else frame.f_back
        return False


_LOADER = "dmlcore.host.discovery"
"""The module that imports plugins: what waits for it has nothing to do with the plugin."""


@contextmanager
def time_limit(seconds: float, excess: str, stuck: str, package: str = "") -> Iterator[Limit]:
    """Raise TimeLimitError with the words `excess` inside the block if it takes longer than `seconds`; 0 for no limit.

    Code in C that does not return, and code that catches every error, can't be ended: then `stuck` is printed. If the
    block imports a `package`, other packages that it imports may take five times as long.
    """
    limit = Limit(seconds, excess, stuck, package)
    if not seconds:
        yield limit
        return
    has_signals = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    with (_alarm if has_signals else _watched_by_a_thread)(limit):
        yield limit


@contextmanager
def _alarm(limit: Limit) -> Iterator[None]:
    """Interrupt the main thread by a signal, which also ends a system call that waits; not on Windows."""

    def ring(*_: object) -> None:
        wait = limit.wait()
        signal.setitimer(signal.ITIMER_REAL, wait or _AGAIN)
        if not wait and limit.may_interrupt():
            raise TimeLimitError(limit.excess)

    handler = signal.signal(signal.SIGALRM, ring)
    start = time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, limit.wait())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if handler is None else handler)
        if left:  # the alarm of someone else
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - start), 0.001), interval)


@contextmanager
def _watched_by_a_thread(limit: Limit) -> Iterator[None]:
    """Interrupt this thread between two steps of its Python code."""
    blocked, ended, lock = ctypes.c_ulong(threading.get_ident()), threading.Event(), threading.Lock()

    def watch() -> None:
        while not ended.wait(limit.wait() or _AGAIN):
            with lock:
                if not ended.is_set() and not limit.wait() and limit.may_interrupt():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(blocked, ctypes.py_object(TimeLimitError))

    threading.Thread(target=watch, daemon=True, name="time limit of a plugin").start()
    try:
        yield
    except TimeLimitError as error:
        raise TimeLimitError(limit.excess).with_traceback(error.__traceback__) from None
    finally:
        with lock:
            ended.set()


def plugin_seconds() -> float:
    """The seconds that a plugin may take to load. Raises StudyError if the environment has no such number."""
    text = os.environ.get(SECONDS, "")
    with suppress(ValueError):
        seconds = float(text or DEFAULT_SECONDS)
        if 0 <= seconds < threading.TIMEOUT_MAX / _TIMES:
            return seconds
    raise StudyError(f"{SECONDS} = {text!r}: expected a number of seconds, or 0 for no limit.")
