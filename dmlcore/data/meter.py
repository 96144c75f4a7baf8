"""How far something long has come: a bar on a terminal, else now and then a line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from attrs import define, frozen
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dmlcore.text import byte_size, counted, duration

Unit = Literal["byte", "file", "image"]
Advance = Callable[[int], None]
"""Takes how much was done since the last call."""

SECONDS_A_LINE = 15.0


@frozen
class Meter:
    """Shows on a console how far something has come."""

    console: Console

    @contextmanager
    def measure(self, label: str, total: int | None, unit: Unit, done: int = 0) -> Iterator[Advance]:
        """Shows `label` until the block ends; `done` of `total` (None: not known) were done before."""
        if self.console.is_terminal:
            with Progress(*_columns(unit), console=self.console, transient=True) as bars:
                task = bars.add_task(label, total=total, completed=done)
                yield lambda amount: bars.advance(task, amount)
        else:
            lines = _Lines(self.console, label, total, unit, done)
            yield lines.advance
            lines.end()

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _columns(unit: Unit) -> list[ProgressColumn]:
    amounts: list[ProgressColumn] = (
        [DownloadColumn(), TransferSpeedColumn()] if unit == "byte" else [MofNCompleteColumn(), TextColumn(f"{unit}s")]
    )
    return [TextColumn("{task.description}", markup=False), BarColumn(), *amounts, TimeRemainingColumn()]


@define
class _Lines:
    console: Console
    label: str
    total: int | None
    unit: Unit
    done: int
    started: float = 0.0
    told: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.started = self.told = time.monotonic()

    def advance(self, amount: int) -> None:
        self.done += amount
        if time.monotonic() - self.told >= SECONDS_A_LINE:
            self.told = time.monotonic()
            whole = f" of {self._amount(self.total)}, {self.done / self.total:.0%}" if self.total else ""
            self._print(f"{self._amount(self.done)}{whole}")

    def end(self) -> None:
        self._print(f"{self._amount(self.done)} in {duration(time.monotonic() - self.started)}")

    def _amount(self, number: int) -> str:
        return byte_size(number) if self.unit == "byte" else counted(number, self.unit)

    def _print(self, text: str) -> None:
        self.console.print(f"  {self.label}: {text}", markup=False, highlight=False, soft_wrap=True)
