"""Arguments and options that several commands share, and how they load studies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dmlcore.host.registry import Registry
    from dmlcore.results.store import Store
    from dmlcore.study.schema import StudyFile

PATH = click.Path(path_type=Path)
STUDIES = click.argument("studies", nargs=-1, required=True, type=PATH)
RUNS = click.option("--runs", "root", type=PATH, default=Path("runs"), show_default=True, help="Results folder.")
SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a value of the study, such as training.epochs=10. Repeatable.",
)


def installed(studies: Sequence[Path] = (), overrides: Sequence[str] = ()) -> Registry:
    """Every installed component; plugins that all the studies disable are not loaded."""
    from dmlcore.host.discovery import discover
    from dmlcore.host.registry import Registry
    from dmlcore.study.plugins import disabled_by_all

    return Registry.of(discover(disabled_by_all(studies, overrides)))


def load_resolved(path: Path, registry: Registry, overrides: Sequence[str], store: Store) -> tuple[StudyFile, bool]:
    """The study, and whether its `[best]` is resolved: if its results are missing, arbitrary grid values are used."""
    from dmlcore.errors import StudyError
    from dmlcore.study.load import load_study

    try:
        return load_study(path, registry, overrides, store), True
    except StudyError:
        return load_study(path, registry, overrides), False  # raises again what is not about missing results


def unresolved_note(path: Path) -> str:
    """Return the note on a study with an unresolved `[best]`."""
    return f"{path}: [best] is not resolved yet; an arbitrary grid value is used here"
