"""Published data sets: found on disk, checked to be the published edition, split as the field splits them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import ClassVar

from attrs import frozen

from dmlcore import DamagedDataError, DataError, DatasetConfig, ImageFiles, Source, Split, Way, option
from dmlcore_plugins.datasets.images_by_class import ImagesByClass, labelled, missing_files
from dmlcore_plugins.datasets.layout import Layout, Sighting, best_sighting, folders_below
from dmlcore_plugins.datasets.wording import first_few


@frozen
class Half:
    """The classes of one split, and their images in the published edition."""

    classes: int
    images: int


@frozen
class PublishedConfig(DatasetConfig):
    """A data set as it was published. Its first classes train, the others test."""

    title: ClassVar[str]
    folders: ClassVar[Sequence[str]]
    """Patterns of the names of its folder, in lower case."""
    layouts: ClassVar[Sequence[Layout]]
    ways: ClassVar[Sequence[Way]]
    train: ClassVar[Half]
    test: ClassVar[Half]

    root: Path | None = option(
        None,
        identity=False,
        help="folder of the files, or one above it; by default the environment variable DMLCORE_DATA, else ./data",
    )

    def load(self, split: Split) -> ImageFiles:
        """Raises DataError, with the command to run, where files are missing or another edition."""
        try:
            images, home = self._read(data_root(self.root))
        except OSError as error:
            raise DataError(f"{self.title}: {error.filename} can't be read: {error.strerror}.") from None
        classes = list(images)
        chosen = classes[: self.train.classes] if split == "train" else classes[self.train.classes :]
        return labelled(images, chosen, home)

    def source(self) -> Source:
        """Its archives with their mirrors, and where its files are."""
        top = data_root(self.root)
        sighting = best_sighting(list(folders_below(top, self.folders)), self.layouts)
        home = sighting.home if sighting and not sighting.missing else None
        return Source(self.title, top, home, self.ways)

    def _read(self, top: Path) -> tuple[ImagesByClass, Path]:
        """The classes, and the folder of the data set."""
        folders = list(folders_below(top, self.folders))
        sighting = best_sighting(folders, self.layouts)
        if sighting is None or sighting.missing:
            self._refuse_packed(sighting, [top, *folders])
            raise self._incomplete(sighting, top) if sighting else self._absent(top)
        try:
            images = sighting.layout.read(*sighting.found)
            self._check_counts(images, sighting.folder)
        except DataError as error:
            raise DamagedDataError(
                f"{self.title}: {error.problem}",
                error.remedy or f"Move or remove these files, then download the data set again:\n{self._fetch(top)}",
            ) from None
        return images, sighting.home

    def _fetch(self, top: Path) -> str:
        return f"    dmlcore data fetch {self.name} --root {shlex.quote(str(top))}"

    def _check_counts(self, images: ImagesByClass, folder: Path) -> None:
        counts = [len(paths) for paths in images.values()]
        cut = self.train.classes
        found = (len(counts), sum(counts[:cut]), sum(counts[cut:]))
        expected = (cut + self.test.classes, self.train.images, self.test.images)
        if found != expected or not all(counts):
            raise DataError(
                f"{folder} is damaged or another edition. Expected {_counts(expected, cut)}; got {_counts(found, cut)}."
            )

    def _refuse_packed(self, sighting: Sighting | None, folders: Iterable[Path]) -> None:
        """Of an incomplete layout only the missing parts count: archives are often kept next to their files."""
        wanted = (
            [part.archive for part in sighting.missing]
            if sighting
            else [archive for way in self.ways for archive in way.archives]
        )
        for folder, archive in product(folders, wanted):
            path = folder if folder.name == archive.file else folder / archive.file
            if archive.is_packed and path.is_file():
                remedy = (
                    f"Unpack it in {path.parent}."
                    if sighting
                    else f"Unpack it:\n    dmlcore data import {self.name} {shlex.quote(str(path))}"
                    f" --root {shlex.quote(str(path.parent))}"
                )
                raise DataError(f"{self.title}: {path} is not unpacked.", remedy)

    def _incomplete(self, sighting: Sighting, top: Path) -> DataError:
        there = ", ".join(part.name for part in sighting.present)
        missing = "\n".join(f"    {part}" for part in sighting.missing)
        return DataError(
            f"{self.title} in {sighting.folder} is incomplete. Found: {there}. Missing:\n{missing}",
            f"Add the missing files, or download the whole data set:\n{self._fetch(top)}",
        )

    def _absent(self, top: Path) -> DataError:
        return DataError(
            f"{self.title} was not found in {top}, nor in a folder {' or '.join(self.folders)} below it.",
            f"Download it:\n{self._fetch(top)}\n"
            "If you have it elsewhere, set dataset.root in the study, or the environment variable DMLCORE_DATA.",
        )


def refuse_missing(folder: Path, files: Sequence[Path]) -> None:
    """Raises DataError where files in a data set's folder, named by its own lists, do not exist."""
    missing = [path.relative_to(folder) for path in missing_files(files)]
    if missing:
        raise DataError(
            f"{len(missing):,} of {len(files):,} images are missing in {folder}: {first_few(missing)}."
            " The archive may not be completely unpacked."
        )


def data_root(root: Path | None) -> Path:
    """The folder in which to look for published data sets, as an absolute path."""
    return (root or Path(os.environ.get("DMLCORE_DATA") or "data")).expanduser().absolute()


def _counts(counts: tuple[int, int, int], cut: int) -> str:
    return f"{counts[0]:,} classes with {counts[1]:,} images of the first {cut:,} and {counts[2]:,} of the others"
