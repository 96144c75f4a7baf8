"""Putting a data set where its reader looks: built up beside that place, read from there, and renamed as a whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
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


def below(dataset: DatasetConfig, root: Path) -> DatasetConfig:
    """The same data set, looking for its files below another folder."""
    return attrs.evolve(dataset, root=root)  # type: ignore[call-arg]  # an option of its class, not of every data set


def source_of(dataset: DatasetConfig) -> Source:
    """Raises DataError where a data set has no source, PluginError where it breaks the contract of those that have."""
    with faults_of(dataset, "source"):
        source = dataset.source()
    if source is None:
        raise DataError(f"The data set {dataset.name!r} names no source: there is nothing to fetch or to import.")
    if "root" not in attrs.fields_dict(type(dataset)):
        raise PluginError(f"The {named(dataset)} names a source, but has no option `root`.")
    return source


@frozen
class Place:
    """Where a data set is put."""

    dataset: DatasetConfig
    source: Source

    @property
    def folder(self) -> Path:
        """Its folder, which is there only when it is whole."""
        return self.source.root / self.dataset.name

    @property
    def downloads(self) -> Path:
        """What arrived so far."""
        return self.source.root / f".{self.dataset.name}.download"

    @property
    def _stage(self) -> Path:
        return self.source.root / f".{self.dataset.name}.partial"

    def present(self) -> str | None:
        """What is there already, in words; None where there is nothing, or only parts.

        Raises DamagedDataError where something is there that would be found before a good copy, DataError where
        the folder is taken.
        """
        try:
            splits = load_splits(self.dataset)
        except DamagedDataError as error:
            raise DamagedDataError(
                error.problem, "A good copy beside it would not be found: move it away or remove it first."
            ) from None
        except DataError as error:
            if self.folder.is_symlink() or (self.folder.is_dir() and any(self.folder.iterdir())):
                raise DataError(
                    f"{self.folder} is where {self.source.title} would be put, but something lies there:"
                    f" {error.problem}",
                    "Move it away or remove it first.",
                ) from None
            return None
        return f"{self.source.title} is there already, in {self.source.home}: {amounts(splits)}."

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Raises DataError where another process works on this place."""
        self.source.root.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.source.root / f".{self.dataset.name}.lock", timeout=0):
                yield
        except Timeout:
            raise DataError(f"Another process is bringing {self.source.title} to {self.source.root}.") from None

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """A new folder to lay the files out in; it is gone when the block ends, unless it was completed."""
        shutil.rmtree(self._stage, ignore_errors=True)
        self._stage.mkdir()
        try:
            yield self._stage
        finally:
            shutil.rmtree(self._stage, ignore_errors=True)

    def link(self, home: Path) -> None:
        """Makes the folder a symbolic link to a folder that holds the files."""
        if self.folder.is_dir():
            self.folder.rmdir()
        self.folder.symlink_to(home, target_is_directory=True)

    def complete(self) -> str:
        """Reads the staged files as the data set will, and gives their folder its name. What is there, in words.

        Raises ArchiveError where they can't be read: the reader asserts the counts of the true edition.
        """
        try:
            splits = load_splits(below(self.dataset, self._stage))
        except DataError as error:
            raise ArchiveError(error.problem.replace(str(self._stage), "<unpacked>")) from None
        if self.folder.is_dir():
            self.folder.rmdir()
        self._stage.rename(self.folder)
        return f"{self.source.title} is in {self.folder}: {amounts(splits)}."


def lay_out(archive: Archive, file: Path, stage: Path) -> None:
    """Unpacks an archive, or copies a plain file. Raises ArchiveError, and DataError where the disk is too small."""
    size = file.stat().st_size
    if archive.is_packed or is_packed(file):
        require_space(stage, archive.unpacked or size, f"{file.name}, unpacked,")
        unpack(file, stage, archive.unpacked)
    else:
        require_space(stage, size, file.name)
        shutil.copyfile(file, stage / archive.file)
