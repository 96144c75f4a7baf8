"""The command line. The one place that turns an error into a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from dmlcore import __version__
from dmlcore.api.progress import shown_on
from dmlcore.api.progress_bar import ProgressBar
from dmlcore.commands.check import check
from dmlcore.commands.data import data
from dmlcore.commands.describe import describe
from dmlcore.commands.init import init
from dmlcore.commands.list_plugins import list_plugins
from dmlcore.commands.metrics import metrics
from dmlcore.commands.new_plugin import new_plugin
from dmlcore.commands.notebook import notebook
from dmlcore.commands.output import echo, quiet, warnings_in_one_line, with_verbosity
from dmlcore.commands.plan import plan
from dmlcore.commands.report import report
from dmlcore.commands.results import results
from dmlcore.commands.run import run
from dmlcore.commands.schema import schema
from dmlcore.commands.submit import submit
from dmlcore.commands.test_plugin import test_plugin
from dmlcore.errors import DmlcoreError, PluginError
from dmlcore.text import listing, visible

INTERRUPTED = 130

EXIT_CODES = """\b
Exit codes:
  0    success
  1    a run, a check, a plugin or another step failed
  2    a mistake in a study or on the command line
  3    data or stored results are missing or damaged
  130  interrupted by Ctrl-C
"""

RESUMING = {
    "run": " The same command resumes after the last finished epoch.",
    "data": " No unfinished files are used; the same command resumes a download.",
}
"""Command → what happens after Ctrl-C."""

_OFFERED = "dmlcore.offered"
"""Key of the plugin's command in the context."""


class _Commands(click.Group):
    """dmlcore's commands, then those of plugins. Shows an error as its message only."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        command = super().get_command(ctx, name)
        if command is not None or name.startswith("-"):
            return command
        from dmlcore.commands.offered import offered_commands
        from dmlcore.host.distributions import disabling

        with disabling(ctx.params.get("disabled") or ()):  # click looks up the command before it calls `main`
            offered = offered_commands()
        found = offered.find(name)
        if found is None and offered.failed:
            keys = listing(plugin.source.key for plugin in offered.failed)
            ctx.fail(f"No such command {name!r}. Plugins that failed: {keys} (see `dmlcore list-plugins`).")
        ctx.meta[_OFFERED] = found
        return found.command if found else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from dmlcore.commands.offered import offered_commands

        super().format_commands(ctx, formatter)
        lines = offered_commands().help(set(self.commands))
        if lines:
            with formatter.section("From plugins"):
                formatter.write_dl([(visible(name), visible(about)) for name, about in lines])

    def _invoke(self, ctx: click.Context) -> object:
        """Turns any error of a plugin's command into a PluginError."""
        try:
            return super().invoke(ctx)
        except (DmlcoreError, BrokenPipeError, click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            offered = ctx.meta.get(_OFFERED)
            if offered is None:
                raise
            raise offered.fault(error) from error

    def invoke(self, ctx: click.Context) -> object:
        try:
            return self._invoke(ctx)
        except click.ClickException as error:
            vars(error)["message"] = visible(error.message)  # click shows it
            raise
        except DmlcoreError as error:
            if ctx.params["traceback"] and isinstance(error, PluginError):
                from dmlcore.host.faults import traceback_of

                echo(traceback_of(error), err=True)
            echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:  # the reader of the output has closed it, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(DmlcoreError.exit_code)
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            echo(f"Error: {place}{error.strerror or error}.", err=True)
            ctx.exit(DmlcoreError.exit_code)
        except KeyboardInterrupt:
            echo(f"Interrupted.{RESUMING.get(ctx.invoked_subcommand or '', '')}", err=True)
            ctx.exit(INTERRUPTED)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.option(
    "--disable-plugin",
    "disabled",
    multiple=True,
    metavar="KEY",
    help="Do not load a plugin, given as its distribution or as distribution:entry_point. Repeatable.",
)
@click.option("--traceback", is_flag=True, help="Show the traceback if a plugin fails.")
@click.version_option(__version__, prog_name="dmlcore")
def main(disabled: Sequence[str], traceback: bool) -> None:
    """Deep-metric-learning studies; every component is a plugin."""
    context = click.get_current_context()
    context.with_resource(warnings_in_one_line())
    if not quiet():
        context.with_resource(shown_on(ProgressBar()))
    if disabled:
        from dmlcore.host.distributions import disabling

        context.with_resource(disabling(disabled))
    # Waiting threads that spin slow training down several times when other processes need the cores, such as those
    # that load images. OpenMP reads this when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


for command in (
    init,
    run,
    check,
    plan,
    report,
    results,
    notebook,
    submit,
    metrics,
    data,
    list_plugins,
    describe,
    schema,
    new_plugin,
    test_plugin,
):
    main.add_command(command)
with_verbosity(main)
