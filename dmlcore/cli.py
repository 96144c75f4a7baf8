"""The command line. The one place that turns a DmlcoreError into a message and an exit code."""

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
from dmlcore.commands.metrics import metrics
from dmlcore.commands.new_plugin import new_plugin
from dmlcore.commands.notebook import notebook
from dmlcore.commands.plan import plan
from dmlcore.commands.plugins import describe, list_plugins
from dmlcore.commands.report import report
from dmlcore.commands.run import run
from dmlcore.commands.schema import schema
from dmlcore.commands.submit import submit
from dmlcore.commands.test_plugin import test_plugin
from dmlcore.errors import DmlcoreError, PluginError
from dmlcore.text import listing

_OFFERED = "dmlcore.offered"
"""Key of the plugin's command that is given, in the context."""


class _Commands(click.Group):
    """Shows a DmlcoreError as its message alone. Has its own commands, and those of plugins where there is no such."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        command = super().get_command(ctx, name)
        if command is not None or name.startswith("-"):
            return command
        from dmlcore.commands.offered import offered_commands
        from dmlcore.host.distributions import disabling

        with disabling(ctx.params.get("disabled") or ()):  # the command is looked for before `main` is called
            offered = offered_commands()
        found = offered.find(name)
        if found is None and offered.failed:
            keys = listing(plugin.source.key for plugin in offered.failed)
            ctx.fail(f"No such command {name!r}. Not usable: {keys} (see `dmlcore --help`).")
        ctx.meta[_OFFERED] = found
        return found.command if found else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from dmlcore.commands.offered import offered_commands

        super().format_commands(ctx, formatter)
        lines = offered_commands().help(set(self.commands))
        if lines:
            with formatter.section("From plugins"):
                formatter.write_dl(lines)

    def _invoke(self, ctx: click.Context) -> object:
        """Blames whatever a plugin's command raises on the plugin."""
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
        except DmlcoreError as error:
            if ctx.params["traceback"] and isinstance(error, PluginError):
                from dmlcore.host.faults import traceback_of

                click.echo(traceback_of(error), err=True)
            click.echo(f"Error: {error}", err=True)
            ctx.exit(1)
        except BrokenPipeError:  # who reads what is printed has seen enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(1)
        except OSError as error:
            click.echo(f"Error: {error.filename or 'a file'}: {error.strerror or error}.", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            goes_on = " The same command goes on after the last finished epoch."
            click.echo(f"Stopped.{goes_on if ctx.invoked_subcommand == 'run' else ''}", err=True)
            ctx.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--disable-plugin",
    "disabled",
    multiple=True,
    metavar="KEY",
    help="Do not load a plugin, named by its distribution or as distribution:entry_point. Repeatable.",
)
@click.option("--traceback", is_flag=True, help="Show where a plugin failed, for its author.")
@click.version_option(__version__, prog_name="dmlcore")
def main(disabled: Sequence[str], traceback: bool) -> None:
    """Studies of deep metric learning, every component a plugin."""
    click.get_current_context().with_resource(shown_on(ProgressBar()))
    if disabled:
        from dmlcore.host.distributions import disabling

        click.get_current_context().with_resource(disabling(disabled))
    # Waiting threads that spin slow training down several times once anything else holds a core, be it a process that
    # loads images. OpenMP reads this when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


for command in (
    run,
    check,
    plan,
    report,
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
