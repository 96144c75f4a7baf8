"""One bar for all progress: on a terminal, in a notebook and in a log."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dmlcore.api.progress import Display
from dmlcore.api.values import Progress
from dmlcore.text import byte_size, counted, duration, one_line, visible

if TYPE_CHECKING:
    from rich.console import Console

SECONDS_A_FRAME = 0.1
SECONDS_A_LINE = 15.0


class ProgressBar(Display):
    """A bar on a terminal and in a notebook, which disappears when the work ends; elsewhere a line now and then.

    It draws only when progress is reported, never from a thread: data loading forks this process, and a lock that a
    thread holds at that moment would stay locked in the child.
    """

    def __init__(self, console: Console | None = None) -> None:
        """console: standard error by default."""
        self._given = console
        self._last: Progress | None = None
        self._started = self._drawn = 0.0
        self._bars: Any = None
        self._cell: Any = None
        """The output of a notebook's cell that has the bar."""

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console

        return self._given or Console(stderr=True)

    @property
    def live(self) -> bool:
        """Whether there is a bar, not lines."""
        return self._console.is_jupyter or (self._console.is_terminal and not self._console.is_dumb_terminal)

    def show(self, progress: Progress, run_seconds_left: float | None = None) -> None:
        """Show the progress, unless the last drawing is too recent; `run_seconds_left` is for the whole run."""
        now = self._console.get_time()
        if self._last is None or (self._last.stage, self._last.label) != (progress.stage, progress.label):
            self._begin(progress, now)
        self._last = progress
        if self.live:
            self._bars.update(0, completed=progress.done)
        if now - self._drawn < (SECONDS_A_FRAME if self.live else SECONDS_A_LINE):
            return
        self._drawn = now
        if self.live:
            self._draw(progress, run_seconds_left)
        else:
            share = f", {progress.done / progress.total:.0%}" if progress.total else ""
            self.note(f"  {progress.label}: {_amount(progress)}{share}")

    def finish(self, completed: bool = True) -> None:
        """Remove the bar; in a log, give long work a last line."""
        last, self._last = self._last, None
        if self._cell:
            self._cell.update({"text/plain": ""}, raw=True)
        elif self._bars:
            self._bars.update(0, visible=False)
            self._bars.stop()
        elif last and completed and (seconds := self._console.get_time() - self._started) >= SECONDS_A_LINE:
            self.note(f"  {last.label}: {_whole(last.done, last.unit)} in {duration(seconds)}")
        self._bars = self._cell = None

    def note(self, text: str) -> None:
        """Print a line, above the bar."""
        self._console.print(visible(text), markup=False, highlight=False, emoji=False, soft_wrap=True)

    def _begin(self, progress: Progress, now: float) -> None:
        self._started = now
        if not self.live:
            self._drawn = now
            return
        if self._bars is None:
            self._open()
        total, label = progress.total or None, one_line(progress.label)
        self._bars.reset(0, total=total, completed=progress.done, description=label, visible=True, facts="")

    def _open(self) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=min(32, max(8, self._console.width - 90))),
            TextColumn("{task.fields[facts]}", markup=False),
            console=self._console,
            auto_refresh=False,
            transient=True,
        )
        self._bars.add_task("", visible=False, facts="")
        self._drawn = -SECONDS_A_FRAME
        if self._console.is_jupyter:
            from IPython.display import display

            self._cell = display(self._bars, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._bars.start()

    def _draw(self, progress: Progress, run_seconds_left: float | None) -> None:
        task = self._bars.tasks[0]
        facts = [_amount(progress)] if progress.total != 1 else []
        if progress.loss is not None:
            facts.append(f"loss {progress.loss:.4f}")
        if progress.images_per_second is not None:
            facts.append(f"{progress.images_per_second:.0f} images/s")
        if progress.unit == "byte" and task.speed:
            facts.append(f"{byte_size(int(task.speed))}/s")
        if task.time_remaining is not None:
            facts.append(f"{_clock(task.time_remaining)} left")
        if run_seconds_left is not None:
            facts.append(f"run {_clock(run_seconds_left)} left")
        self._bars.update(0, facts="  ".join(facts))
        if self._cell:
            self._cell.update(self._bars)
        else:
            self._bars.refresh()


def _amount(progress: Progress) -> str:
    """ "200 of 4,000 images", "1.2 MB of 4 MB", "12 files"."""
    if not progress.total:
        return _whole(progress.done, progress.unit)
    if progress.unit == "byte":
        return f"{byte_size(progress.done)} of {byte_size(progress.total)}"
    return f"{progress.done:>{len(f'{progress.total:,}')},} of {counted(progress.total, progress.unit)}"


def _whole(number: int, unit: str) -> str:
    return byte_size(number) if unit == "byte" else counted(number, unit)


def _clock(seconds: float) -> str:
    """Seconds as 0:09, 2:05 or 1:02:03."""
    return str(timedelta(seconds=round(seconds))).removeprefix("0:").removeprefix("0")
