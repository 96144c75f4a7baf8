"""Unpacking untrusted archives.

Nothing is written outside the target, nor anything that leads out of it: a member with an absolute path, with `..`, a
symbolic link, a device, or a hard link to anything but a file unpacked before makes the whole archive be refused.
(`tarfile`'s own filter lets symbolic links within the target pass, and was fooled by chains of them before Python
3.11.13; no data set needs them.)
"""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PureWindowsPath
from stat import S_IFDIR, S_IFMT, S_IFREG

from attrs import frozen

from dmlcore.api.progress import report_progress, work
from dmlcore.errors import DataError
from dmlcore.text import byte_size

LARGEST_GROWTH = 10
"""The most unpacked bytes for each byte of an archive of unknown unpacked size; photographs hardly grow."""

CHUNK = 1 << 20


class ArchiveError(DataError):
    """A file can't be used as the expected archive: it is damaged, dangerous, or something else."""


@frozen
class _Member:
    name: str
    size: int
    danger: str
    """Why it is never unpacked, such as "a device"; empty for files and folders."""
    write: Callable[[Path], object]
    """Unpack it below a folder."""
    read: Callable[[], object]
    """Read all of it, which checks it."""


def is_packed(file: Path) -> bool:
    """Whether a file is an archive, by its contents."""
    return _is_tar(file) or zipfile.is_zipfile(file)


def _is_tar(file: Path) -> bool:
    """Checked first: a plain tar that ends with a zip ends like a zip."""
    try:
        return tarfile.is_tarfile(file)
    except EOFError:
        return True  # it begins like one, and is truncated


def unpack(file: Path, target: Path, unpacked: int | None) -> None:
    """Unpack all files of an archive below the folder `target`.

    unpacked: the most bytes that they may take. Raises ArchiveError.
    """
    _visit(file, unpacked, "unpacking", lambda member: member.write(target))


def read_through(file: Path, unpacked: int | None) -> None:
    """Read every member without unpacking any. Raises ArchiveError."""
    _visit(file, unpacked, "reading", lambda member: member.read())


def _visit(file: Path, unpacked: int | None, what: str, use: Callable[[_Member], object]) -> None:
    """Use each member. Raises ArchiveError before a dangerous one, and where they take too many bytes."""
    limit = unpacked or LARGEST_GROWTH * file.stat().st_size
    total = 0
    with _members(file) as members, work(f"{what} {file.name}", unit="file"):
        for number, member in enumerate(members, start=1):
            path = PureWindowsPath(member.name)  # knows / and \\, and drives
            danger = "a path that leads out of the folder" if path.root or path.drive or ".." in path.parts else ""
            if danger or member.danger:
                raise ArchiveError(f"{file.name} is refused: it contains {danger or member.danger}: {member.name!r}")
            total += member.size
            if total > limit:
                raise ArchiveError(
                    f"{file.name} is refused: unpacked, it takes more than the expected {byte_size(limit)}"
                )
            use(member)
            report_progress(number)


@contextmanager
def _members(file: Path) -> Iterator[Iterator[_Member]]:
    with _readable(file):
        if _is_tar(file):
            with tarfile.open(file) as tar:
                yield _tar_members(tar)
        elif zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as zipped:
                yield _zip_members(zipped)
        else:
            raise ArchiveError(f"{file.name} is not an archive, or is damaged")


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Convert what the libraries raise for damaged archives to ArchiveError."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise ArchiveError(f"{file.name} is damaged: {error}") from None
    except (NotImplementedError, RuntimeError) as error:  # zipfile: another compression; a password
        raise ArchiveError(f"{file.name} can't be unpacked: {error}") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ArchiveError(f"{file.name} is damaged: {error.filename} conflicts with another entry") from None
    except OSError as error:
        if error.errno is None:  # gzip and bz2, on damaged data
            raise ArchiveError(f"{file.name} is damaged: {error}") from None
        raise


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    def read(info: zipfile.ZipInfo) -> None:
        with archive.open(info) as source:
            while source.read(CHUNK):
                pass

    for info in archive.infolist():
        mode = info.external_attr >> 16
        danger = "" if S_IFMT(mode) in (0, S_IFREG, S_IFDIR) else "a symbolic link or a device"
        yield _Member(info.filename, info.file_size, danger, partial(archive.extract, info), partial(read, info))


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    def write(info: tarfile.TarInfo, target: Path) -> None:
        archive.extract(info, target, set_attrs=False, filter="data")

    def read() -> None:
        """Going to the next member of a compressed tar reads all of this one."""

    files: set[str] = set()
    for info in archive:
        danger = ""
        if info.islnk() and info.linkname not in files:
            danger = "a hard link to a file outside the archive"
        elif not (info.isreg() or info.isdir() or info.islnk()):
            danger = "a symbolic link or a device"
        files.add(info.name)
        yield _Member(info.name, info.size if info.isreg() else 0, danger, partial(write, info), read)
