"""How much the commands print, and where: `-v`, `-q`, and the console."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

from dmlcore.api.progress import Display, shown_on
from dmlcore.text import visible

if TYPE_CHECKING:
    from rich.console import Console

    from dmlcore.engine.plan.stored import Remark

PIPE_WIDTH = 120
"""Columns of tables that go to a file or a pipe."""

_VERBOSITY = "dmlcore.verbosity"


def with_verbosity(command: click.Command) -> click.Command:
    """Adds `-v` and `-q` to a command and its subcommands, except where an option has that name already."""
    taken = {name for parameter in command.params for name in parameter.opts}
    for names, explanation in (
        (("-v", "--verbose"), "Log more to stderr; -vv logs details, too."),
        (("-q", "--quiet"), "Show only errors and requested output."),
    ):
        if taken.isdisjoint(names):
            option = click.Option(names, count=True, expose_value=False, callback=_adjust, help=explanation)
            command.params.append(option)
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            with_verbosity(subcommand)
    return command


def quiet() -> bool:
    """Whether `-q` was given."""
    context = click.get_current_context(silent=True)
    return context is not None and context.meta.get(_VERBOSITY, 0) < 0


def echo(text: str, *, err: bool = False, nl: bool = True, **style: Any) -> None:
    """Prints text; invisible characters are shown by their codes. `style` is that of `click.style`.

    All output of the commands is printed here or on `console`, because text from outside can be part of any of it.
    """
    click.secho(visible(text), err=err, nl=nl, **style)


def say(text: str) -> None:
    """Prints a line about what was done, unless `-q` was given."""
    if not quiet():
        echo(text)


def console(*, stderr: bool = False, pipe_width: int | None = PIPE_WIDTH, requested: bool = False) -> Console:
    """A console; `-q` silences it, except for what the user requested."""
    from dmlcore.commands.screen import Screen

    stream = sys.stderr if stderr else sys.stdout
    return Screen(stderr=stderr, quiet=quiet() and not requested, width=None if stream.isatty() else pipe_width)


def show_remarks(screen: Console, remarks: Iterable[Remark]) -> None:
    """Prints what to know about stored runs, such as why they are outdated."""
    from rich.text import Text

    for remark in remarks:
        word = "outdated" if remark.state == "outdated" else "note"
        screen.print(Text.assemble((word, "yellow"), f" {remark}"), soft_wrap=True)


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Shows a FutureWarning, which is for users, as its message only."""
    with warnings.catch_warnings():
        original = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, FutureWarning):
                echo(f"Warning: {message}.", err=True)
            else:
                original(visible(str(message)), category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def _adjust(context: click.Context, parameter: click.Parameter, count: int) -> None:
    if context.resilient_parsing:  # the shell completes a command; such a context is never closed
        return
    if _VERBOSITY not in context.meta:
        context.meta[_VERBOSITY] = 0
        context.find_root().with_resource(_logging_to_stderr(context))
    verbosity = context.meta[_VERBOSITY] + (count if parameter.name == "verbose" else -count)
    context.meta[_VERBOSITY] = max(-1, min(2, verbosity))
    if quiet():
        context.find_root().with_resource(shown_on(Display()))
    logging.getLogger("dmlcore").setLevel(min(logging.INFO, _level(context)))


def _level(context: click.Context) -> int:
    """The lowest level of log records on stderr: errors with -q, then warnings, info and debug records."""
    return logging.WARNING - 10 * int(context.meta[_VERBOSITY])


@contextmanager
def _logging_to_stderr(context: click.Context) -> Iterator[None]:
    """Shows dmlcore's log records on stderr; INFO is let through to other handlers whatever the verbosity."""
    from dmlcore.engine.run_log import LogFormatter

    logger, handler = logging.getLogger("dmlcore"), logging.StreamHandler()
    handler.setFormatter(LogFormatter())
    handler.addFilter(lambda record: record.levelno >= _level(context))
    level = logger.level
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
