"""The live bar of the console observer, and how long there is to go."""

from __future__ import annotations

from attrs import define
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress

from dmlcore import Progress

SECONDS_A_FRAME = 0.1


class Bar:
    """One bar for the stage at work.

    It draws itself when it is told something, not from a thread: data loading forks this process, and a lock
    that a thread holds at that moment would stay locked in the child.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = RichProgress(
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=min(32, max(8, console.width - 90))),
            TextColumn("{task.fields[facts]}", markup=False),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._task = self._bars.add_task("", visible=False, facts="")
        self._stage: tuple[str, str] | None = None
        self._drawn = -SECONDS_A_FRAME

    def start(self) -> None:
        self._bars.start()

    def show(self, progress: Progress, run_seconds_left: float | None) -> None:
        """Redraw with how far the stage has come, unless the last drawing is too fresh."""
        stage = (progress.stage, progress.label)
        if stage != self._stage:
            self._stage = stage
            self._bars.reset(self._task, total=progress.total, description=progress.label, visible=True, facts="")
        self._bars.update(self._task, completed=progress.done)
        stage_seconds_left = self._bars.tasks[0].time_remaining
        self._bars.update(self._task, facts=_facts(progress, stage_seconds_left, run_seconds_left))
        now = self._console.get_time()
        if now - self._drawn >= SECONDS_A_FRAME:
            self._drawn = now
            self._bars.refresh()

    def hide(self) -> None:
        """Leave the screen until the next stage."""
        self._stage = None
        self._bars.update(self._task, visible=False, refresh=True)

    def stop(self) -> None:
        self._bars.stop()


def _facts(progress: Progress, stage_seconds_left: float | None, run_seconds_left: float | None) -> str:
    facts = []
    if progress.total > 1:
        facts.append(f"{progress.done:>{len(str(progress.total))}}/{progress.total}")
    if progress.loss is not None:
        facts.append(f"loss {progress.loss:.4f}")
    if progress.images_per_second is not None:
        facts.append(f"{progress.images_per_second:.0f} images/s")
    if stage_seconds_left is not None:
        facts.append(f"{clock(stage_seconds_left)} left")
    if run_seconds_left is not None:
        facts.append(f"run {clock(run_seconds_left)} left")
    return "  ".join(facts)


@define
class Pace:
    """Foretells the end of a run from the wall time of its epochs so far."""

    epochs: int
    first_end: float | None = None
    last_end: float = 0.0
    first_epoch: int = 0
    epoch: int = 0
    """The last epoch that ended."""

    def end_epoch(self, epoch: int, now: float) -> None:
        if self.first_end is None:
            self.first_end, self.first_epoch = now, epoch
        self.last_end, self.epoch = now, epoch

    def seconds_left(self, progress: Progress, now: float) -> float | None:
        """Seconds to the end of the run; None before there is anything to tell them from."""
        if self.first_end is None:
            return None
        elapsed = now - self.last_end
        if self.epoch > self.first_epoch:
            seconds_an_epoch = (self.last_end - self.first_end) / (self.epoch - self.first_epoch)
        elif progress.stage == "train" and progress.done:
            seconds_an_epoch = elapsed * progress.total / progress.done
        else:
            return None
        return max(0.0, (self.epochs - self.epoch) * seconds_an_epoch - elapsed)


def clock(seconds: float) -> str:
    """Seconds as 0:09, 2:05 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """Seconds as 9.4 s, and from a minute on as `clock` has them."""
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)
