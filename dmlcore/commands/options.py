"""What several commands share: the arguments that name studies, and the registry of what is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dmlcore.host.registry import Registry

PATH = click.Path(path_type=Path)
STUDIES = click.argument("studies", nargs=-1, required=True, type=PATH)
RUNS = click.option("--runs", "root", type=PATH, default=Path("runs"), show_default=True, help="Folder of the results.")
SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a value of the study, such as training.epochs=10. Repeatable.",
)


def installed(studies: Sequence[Path] = (), overrides: Sequence[str] = ()) -> Registry:
    """Every component that is installed; a plugin that all the studies disable is not even loaded."""
    from dmlcore.host.discovery import discover
    from dmlcore.host.registry import Registry
    from dmlcore.study.plugins import disabled_by_all

    return Registry.of(discover(disabled_by_all(studies, overrides)))
