"""How a long piece of work tells how far it is, to whoever watches.

An evaluator knows of no screen and of no run: it tells, and the engine or the command line watches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Watcher = Callable[[int, int], object]
"""Is called with the number of steps done, and of all."""

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


def tell_progress(done: int, total: int) -> None:
    """Tell that so many of all steps are done; where nobody watches, nothing happens."""
    watcher = _watcher.get()
    if watcher:
        watcher(done, total)


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Inside, the watcher is called by each `tell_progress` of this thread."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)
