"""The files of a study, and their paths in a notebook or a hand-in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import tomli
from attrs import frozen

from dmlcore.errors import StudyError
from dmlcore.study.best import BEST
from dmlcore.study.document import EXTENDS, read_study

STUDIES = "studies"
"""The folder for studies outside the working folder."""


@frozen
class Sources:
    """Study files, with those they extend and those their `[best]` needs, at paths where they find each other."""

    root: Path
    """The folder that the places are relative to."""
    prefix: PurePosixPath
    """Prefix of the places."""
    texts: Mapping[Path, str]
    """Absolute path → content of the file."""

    def place(self, path: Path) -> PurePosixPath:
        """The place of a study file, or of a file that it names."""
        return self.prefix / Path(os.path.relpath(path, self.root)).as_posix()

    def placed(self) -> dict[PurePosixPath, str]:
        """Every file's place and text, sorted by place."""
        return dict(sorted((self.place(path), text) for path, text in self.texts.items()))


def read_sources(studies: Iterable[Path]) -> Sources:
    """The sources of studies that load.

    Places are relative to the working folder if all files are below it, so that commands stay the same.
    Raises StudyError if a file names another by an absolute path, which other machines don't have.
    """
    texts: dict[Path, str] = {}
    pending = [_absolute(path) for path in studies]
    while pending:
        path = pending.pop()
        if path not in texts:
            texts[path] = read_study(path)
            pending += [_absolute(path.parent / name) for name in _named(path, tomli.loads(texts[path]))]
    here = Path.cwd()
    if all(path.is_relative_to(here) for path in texts):
        return Sources(here, PurePosixPath(), texts)
    return Sources(Path(os.path.commonpath([path.parent for path in texts])), PurePosixPath(STUDIES), texts)


def _absolute(path: Path) -> Path:
    """Without "..", but with symbolic links kept: paths in a file are relative to where it was found."""
    return Path(os.path.normpath(path.absolute()))


def _named(path: Path, table: Mapping[str, Any]) -> Iterator[str]:
    """The study files that a study file names."""
    names = [table[EXTENDS]] if EXTENDS in table else []
    for name in [*names, *table.get(BEST, {}).get("from", [])]:
        if Path(name).expanduser().is_absolute():
            raise StudyError(
                f"{path}: the absolute path {name!r} works on this machine only. Make it relative to the study file."
            )
        yield name
