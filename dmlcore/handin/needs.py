"""The studies that others need for their `[best]`, and commands that run them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from dmlcore.study.schema import StudyFile


def with_needed(files: Iterable[StudyFile], registry: Registry, overrides: Sequence[str]) -> list[Path]:
    """The study files and all they need, in the order to run them; relative paths below the working folder."""
    found: dict[Path, None] = {}

    def add(file: StudyFile) -> None:
        for path in file.needs:
            add(load_study(path, registry, overrides))
        found[_short(file.path)] = None

    for file in files:
        add(file)
    return list(found)


def set_options(overrides: Iterable[str]) -> list[str]:
    """The words that give these overrides on the command line."""
    return [word for value in overrides for word in ("--set", value)]


def run_command(studies: Iterable[PurePath], overrides: Iterable[str], runs: Path | None = None) -> list[str]:
    """The words of the command that runs these studies."""
    return ["dmlcore", "run", *map(str, studies), *set_options(overrides), *(["--runs", str(runs)] if runs else [])]


def _short(path: Path) -> Path:
    path, here = Path(os.path.normpath(path.absolute())), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
