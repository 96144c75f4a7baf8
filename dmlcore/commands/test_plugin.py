"""`dmlcore test-plugin`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dmlcore.commands.options import installed
from dmlcore.commands.output import echo

if TYPE_CHECKING:
    from dmlcore.testing.installed import Checked


@click.command("test-plugin")
@click.argument("name")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="OPTION=VALUE",
    help="Set an option, such as alpha=30; with several components, angular.alpha=30. Repeatable.",
)
@click.pass_context
def test_plugin(context: click.Context, name: str, overrides: Sequence[str]) -> None:
    """Check that components keep their contract.

    NAME is a component, distribution/component, or a distribution, to check all of its components. Exit code 1 if
    a check fails.
    """
    from dmlcore.testing.installed import check_installed
    from dmlcore.text import counted

    failed = checks = 0
    for checked in check_installed(name, overrides, installed()):
        _show(checked)
        checks += len(checked.outcomes)
        failed += len(checked.failures)
    echo(f"{counted(checks, 'check')}, {failed} failed")
    if failed:
        context.exit(1)


def _show(checked: Checked) -> None:
    offer = checked.offer
    echo(f"{offer.component.kind} {offer.component.name}", bold=True, nl=False)
    echo(f"  [{offer.source.distribution} {offer.source.version}]")
    if checked.not_checked:
        echo(f"  not checked: {checked.not_checked}")
    for outcome in checked.outcomes:
        color = {"passed": "green", "failed": "red"}.get(outcome.status)
        reason = f": {outcome.reason}" if outcome.reason else ""
        echo(f"  {outcome.status:<14}", fg=color, nl=False)
        echo(f"  {outcome.check.name}{reason}")
        if outcome.error:
            echo(f"    {offer.component.kind} {offer.full_name} {offer.source.version}: {outcome.check.demand}")
            for line in str(outcome.error).splitlines():
                echo(f"    {line}")
