"""How long work reports its progress, and who shows it.

The work does not know its audience: it reports inside a `work` block, and the `Display` that its caller put in place
with `shown_on` shows it. Without one, nothing happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from warnings import warn

from attrs import evolve

from dmlcore.api.values import Progress, Stage


class Display:
    """Shows the progress of long work. This one shows nothing; override what yours shows."""

    def show(self, progress: Progress) -> None:
        """Called with every report, perhaps many times a second."""

    def finish(self, completed: bool) -> None:
        """The work shown last has ended; not completed: by an error."""

    def note(self, text: str) -> None:
        """A line of text that stays."""


_display: ContextVar[Display] = ContextVar("display", default=Display())  # noqa: B039 - it has no state
_work: ContextVar[Progress | None] = ContextVar("work", default=None)


@contextmanager
def shown_on(display: Display) -> Iterator[None]:
    """Show all progress and notes of this thread on `display`, inside the block."""
    token = _display.set(display)
    try:
        yield
    finally:
        _display.reset(token)


@contextmanager
def work(label: str, total: int = 0, unit: str = "step", *, done: int = 0, stage: Stage = "other") -> Iterator[None]:
    """Name the work that `report_progress` reports on inside the block; see Progress for the arguments."""
    start = Progress(stage, label, done, total, unit=unit)
    token, completed = _work.set(start), False
    try:
        _display.get().show(start)
        yield
        completed = True
    finally:
        _work.reset(token)
        _display.get().finish(completed)


def report_progress(done: int, total: int | None = None) -> None:
    """Report how many steps of all are done. An evaluator may call it at any time; without a display it does nothing.

    total: where it is not known from the start of the work.
    """
    current = _work.get()
    if current is not None:
        _display.get().show(evolve(current, done=done, total=current.total if total is None else total))


def note(text: str) -> None:
    """Show a line of text that stays above the progress."""
    _display.get().note(text)


def tell_progress(done: int, total: int) -> None:
    """The former name of `report_progress`."""
    warn("tell_progress is now report_progress", DeprecationWarning, stacklevel=2)
    report_progress(done, total)
