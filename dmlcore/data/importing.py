"""Installing a data set from local files: an archive, a folder of archives, or unpacked files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dmlcore.api.components import DatasetConfig
from dmlcore.api.progress import note, report_progress, work
from dmlcore.api.sources import Archive, Source
from dmlcore.data.downloading import checksum_problem
from dmlcore.data.installing import Place, amounts, archives_of, below, load_splits, source_of
from dmlcore.data.space import require_space
from dmlcore.data.unpacking import ArchiveError, is_packed
from dmlcore.errors import DataError, StudyError


def import_files(dataset: DatasetConfig, path: Path, link: bool = False) -> str:
    """Copy or unpack `path` to where the data set looks for its files. Return a sentence that says what is there.

    The files at `path` are not changed. link: create a symbolic link to the unpacked folder instead of a copy.
    Raises DataError where the data set does not recognize `path`, or its place is taken.
    """
    place = Place(dataset, source_of(dataset))
    there = place.present()
    if there:
        return f"{there} Nothing was imported."
    if not path.exists():
        raise DataError(f"{path}: no such file or folder.")
    with place.locked():
        if path.is_dir():
            return _import_folder(place, path.absolute(), link)
        if link:
            raise StudyError(f"--link needs an unpacked folder, but {path} is a file.")
        return _unpack(place, _archives_in(place.source, path.parent, path) or [_alone(place.source, path)])


def _import_folder(place: Place, path: Path, link: bool) -> str:
    unpacked = below(place.dataset, path)
    try:
        splits = load_splits(unpacked)
    except DataError as error:
        archives = _archives_in(place.source, path)
        if not archives:
            raise DataError(error.problem, _expected(place.source)) from None
        if link:
            raise StudyError(f"--link needs an unpacked folder, but {path} holds archives.") from None
        return _unpack(place, archives)
    home = source_of(unpacked).home or path
    if link:
        place.link(home)
        return f"{place.source.title} is in {place.folder}, a link to {home}: {amounts(splits)}."
    return _copy(place, home)


def _copy(place: Place, home: Path) -> str:
    files = list(_files_below(home))
    require_space(place.source.root, sum(file.stat().st_size for file in files), f"a copy of {home}")
    with place.staged() as stage:
        with work(f"copying {home.name}", len(files), "file"):
            for number, file in enumerate(files, start=1):
                copy = stage / file.relative_to(home)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
                report_progress(number)
        return place.complete()


def _files_below(home: Path) -> Iterator[Path]:
    """All files, also those behind links, except links that lead back to a folder on their own path."""
    for folder, subfolders, names in os.walk(home, followlinks=True):
        here = Path(folder)
        subfolders[:] = [name for name in subfolders if not _is_loop(here / name, home)]
        yield from (here / name for name in names)


def _is_loop(folder: Path, home: Path) -> bool:
    if not folder.is_symlink():
        return False
    target = folder.resolve()
    above = (parent for parent in folder.parents if parent.is_relative_to(home))
    return any(parent.resolve().is_relative_to(target) for parent in above)


def _unpack(place: Place, archives: list[tuple[Archive, Path]]) -> str:
    for archive, file in archives:
        problem = checksum_problem(archive, file)
        if problem:
            note(f"{file.name} differs from the published archive: {problem}. Its contents are checked instead.")
    try:
        return place.install(archives)
    except ArchiveError as error:
        names = ", ".join(str(file) for _, file in archives)
        raise DataError(f"{names}: {error.problem}", _expected(place.source)) from None


def _archives_in(source: Source, folder: Path, wanted: Path | None = None) -> list[tuple[Archive, Path]]:
    """The archives of the first way that are all in a folder, `wanted` among them; empty without one."""
    for way in source.ways:
        files = [folder / archive.file for archive in way.archives]
        if all(file.is_file() for file in files) and (wanted is None or wanted in files):
            return list(zip(way.archives, files, strict=True))
    return []


def _alone(source: Source, file: Path) -> tuple[Archive, Path]:
    """An archive without the others of its way, perhaps under another name; then the largest way bounds its files."""
    if not is_packed(file):
        raise DataError(f"{file} is not an archive, or is damaged.", _expected(source))
    known = (archive for way in source.ways for archive in way.archives if archive.file == file.name)
    most = max((sum(archive.unpacked or 0 for archive in way.archives) for way in source.ways), default=0)
    return next(known, Archive(file.name, unpacked=most or None)), file


def _expected(source: Source) -> str:
    return f"Expected the unpacked folder, or\n{archives_of(source)}"
