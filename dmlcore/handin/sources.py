"""The files that a study is made of, and where they lie in a notebook or a hand-in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import tomli
from attrs import frozen

from dmlcore.errors import StudyError
from dmlcore.study.best import BEST
from dmlcore.study.document import EXTENDS

STUDIES = "studies"
"""The folder for studies that lie elsewhere than below the working folder."""


@frozen
class Sources:
    """Study files with what they extend and what their `[best]` needs, laid out so that they find each other."""

    root: Path
    """The folder that the places are relative to."""
    prefix: PurePosixPath
    """What stands before them."""
    texts: Mapping[Path, str]
    """Absolute path → what is written there."""

    def place(self, path: Path) -> PurePosixPath:
        """Where a study file, or a file that it names, belongs."""
        return self.prefix / Path(os.path.relpath(path, self.root)).as_posix()

    def placed(self) -> dict[PurePosixPath, str]:
        """Every file's place and text, sorted by place."""
        return dict(sorted((self.place(path), text) for path, text in self.texts.items()))


def read_sources(studies: Iterable[Path]) -> Sources:
    """The sources of studies that load.

    Places are as seen from the working folder where all files lie below it: commands then read as they were given.
    Raises StudyError where a file names another by an absolute path, which no other machine has.
    """
    texts: dict[Path, str] = {}
    ahead = [_absolute(path) for path in studies]
    while ahead:
        path = ahead.pop()
        if path not in texts:
            texts[path] = path.read_text(encoding="utf-8")
            ahead += [_absolute(path.parent / name) for name in _named(path, tomli.loads(texts[path]))]
    here = Path.cwd()
    if all(path.is_relative_to(here) for path in texts):
        return Sources(here, PurePosixPath(), texts)
    return Sources(Path(os.path.commonpath([path.parent for path in texts])), PurePosixPath(STUDIES), texts)


def _absolute(path: Path) -> Path:
    """Without "..", but with symbolic links as they are: what a file names is relative to where it is found."""
    return Path(os.path.normpath(path.absolute()))


def _named(path: Path, table: Mapping[str, Any]) -> Iterator[str]:
    """The study files that a study file names."""
    names = [table[EXTENDS]] if EXTENDS in table else []
    for name in [*names, *table.get(BEST, {}).get("from", [])]:
        if Path(name).expanduser().is_absolute():
            raise StudyError(f"{path}: {name!r} is on no other machine. Write it relative to the study file.")
        yield name
