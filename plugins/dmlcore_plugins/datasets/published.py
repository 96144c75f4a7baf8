"""Published data sets: found on disk, checked to be the true edition, split as the field splits them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

from attrs import frozen

from dmlcore import DamagedDataError, DataError, ImageFiles, Source, Split, Way
from dmlcore_plugins.datasets.images_by_class import ImagesByClass, labelled, missing_files
from dmlcore_plugins.datasets.layout import Layout, Sighting, best_sighting, folders_below
from dmlcore_plugins.datasets.wording import some

ROOT_HELP = "folder of the files, or one above it (left out: the environment variable DMLCORE_DATA, else ./data)"


@frozen
class Half:
    """The classes of one split, and the images that they have in the true edition."""

    classes: int
    images: int


@frozen
class PublishedSet:
    """A data set as it was published. Its first classes train, the others test."""

    name: str
    """The component's."""
    title: str
    folders: Sequence[str]
    """Patterns of the names of its folder, in lower case."""
    layouts: Sequence[Layout]
    ways: Sequence[Way]
    train: Half
    test: Half

    def load(self, root: Path | None, split: Split) -> ImageFiles:
        """The images of a split.

        Raises DataError, with the commands that put it right, where files are missing or of another edition.
        """
        try:
            images = self._read(data_root(root))
        except OSError as error:
            raise DataError(f"{self.title}: {error.filename} can't be read: {error.strerror}.") from None
        classes = list(images)
        return labelled(images, classes[: self.train.classes] if split == "train" else classes[self.train.classes :])

    def source(self, root: Path | None) -> Source:
        """Where it comes from, and where it lies."""
        top = data_root(root)
        sighting = best_sighting(list(folders_below(top, self.folders)), self.layouts)
        home = sighting.home if sighting and not sighting.missing else None
        return Source(self.title, top, home, self.ways)

    def _read(self, top: Path) -> ImagesByClass:
        folders = list(folders_below(top, self.folders))
        sighting = best_sighting(folders, self.layouts)
        if sighting is None or sighting.missing:
            self._refuse_packed(sighting, [top, *folders])
            raise self._incomplete(sighting) if sighting else self._absent(top)
        try:
            images = sighting.layout.read(*sighting.found)
            self._check_counts(images, sighting.folder)
        except DataError as error:
            raise DamagedDataError(error.problem, error.remedy) from None
        return images

    def how_to_get(self, folder: Path) -> str:
        """Every way to get the data set, as commands."""
        return "\n".join(way.instructions(folder) for way in self.ways)

    def _check_counts(self, images: ImagesByClass, folder: Path) -> None:
        counts = [len(paths) for paths in images.values()]
        cut = self.train.classes
        found = (len(counts), sum(counts[:cut]), sum(counts[cut:]))
        if found != (cut + self.test.classes, self.train.images, self.test.images) or not all(counts):
            raise DataError(
                f"{self.title} in {folder} is damaged or of another edition: it has {found[0]:,} classes,"
                f" {found[1]:,} images of the first {cut:,} and {found[2]:,} of the others; expected are"
                f" {cut + self.test.classes:,} classes, {self.train.images:,} and {self.test.images:,} images."
                " Get it anew.",
                self.how_to_get(folder),
            )

    def _refuse_packed(self, sighting: Sighting | None, folders: Iterable[Path]) -> None:
        """Of an incomplete layout only the missing parts count: archives are often kept beside their files."""
        wanted = (
            [part.archive for part in sighting.missing]
            if sighting
            else [archive for way in self.ways for archive in way.archives]
        )
        for folder, archive in product(folders, wanted):
            path = folder if folder.name == archive.file else folder / archive.file
            if archive.is_packed and path.is_file():
                raise DataError(
                    f"{self.title}: {path} is there, but not unpacked. Unpack it:",
                    archive.unpack_instructions(path.parent),
                )

    def _incomplete(self, sighting: Sighting) -> DataError:
        there = ", ".join(part.name for part in sighting.present)
        missing = "\n".join(f"    {part}" for part in sighting.missing)
        return DataError(
            f"{self.title} in {sighting.folder} is incomplete. There: {there}. Missing:\n{missing}",
            f"Add what is missing, or get the whole data set.\n{self.how_to_get(sighting.folder)}",
        )

    def _absent(self, top: Path) -> DataError:
        return DataError(
            f"{self.title} was not found in {top}, nor in a folder {' or '.join(self.folders)} below it.",
            f"Fetch it:\n    dmlcore data fetch {self.name} --root {shlex.quote(str(top))}\n"
            f"Or by hand. {self.how_to_get(top)}\n"
            "If it lies elsewhere, set dataset.root in the study, or the environment variable DMLCORE_DATA.",
        )


def refuse_missing(title: str, folder: Path, files: Sequence[Path]) -> None:
    """Raises DataError where files in a data set's folder, named by its own lists, are not there."""
    missing = [path.relative_to(folder) for path in missing_files(files)]
    if missing:
        raise DataError(
            f"{title} in {folder}: {len(missing):,} of {len(files):,} images are missing: {some(missing)}."
            " Unpacking may have been cut short: unpack the archive again."
        )


def data_root(root: Path | None) -> Path:
    """Where published data sets are looked for, as an absolute path."""
    return (root or Path(os.environ.get("DMLCORE_DATA") or "data")).expanduser().absolute()
