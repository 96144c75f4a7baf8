"""Settings of the process that a plugin should not change when it is imported, and that are restored after it."""

from __future__ import annotations

import locale
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from attrs import frozen


@frozen
class _Setting:
    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]

    def value(self) -> Any:
        with suppress(Exception):  # such as a working directory that was deleted
            return self.read()


def _set_root_handlers(handlers: list[logging.Handler]) -> None:
    logging.root.handlers[:] = handlers


_SETTINGS = (
    _Setting("the working directory", os.getcwd, os.chdir),
    _Setting("the locale", partial(locale.setlocale, locale.LC_ALL), partial(locale.setlocale, locale.LC_ALL)),
    _Setting("sys.argv", lambda: list(sys.argv), partial(setattr, sys, "argv")),
    _Setting("sys.excepthook", lambda: sys.excepthook, partial(setattr, sys, "excepthook")),
    _Setting("the handlers of the root logger", lambda: list(logging.root.handlers), _set_root_handlers),
    _Setting("the level of the root logger", lambda: logging.root.level, logging.root.setLevel),
)

_OF_THE_MAIN_THREAD = (
    _Setting("the handler of Ctrl-C", partial(signal.getsignal, signal.SIGINT), partial(signal.signal, signal.SIGINT)),
    _Setting(
        "the handler of SIGTERM", partial(signal.getsignal, signal.SIGTERM), partial(signal.signal, signal.SIGTERM)
    ),
)


@contextmanager
def state_kept() -> Iterator[list[str]]:
    """Restore the settings after the block. Then the list has the names of those that the block changed."""
    is_main = threading.current_thread() is threading.main_thread()
    before = [(setting, setting.value()) for setting in _SETTINGS + (_OF_THE_MAIN_THREAD if is_main else ())]
    changed: list[str] = []
    try:
        yield changed
    finally:
        for setting, value in before:
            if value is not None and setting.value() != value:
                changed.append(setting.name)
                with suppress(Exception):
                    setting.write(value)
