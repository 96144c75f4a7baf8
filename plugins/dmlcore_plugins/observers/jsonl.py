"""Events of a run as lines of JSON, for other programs to follow."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from dmlcore import EpochSummary, Evaluation, ObserverConfig, Progress, RunInfo, StudyError, hookimpl, option

if TYPE_CHECKING:
    from dmlcore.api.result import Result


@frozen
class Jsonl(ObserverConfig):
    """Appends every event of a run to a file in its folder, one JSON object per line."""

    name = "jsonl"

    file: str = option("events.jsonl", help="name of the file in the run's folder, ending in .jsonl", identity=False)
    progress: bool = option(False, help="also write progress within an epoch, many times a second", identity=False)

    def build(self, run: RunInfo) -> object:
        """An observer that writes to `run.folder`."""
        if Path(self.file).name != self.file or Path(self.file).suffix != ".jsonl":
            raise StudyError(
                f"observers: jsonl: expected file to be the name of a .jsonl file in the run's folder, such as "
                f'"events.jsonl"; got "{self.file}".'
            )
        return EventLog(run.folder / self.file, self.progress)


@frozen
class EventLog:
    """Appends events to a file, which is open only while a line is written, since its folder will be renamed.

    Each line has `time` (UTC) and `event`; numbers that JSON lacks are strings: "nan", "inf" or "-inf".
    """

    path: Path
    progress: bool = False

    @hookimpl
    def dmlcore_on_run_start(self, run: RunInfo) -> None:
        self._append("run_start", attrs.asdict(run, recurse=False))

    @hookimpl
    def dmlcore_on_progress(self, progress: Progress) -> None:
        if self.progress:
            self._append("progress", attrs.asdict(progress, recurse=False))

    @hookimpl
    def dmlcore_on_epoch_end(self, epoch: EpochSummary) -> None:
        self._append("epoch_end", attrs.asdict(epoch, recurse=False))

    @hookimpl
    def dmlcore_on_evaluation(self, evaluation: Evaluation) -> None:
        self._append("evaluation", attrs.asdict(evaluation, recurse=False))

    @hookimpl
    def dmlcore_on_run_end(self, result: Result) -> None:
        facts = {"metrics": result.metrics, "baseline": result.baseline, "seconds": result.seconds}
        self._append("run_end", facts)

    @hookimpl
    def dmlcore_on_run_error(self, error: BaseException) -> None:
        self._append("run_error", {"error": type(error).__name__, "message": str(error)})

    def _append(self, event: str, facts: Mapping[str, Any]) -> None:
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps(_plain({"time": time, "event": event, **facts})) + "\n"
        with self.path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # the process that wrote the last line was killed
                    file.write(b"\n")
            file.write(line.encode())


def _plain(value: object) -> object:
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case bool() | int() | str() | None:
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Sequence():
            return [_plain(item) for item in value]
        case _:
            return str(value)


@hookimpl
def dmlcore_register_observers() -> Sequence[type[ObserverConfig]]:
    return [Jsonl]
