"""Where a data set comes from: its archives, and the ways to get it, which `dmlcore data fetch` and `import` use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from attrs import frozen

PACKED = (".tar.gz", ".tgz", ".tar", ".zip")
DIGITS = {"md5": 32, "sha1": 40, "sha256": 64}
"""Number of hexadecimal digits of the supported checksums."""


@frozen
class Archive:
    """A file to download: an archive to unpack, or a plain file that belongs next to the unpacked ones.

    Without a mirror it can only be imported, or downloaded from `--mirror`.
    """

    file: str
    """Its name, without a folder."""
    mirrors: Sequence[str] = ()
    """URLs of the file, in the order to try."""
    checksum: str | None = None
    """ "md5:…", "sha1:…" or "sha256:…"; without one, a copy is recognized by its contents."""
    size: int | None = None
    """Size of the file in bytes."""
    unpacked: int | None = None
    """The most bytes that its files may take: required free on the disk, and where unpacking stops."""

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
        """Whether it is an archive to unpack, by its name."""
        return self.file.lower().endswith(PACKED)


@frozen
class Way:
    """One way to get a complete data set: all of these archives."""

    title: str
    """Where they come from, for messages: "Kaggle, a folder per class"."""
    archives: Sequence[Archive]


@frozen
class Source:
    """Where a data set's files come from, where they belong, and whether they are there."""

    title: str
    """The name under which the data set was published."""
    root: Path
    """The folder in which the data set looks for its files, from its option `root`."""
    home: Path | None
    """The innermost folder below `root` that has all files of the data set; None without one."""
    ways: Sequence[Way]
    """Tried in this order."""
