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
    """The time limit of a block, watched by a thread."""

    def __init__(self, seconds: float, excess: str, stuck: str, package: str) -> None:
        self._seconds = seconds
        self._excess = excess
        self._stuck = stuck
        self._package = package
        self._blocked = threading.get_ident()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._start = self._renewed = time.monotonic()

    def renew(self) -> None:
        """Allow the whole time again, from now on."""
        self._renewed = time.monotonic()

    def end(self) -> None:
        """Stop watching; the block is not interrupted any more."""
        with self._lock:
            self._ended.set()

    def watch(self) -> None:
        """Interrupt the block when its time is over."""
        while not self._ended.wait(max(0.0, self._left())):
            if self._left() > 0:
                continue
            if not (self._imports_another_package() and time.monotonic() - self._start < _TIMES * self._seconds):
                break
            self.renew()
        for _ in range(_TIMES):
            self._interrupt()
            if self._ended.wait(_AGAIN):
                return
        print(self._stuck, file=sys.__stderr__, flush=True)

    def raise_excess(self, *_: object) -> None:
        """The handler of the signal."""
        if not self._ended.is_set():
            raise TimeLimitError(self._excess)

    def _left(self) -> float:
        return self._renewed + self._seconds - time.monotonic()

    def _imports_another_package(self) -> bool:
        """Whether an import statement of the package loads another one, which can't be used if it is loaded in part."""
        frame = sys._current_frames().get(self._blocked)
        while self._package and frame is not None and not frame.f_globals.get("__name__", "").startswith(_HOST):
            if frame.f_code.co_name == "exec_module":
                module = getattr(frame.f_locals.get("module"), "__name__", self._package)
                if module.partition(".")[0] != self._package:
                    return True
            frame = frame.f_back
        return False

    def _interrupt(self) -> None:
        with self._lock:
            if self._ended.is_set():
                return
            if _gets_signals(self._blocked):
                signal.pthread_kill(self._blocked, signal.SIGALRM)  # also ends a system call that waits
            else:
                error = ctypes.py_object(TimeLimitError)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._blocked), error)


_HOST = __name__.rpartition(".")[0]


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
    with _signal_handled_by(limit):
        threading.Thread(target=limit.watch, daemon=True, name="time limit of a plugin").start()
        try:
            yield limit
        except TimeLimitError as error:
            raise (error if error.args else TimeLimitError(excess).with_traceback(error.__traceback__)) from None
        finally:
            limit.end()


def plugin_seconds() -> float:
    """The seconds that a plugin may take to load. Raises StudyError if the environment has no such number."""
    text = os.environ.get(SECONDS, "")
    with suppress(ValueError):
        seconds = float(text or DEFAULT_SECONDS)
        if 0 <= seconds < threading.TIMEOUT_MAX / _TIMES:
            return seconds
    raise StudyError(f"{SECONDS} = {text!r}: expected a number of seconds, or 0 for no limit.")


@contextmanager
def _signal_handled_by(limit: Limit) -> Iterator[None]:
    if not _gets_signals(threading.get_ident()):
        yield
        return
    before = signal.signal(signal.SIGALRM, limit.raise_excess)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL if before is None else before)


def _gets_signals(thread: int) -> bool:
    """Whether Python handles signals in this thread, which Windows does not have."""
    return hasattr(signal, "pthread_kill") and thread == threading.main_thread().ident
