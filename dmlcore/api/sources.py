"""Sources of data sets: archives, and the ways to get a complete copy.

`dmlcore data fetch` and `import` use these values, and messages show the commands to do it by hand.
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
"""Number of hexadecimal digits of the supported checksums."""


@frozen
class Archive:
    """A file to download: an archive to unpack, or a plain file that is stored next to the unpacked ones.

    Without mirrors, users must provide the file.
    """

    file: str
    """Its name, without a folder."""
    mirrors: Sequence[str] = ()
    """URLs of the file, in the order to try."""
    checksum: str | None = None
    """ "md5:…", "sha1:…" or "sha256:…"; without a checksum, a copy is recognized by its contents."""
    size: int | None = None
    """Size of the file in bytes."""
    unpacked: int | None = None
    """Maximum size of its files in bytes: the space needed on the disk, and where unpacking stops."""

    def __attrs_post_init__(self) -> None:
        if PurePath(self.file).name != self.file or self.file in ("", ".."):
            raise ValueError(f"an archive's file must be a name without a folder, not {self.file!r}")
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
        """Commands that check and unpack the file in its folder."""
        return _commands(folder, self._unpack_lines())

    def shell_lines(self) -> list[str]:
        """Shell commands that download the file to the current folder, check and unpack it."""
        get = [f"curl -L -o {self.file} {self.mirrors[0]}"] if self.mirrors else []
        return [*get, *self._unpack_lines()]

    def _unpack_lines(self) -> list[str]:
        algorithm, _, digest = (self.checksum or "").partition(":")
        check = [f"{algorithm}sum {self.file}    # must be {digest}"] if digest else []
        return check + ([self._unpacker.format(self.file)] if self._unpacker else [])


@frozen
class Way:
    """A way to get a complete data set: all of these archives."""

    title: str
    """Title for users: "Get it from Kaggle, a folder per class"."""
    archives: Sequence[Archive]

    def instructions(self, folder: Path) -> str:
        """The title, and the commands to run."""
        lines = [line for archive in self.archives for line in archive.shell_lines()]
        return f"{self.title}:\n{_commands(folder, lines)}"


@frozen
class Source:
    """The source of a data set's files, and where they are stored."""

    title: str
    """The published name of the data set."""
    root: Path
    """The folder in which the data set looks for its files: its option `root`."""
    home: Path | None
    """The innermost folder below `root` that contains all files of the data set, or None."""
    ways: Sequence[Way]
    """Ways to get the files, in the order to try."""


def _commands(folder: Path, lines: Iterable[str]) -> str:
    """Indented shell commands to run in a folder."""
    enter = f"mkdir -p {shlex.quote(str(folder))} && cd {shlex.quote(str(folder))}"
    return "\n".join(f"    {line}" for line in (enter, *lines))
