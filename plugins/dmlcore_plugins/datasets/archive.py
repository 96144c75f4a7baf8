"""The archives that published data sets come in, and how a person gets them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import frozen

UNPACK = {".tgz": "tar -xzf {}", ".zip": "unzip -q {}"}


@frozen
class Archive:
    """A file to get. Without a URL there is no source left that everybody can use; its md5 tells a true copy."""

    file: str
    url: str | None = None
    md5: str | None = None

    def __str__(self) -> str:
        return f"{self.file} (md5 {self.md5})" if self.md5 else self.file

    @property
    def is_packed(self) -> bool:
        return Path(self.file).suffix in UNPACK

    def fetch(self) -> list[str]:
        """Shell commands that bring it into the current folder."""
        return [f"curl -L -o {self.file} {self.url}"] if self.url else []

    def unpack(self) -> list[str]:
        """Shell commands that check and unpack it in the current folder."""
        check = [f"md5sum {self.file}    # must be {self.md5}"] if self.md5 else []
        return check + ([UNPACK[Path(self.file).suffix].format(self.file)] if self.is_packed else [])


def commands(folder: Path, lines: Iterable[str]) -> str:
    """Shell commands to be run in a folder, indented."""
    enter = f"mkdir -p {shlex.quote(str(folder))} && cd {shlex.quote(str(folder))}"
    return "\n".join(f"    {line}" for line in (enter, *lines))


@frozen
class Way:
    """One way to get a data set."""

    title: str
    archives: Sequence[Archive]

    def instructions(self, folder: Path) -> str:
        """The way as a title and commands to run."""
        lines = [line for archive in self.archives for line in (*archive.fetch(), *archive.unpack())]
        return f"{self.title}:\n{commands(folder, lines)}"
