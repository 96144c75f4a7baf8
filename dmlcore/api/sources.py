"""Where a data set comes from: its archives, and the ways to get it whole.

`dmlcore data fetch` and `import` work through these values, and messages tell from them what a person can do by hand.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from attrs import frozen

UNPACK = {
    ".tar.gz": "tar -xzf {}",
    ".tgz": "tar -xzf {}",
    ".tar": "tar -xf {}",
    ".zip": "unzip -q {}",
}
DIGITS = {"md5": 32, "sha1": 40, "sha256": 64}
"""Hexadecimal digits of the checksums that an archive may have."""


@frozen
class Archive:
    """A file to get: an archive to unpack, or a plain file that lies beside the unpacked ones.

    Without a mirror it is only known by name: somebody may have a copy.
    """

    file: str
    """Its name, without a folder."""
    mirrors: Sequence[str] = ()
    """HTTP addresses of the file itself, tried in this order."""
    checksum: str | None = None
    """ "md5:…", "sha1:…" or "sha256:…"; without one, a copy is known by what it holds."""
    size: int | None = None
    """Bytes of the file."""
    unpacked: int | None = None
    """The most bytes that its files may take: what the disk must have, and where unpacking stops."""

    def __attrs_post_init__(self) -> None:
        if PurePath(self.file).name != self.file or self.file in ("", ".."):
            raise ValueError(f"an archive's file is a name without a folder, not {self.file!r}")
        if self.checksum is not None:
            algorithm, _, digest = self.checksum.partition(":")
            if not re.fullmatch(f"[0-9a-f]{{{DIGITS.get(algorithm, 0)}}}", digest) or not digest:
                raise ValueError(f"{self.file}: the checksum must be md5:…, sha1:… or sha256:…, not {self.checksum!r}")

    def __str__(self) -> str:
        return f"{self.file} ({self.checksum.replace(':', ' ')})" if self.checksum else self.file

    @property
    def is_packed(self) -> bool:
        return self._unpacker is not None

    @property
    def _unpacker(self) -> str | None:
        return next((command for suffix, command in UNPACK.items() if self.file.lower().endswith(suffix)), None)

    def unpack_instructions(self, folder: Path) -> str:
        """Commands that check and unpack it where it lies."""
        return _commands(folder, self._unpack_lines())

    def shell_lines(self) -> list[str]:
        """Shell commands that bring it into the current folder, check and unpack it there."""
        get = [f"curl -L -o {self.file} {self.mirrors[0]}"] if self.mirrors else []
        return [*get, *self._unpack_lines()]

    def _unpack_lines(self) -> list[str]:
        algorithm, _, digest = (self.checksum or "").partition(":")
        check = [f"{algorithm}sum {self.file}    # must be {digest}"] if digest else []
        return check + ([self._unpacker.format(self.file)] if self._unpacker else [])


@frozen
class Way:
    """One way to get a data set whole: all of these archives."""

    title: str
    """What a person reads: "Get it from Kaggle, a folder per class"."""
    archives: Sequence[Archive]

    def instructions(self, folder: Path) -> str:
        """The way as a title and commands to run."""
        lines = [line for archive in self.archives for line in archive.shell_lines()]
        return f"{self.title}:\n{_commands(folder, lines)}"


@frozen
class Source:
    """Where a data set's files come from, where they belong, and whether they lie there."""

    title: str
    """The name that the data set was published under."""
    root: Path
    """The folder in which the data set looks for its files. It has the option `root` for it."""
    home: Path | None
    """The innermost folder with all files of the data set that lies below `root`; None without one."""
    ways: Sequence[Way]
    """Tried in this order."""


def _commands(folder: Path, lines: Iterable[str]) -> str:
    """Shell commands to be run in a folder, indented."""
    enter = f"mkdir -p {shlex.quote(str(folder))} && cd {shlex.quote(str(folder))}"
    return "\n".join(f"    {line}" for line in (enter, *lines))
