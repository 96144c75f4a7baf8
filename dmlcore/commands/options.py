"""Arguments and options that several commands share, and how they load studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from dmlcore.host.registry import Registry
    from dmlcore.results.store import Store
    from dmlcore.study.data_sets import DataSets
    from dmlcore.study.schema import StudyFile

PATH = click.Path(path_type=Path)


def _all_files(_context: click.Context, _argument: click.Parameter, given: Sequence[Path]) -> tuple[Path, ...]:
    from dmlcore.study.shipped import study_files

    return tuple(dict.fromkeys(file for word in given for file in study_files(word)))


def _one_file(_context: click.Context, _argument: click.Parameter, given: Path) -> Path:
    from dmlcore.study.shipped import study_file

    return study_file(given)


def _completions(_context: click.Context, _argument: click.Parameter, text: str) -> list[CompletionItem]:
    """Files, and names of studies that ship, for shell completion."""
    from dmlcore.study.shipped import shipped_names

    names = [CompletionItem(name) for name in shipped_names() if text and name.startswith(text)]
    return [*names, CompletionItem(text, type="file")]


STUDIES = click.argument(
    "studies", nargs=-1, required=True, type=PATH, callback=_all_files, shell_complete=_completions
)
"""Study files, by path or by name; see `study_files`."""
STUDY = click.argument("study", type=PATH, callback=_one_file, shell_complete=_completions)
RUNS = click.option("--runs", "root", type=PATH, default=Path("runs"), show_default=True, help="Results folder.")
SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="[STUDY:]PATH=VALUE",
    help="Set a value of the studies, such as training.epochs=10. With STUDY, the name of one study or the stem of its"
    " file, only of this one: 1_dimension:training.epochs=10. Repeatable.",
)
AUTHOR = click.option("--author", default="", metavar="NAME", help="Name of the author, below the title.")
TITLE = click.option(
    "--title", default="", metavar="TEXT", help="Title of the report.  [default: named after the studies]"
)


def installed(studies: Sequence[Path] = (), overrides: Sequence[str] = ()) -> Registry:
    """Every installed component; plugins that all the studies disable are not loaded.

    Raises StudyError if an override is for another study.
    """
    from dmlcore.host.discovery import discover
    from dmlcore.host.registry import Registry
    from dmlcore.study.overrides import require_known_studies
    from dmlcore.study.plugins import disabled_by_all

    require_known_studies(studies, overrides)
    return Registry.of(discover(disabled_by_all(studies, overrides)))


def open_studies(
    studies: Sequence[Path], overrides: Sequence[str], root: Path, note: Callable[[str], object] = lambda text: None
) -> tuple[list[StudyFile], Registry, Store, DataSets]:
    """The studies, with the registry, the store and the data sets that they use.

    If the results that a `[best]` needs are missing, arbitrary grid values are used, and `note` gets a line about it.
    """
    from dmlcore.errors import StudyError
    from dmlcore.results.store import Store
    from dmlcore.study.data_sets import DataSets
    from dmlcore.study.load import load_study

    registry, store, data_sets = installed(studies, overrides), Store(root), DataSets()
    files = []
    for path in studies:
        try:
            files.append(load_study(path, registry, overrides, store, data_sets))
        except StudyError:  # raised again unless it is about missing results
            files.append(load_study(path, registry, overrides, data_sets=data_sets))
            note(f"{path}: [best] is not resolved yet; an arbitrary grid value is used here")
    return files, registry, store, data_sets
