"""The data sets of a command, and what its runs are measured on, by content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import get_args

from attrs import define, field

from dmlcore.api.components import DatasetConfig, parts
from dmlcore.api.stored import canonical_digest
from dmlcore.api.values import LabelledImages, Split
from dmlcore.errors import DataError, DmlcoreError
from dmlcore.host.faults import faults_of
from dmlcore.results.contents import Contents, Part
from dmlcore.study.hashes import sha256_of
from dmlcore.study.schema import Study

DATASET = "dataset"
SPLITS: tuple[Split, ...] = get_args(Split)


@define(eq=False)
class DataSets:
    """Lists each data set once, and hashes its files once.

    One object serves a whole command. A new one sees what has changed since.
    """

    _images: dict[tuple[DatasetConfig, Split], LabelledImages] = field(factory=dict)
    _splits: dict[DatasetConfig, dict[str, Part] | DmlcoreError] = field(factory=dict)
    """What was read of each data set, or why it can't be read."""
    _options: dict[tuple[str, Path], Part] = field(factory=dict)

    def images(self, dataset: DatasetConfig, split: Split) -> LabelledImages:
        """Return a split, as the data set gives it. Raises its errors; others become a PluginError."""
        if (dataset, split) not in self._images:
            with faults_of(dataset, "load"):
                self._images[dataset, split] = dataset.load(split)
        return self._images[dataset, split]

    def contents(self, study: Study) -> Contents:
        """Return what the study's images and the files that its options name contain.

        Raises the errors of the data set, and DataError if a file is missing or can't be read.
        """
        found = dict(self._of(study.dataset))
        for at, value in parts(study, identity_only=True):
            if isinstance(value, Path) and not at.startswith(f"{DATASET}."):
                found[at] = self._option(at, value)
        return Contents(found)

    def _of(self, dataset: DatasetConfig) -> dict[str, Part]:
        if dataset not in self._splits:
            try:
                self._splits[dataset] = self._read(dataset)
            except DmlcoreError as error:
                self._splits[dataset] = error
        read = self._splits[dataset]
        if isinstance(read, DmlcoreError):
            raise read
        return read

    def _read(self, dataset: DatasetConfig) -> dict[str, Part]:
        """Return the parts of both splits; their files are hashed together."""
        heads: dict[str, str] = {}
        sources: dict[str, dict[str, Path | str]] = {}
        for split in SPLITS:
            images = self.images(dataset, split)
            with faults_of(dataset, "contents"):
                heads[split] = _head(images)
                sources[split] = dict(_files(dataset.contents(images)))
        hashes = _hashes(sources)
        return {split: _part(heads[split], hashes[split]) for split in SPLITS}

    def _option(self, at: str, path: Path) -> Part:
        if (at, path) not in self._options:
            if not path.exists():
                raise DataError(f"{at}: {path} does not exist.")
            self._options[at, path] = _part("", _hashes({at: dict(_files({at: path}))})[at])
        return self._options[at, path]


def _head(images: LabelledImages) -> str:
    """A digest of the labels and the names of the classes."""
    import numpy as np

    labels = np.ascontiguousarray(images.labels, dtype="<i8").tobytes()
    return canonical_digest([list(images.class_names), hashlib.sha256(labels).hexdigest()])


def _part(head: str, files: Mapping[str, str]) -> Part:
    return Part(canonical_digest([head, list(files.items())]), files)


def _hashes(sources: Mapping[str, Mapping[str, Path | str]]) -> dict[str, dict[str, str]]:
    """The hash of each file and text, by part and name."""
    values = [value for files in sources.values() for value in files.values()]
    of_files = iter(sha256_of([value for value in values if isinstance(value, Path)]))
    return {
        part: {name: next(of_files) if isinstance(value, Path) else _sha256(value) for name, value in files.items()}
        for part, files in sources.items()
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _files(contents: Mapping[str, Path | str]) -> Iterator[tuple[str, Path | str]]:
    """The entries, with every file of a folder in its place."""
    for name, value in contents.items():
        if isinstance(value, Path):
            yield from _inside(name, value)
        else:
            yield name, value


def _inside(name: str, path: Path) -> Iterable[tuple[str, Path]]:
    """A file under its name; every file of a folder under that name and its path in the folder."""
    if not path.is_dir():
        return [(name, path)]
    files = (Path(folder, file) for folder, file in _walk(path))
    return sorted((f"{name}/{file.relative_to(path).as_posix()}", file) for file in files if file.is_file())


def _walk(top: Path) -> Iterator[tuple[str, str]]:
    """The folder and the name of each file, also behind links, but of each real folder once."""
    seen: set[str] = set()
    for folder, subfolders, files in os.walk(top, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders.sort()
        yield from ((folder, file) for file in files)
