"""Downloading a data set: the ways of a source in order, and the mirrors of each archive in order."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from attrs import define, field

from dmlcore.api.components import DatasetConfig
from dmlcore.api.sources import Archive, Way
from dmlcore.data.downloading import DownloadError, checksum_problem, download, resumed_from
from dmlcore.data.installing import Place, archives_of, source_of
from dmlcore.data.unpacking import ArchiveError
from dmlcore.errors import DataError


def fetch(dataset: DatasetConfig, mirror: str | None = None, keep_archives: bool = False) -> str:
    """Download and install a data set, unless it is there. Return a sentence that says what is there.

    mirror: an address that has the archives under their own names; it is tried first. keep_archives: leave them in
    the data set's root. Raises DataError with every source that was tried, why each failed, and what to do.
    """
    place = Place(dataset, source_of(dataset))
    there = place.present()
    if there:
        return there
    with place.locked():
        return _Fetch(place, mirror, keep_archives).run()


@define
class _Fetch:
    place: Place
    mirror: str | None
    keep_archives: bool
    tried: list[tuple[str | Path, str]] = field(factory=list)
    """Each source that failed, and why."""

    def run(self) -> str:
        for way in self.place.source.ways:
            if all(self._sources(archive) for archive in way.archives) and (done := self._follow(way)):
                return done
        if self.place.downloads.is_dir() and not any(self.place.downloads.iterdir()):
            self.place.downloads.rmdir()
        raise self._failure()

    def _follow(self, way: Way) -> str | None:
        """A sentence about the installed data set; None where a way fails, and `tried` has why."""
        files: list[Path] = []
        for archive in way.archives:
            file = self._get(archive)
            if file is None:
                return None
            files.append(file)
        downloaded = [file for file in files if file.parent == self.place.downloads]
        try:
            done = self.place.install(zip(way.archives, files, strict=True))
        except ArchiveError as error:
            self.tried += [(file, str(error)) for file in files]
            for file in downloaded:
                file.unlink()
            return None
        if self.keep_archives:
            for file in downloaded:
                file.replace(self.place.source.root / file.name)
        shutil.rmtree(self.place.downloads, ignore_errors=True)
        return done

    def _sources(self, archive: Archive) -> list[str | Path]:
        """Where an archive may be: in the root, among earlier downloads, at the mirrors.

        The mirror of an interrupted download comes first, since another one may have another file.
        """
        files = [folder / archive.file for folder in (self.place.source.root, self.place.downloads)]
        own = [f"{self.mirror.rstrip('/')}/{archive.file}"] if self.mirror else []
        begun = resumed_from(archive, self.place.downloads)
        mirrors = sorted([*own, *archive.mirrors], key=lambda mirror: mirror != begun)
        return [*(file for file in files if file.is_file()), *mirrors]

    def _get(self, archive: Archive) -> Path | None:
        for source in self._sources(archive):
            if isinstance(source, Path):
                problem = checksum_problem(archive, source)
                if not problem:
                    return source
            else:
                try:
                    return download(archive, source, self.place.downloads)
                except DownloadError as error:
                    problem = str(error)
            self.tried.append((source, problem))
        return None

    def _failure(self) -> DataError:
        source, name = self.place.source, self.place.dataset.name
        tried = "\n".join(f"    {where}\n        {why}" for where, why in self.tried)
        kept = (
            f"\nPartial downloads are kept in {self.place.downloads}; the same command resumes them."
            if any(self.place.downloads.glob("*"))
            else ""
        )
        return DataError(
            f"{source.title} could not be downloaded. Tried:\n{tried or '    nothing: no mirror is known'}{kept}",
            f"If you can get the files in another way, you need one of these:\n{archives_of(source)}\n"
            "Then import the file, the folder of the files, or the unpacked folder:\n"
            f"    dmlcore data import {name} PATH --root {shlex.quote(str(source.root))}",
        )
