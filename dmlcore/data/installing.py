"""Installing a data set where its reader looks: built in a folder next to that place, read from there, then renamed."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
from attrs import frozen
from filelock import FileLock, Timeout

from dmlcore.api.components import DatasetConfig
from dmlcore.api.sources import Archive, Source
from dmlcore.api.values import LabelledImages, Split
from dmlcore.data.space import require_space
from dmlcore.data.unpacking import ArchiveError, is_packed, unpack
from dmlcore.errors import DamagedDataError, DataError, PluginError
from dmlcore.host.faults import faults_of, named
from dmlcore.text import counted

SPLITS: tuple[Split, ...] = ("train", "test")
Splits = dict[Split, LabelledImages]


def load_splits(dataset: DatasetConfig) -> Splits:
    """Both splits of a data set. Raises DataError."""
    with faults_of(dataset, "load"):
        return {split: dataset.load(split) for split in SPLITS}


def amounts(splits: Splits) -> str:
    """ "train 8,054 images of 98 classes, test 8,131 images of 98 classes"."""
    return ", ".join(
        f"{split} {counted(len(images.labels), 'image')} of {counted(len(images.class_names), 'class')}"
        for split, images in splits.items()
    )


def archives_of(source: Source) -> str:
    """The archives of each way, one way a line."""
    return "\n".join(f"    {way.title}: {' and '.join(map(str, way.archives))}" for way in source.ways)


def below(dataset: DatasetConfig, root: Path) -> DatasetConfig:
    """The same data set, looking for its files below another folder."""
    return attrs.evolve(dataset, root=root)  # type: ignore[call-arg]  # an option of its class, not of every data set


def source_of(dataset: DatasetConfig) -> Source:
    """Raises DataError where a data set has no source, PluginError where its class lacks the option `root`."""
    with faults_of(dataset, "source"):
        source = dataset.source()
    if source is None:
        raise DataError(f"The data set {dataset.name!r} has no source, so it can't be downloaded or imported.")
    if "root" not in attrs.fields_dict(type(dataset)):
        raise PluginError(f"The {named(dataset)} has a source, but no option `root`.")
    return source


@frozen
class Place:
    """Where a data set is installed."""

    dataset: DatasetConfig
    source: Source

    @property
    def folder(self) -> Path:
        """Its folder, which exists only when it is complete."""
        return self.source.root / self.dataset.name

    @property
    def downloads(self) -> Path:
        """The archives downloaded so far."""
        return self.source.root / f".{self.dataset.name}.download"

    @property
    def _stage(self) -> Path:
        return self.source.root / f".{self.dataset.name}.partial"

    def present(self) -> str | None:
        """A sentence about the installed data set; None where there is nothing, or only parts.

        Raises DamagedDataError where files are there that would be found before a good copy, DataError where the
        folder is taken.
        """
        try:
            splits = load_splits(self.dataset)
        except DamagedDataError as error:
            raise DamagedDataError(
                error.problem, "Move it away or remove it first: a good copy next to it would not be found."
            ) from None
        except DataError as error:
            if self.folder.is_symlink() or (self.folder.is_dir() and any(self.folder.iterdir())):
                raise DataError(
                    f"{self.source.title} would be installed in {self.folder}, but that is not empty: {error.problem}",
                    "Move it away or remove it first.",
                ) from None
            return None
        return f"{self.source.title} is already in {self.source.home}: {amounts(splits)}."

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Raises DataError while another process works on this place."""
        self.source.root.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.source.root / f".{self.dataset.name}.lock", timeout=0):
                yield
        except Timeout:
            raise DataError(f"Another process is installing {self.source.title} in {self.source.root}.") from None

    def install(self, archives: Iterable[tuple[Archive, Path]]) -> str:
        """Unpack archives, or copy plain files, and complete the folder. Return a sentence that says what is there.

        Raises ArchiveError, and DataError where the disk is too small.
        """
        with self.staged() as stage:
            for archive, file in archives:
                size = file.stat().st_size
                if archive.is_packed or is_packed(file):
                    require_space(stage, archive.unpacked or size, f"{file.name}, unpacked,")
                    unpack(file, stage, archive.unpacked)
                else:
                    require_space(stage, size, file.name)
                    shutil.copyfile(file, stage / archive.file)
            return self.complete()

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """A new folder to build the data set in; it is removed when the block ends, unless it was completed."""
        shutil.rmtree(self._stage, ignore_errors=True)
        self._stage.mkdir()
        try:
            yield self._stage
        finally:
            shutil.rmtree(self._stage, ignore_errors=True)

    def link(self, home: Path) -> None:
        """Create the folder as a symbolic link to one that holds the files."""
        if self.folder.is_dir():
            self.folder.rmdir()
        self.folder.symlink_to(home, target_is_directory=True)

    def complete(self) -> str:
        """Read the staged files as the data set will, and rename their folder. Return a sentence about it.

        Raises ArchiveError where they can't be read: the reader checks the counts of the published edition.
        """
        try:
            splits = load_splits(below(self.dataset, self._stage))
        except DataError as error:
            raise ArchiveError(error.problem.replace(str(self._stage), "<unpacked>")) from None
        if self.folder.is_dir():
            self.folder.rmdir()
        self._stage.rename(self.folder)
        return f"{self.source.title} is in {self.folder}: {amounts(splits)}."
