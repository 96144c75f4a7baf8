"""A run on the console: a line for each epoch, and a bar for the work in progress."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from dmlcore import ObserverConfig, RunInfo, hookimpl, option


@frozen
class Console(ObserverConfig):
    """Prints a line for every epoch, and on a terminal a live bar below them."""

    name = "console"

    metrics: tuple[str, ...] | None = option(
        None,
        help="metrics on the line of an epoch, by their full names; by default those measured of Recall@1, MAP@R and "
        "NMI, else the first three",
        identity=False,
    )

    def build(self, run: RunInfo) -> object:
        """An observer that prints to standard output."""
        from dmlcore_plugins.observers.console_lines import ConsoleLines

        return ConsoleLines(run, self.metrics)


@hookimpl
def dmlcore_register_observers() -> Sequence[type[ObserverConfig]]:
    return [Console]
