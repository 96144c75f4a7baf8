"""The output of the console observer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from dmlcore import EpochSummary, Progress, ProgressBar, RunInfo, hookimpl, visible
from dmlcore_plugins.observers.pace import Pace

if TYPE_CHECKING:
    from dmlcore.api.result import Result

USUAL_METRICS = ("retrieval/recall_at_1", "retrieval/map_at_r", "clustering/nmi")

Part = str | tuple[str, str]
"""A piece of a line: text, or text and its style."""


class ConsoleLines:
    """Lines for finished epochs, and a bar for the work in progress.

    Without a terminal or notebook, the lines are plain text without control characters, and there is no bar.
    """

    def __init__(self, run: RunInfo, metrics: Sequence[str] | None, console: Console | None = None) -> None:
        self._metrics = metrics
        self._console = console or Console()
        self._bar = ProgressBar(self._console)
        self._pace = Pace(run.epochs)

    @hookimpl
    def dmlcore_on_run_start(self, run: RunInfo) -> None:
        point = [f"{path}={_in_short(value)}" for path, value in run.point.items()]
        position, study = (f"run {run.index}/{run.count}", "bold"), (run.study, "bold cyan")
        self._print(position, study, *point, f"seed {run.seed}", f"{run.epochs} epoch{'' if run.epochs == 1 else 's'}")

    @hookimpl
    def dmlcore_on_progress(self, progress: Progress) -> None:
        if self._bar.live:
            self._bar.show(progress, self._pace.seconds_left(progress, self._console.get_time()))

    @hookimpl
    def dmlcore_on_epoch_end(self, run: RunInfo, epoch: EpochSummary) -> None:
        self._pace.end_epoch(epoch.epoch, self._console.get_time())
        self._bar.finish()
        parts: list[Part] = [(f"  {_epoch_label(run, epoch.epoch)}", "bold")]
        if epoch.loss is not None:
            parts.append(f"loss {epoch.loss:.4f}")
        if epoch.learning_rate is not None:
            parts.append((f"lr {epoch.learning_rate:.1e}", "dim"))
        for split, metrics in (("validation", epoch.validation), ("test", epoch.test)):
            if metrics:
                parts += [(f"{split}:", "cyan"), *self._values(metrics)]
        self._print(*parts, (duration(epoch.seconds), "dim"))

    @hookimpl
    def dmlcore_on_run_end(self, result: Result) -> None:
        self._bar.finish()
        values = self._values(result.metrics, result.baseline if result.metrics != result.baseline else None)
        self._print(("  done", "bold green"), *values, (duration(result.seconds), "dim"))

    @hookimpl
    def dmlcore_on_run_error(self, error: BaseException) -> None:
        self._bar.finish()
        self._print(("  stopped", "bold red"), type(error).__name__)

    def _values(self, metrics: Mapping[str, float], untrained: Mapping[str, float] | None = None) -> Iterator[Part]:
        """The metrics to show with their values, and with those of the untrained network where they are given."""
        names = self._metrics or [name for name in USUAL_METRICS if name in metrics] or list(metrics)[:3]
        for name, label in zip(names, short_names(names), strict=True):
            value = f"{metrics[name]:.4f}" if name in metrics else "not measured"
            before = f" (untrained {untrained[name]:.4f})" if untrained and name in untrained else ""
            yield f"{label} {value}{before}"

    def _print(self, *parts: Part) -> None:
        seen = [visible(part) if isinstance(part, str) else (visible(part[0]), part[1]) for part in parts]
        pieces = [piece for part in seen for piece in ("  ", part)]
        self._console.print(Text.assemble(*pieces[1:]), soft_wrap=True)


def _epoch_label(run: RunInfo, epoch: int) -> str:
    last = f"epoch {run.epochs}/{run.epochs}"
    before = "untrained" if run.epochs else "as loaded"
    label = f"epoch {epoch:>{len(str(run.epochs))}}/{run.epochs}" if epoch else before
    return label.ljust(len(last))


def _in_short(value: object) -> object:
    """A grid value; a table by its component."""
    return value.get("use", value) if isinstance(value, Mapping) else value


def duration(seconds: float) -> str:
    """Seconds as "9.4 s", and from a minute on as "2:05" or "1:02:03"."""
    clock = str(timedelta(seconds=round(seconds))).removeprefix("0:").removeprefix("0")
    return f"{seconds:.1f} s" if seconds < 60 else clock


def short_names(names: Sequence[str]) -> Sequence[str]:
    """Metric names without their evaluators, unless two become equal."""
    short = [name.rpartition("/")[2] for name in names]
    return short if len(set(short)) == len(short) else names
