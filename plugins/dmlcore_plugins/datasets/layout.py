"""The layouts that a published data set is found in, and finding one below a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from attrs import frozen

from dmlcore import Archive
from dmlcore_plugins.datasets.images_by_class import ImagesByClass


@frozen
class Part:
    """A file, or a folder, that a layout needs."""

    name: str
    archive: Archive
    holds: str | None = None
    """A pattern: the part is a folder, in which something of such a name lies."""
    places: Sequence[str] = (".",)
    """Folders that it may lie in, below the data set's."""
    note: str = ""
    """What a person must know who has it not."""
    optional: bool = False
    """The layout can be read without it."""

    def __str__(self) -> str:
        source = f"{self.name}, from {self.archive}" if self.name != self.archive.file else str(self.archive)
        return f"{source}: {self.note}" if self.note else source

    def find(self, folder: Path) -> Path | None:
        """Where it lies, or None."""
        for place in self.places:
            path = Path(os.path.normpath(folder / place / self.name))
            if path.is_file() if self.holds is None else any(path.glob(self.holds)):
                return path
        return None


@frozen
class Layout:
    """A way in which the files of a data set lie."""

    parts: Sequence[Part]
    read: Callable[..., ImagesByClass]
    """Takes the paths of the parts in their order, None for an optional one that is not there; gives the classes in
    the data set's own order."""


@frozen
class Sighting:
    """A layout in a folder, complete or not."""

    folder: Path
    layout: Layout
    found: Sequence[Path | None]
    """Where each part of the layout lies."""

    @property
    def missing(self) -> list[Part]:
        return [part for part, path in self._parts() if path is None and not part.optional]

    @property
    def present(self) -> list[Part]:
        return [part for part, path in self._parts() if path is not None]

    @property
    def home(self) -> Path:
        """The innermost folder that holds all parts that were found."""
        holders = [path if part.name == "." else path.parent for part, path in self._parts() if path is not None]
        return Path(os.path.commonpath(holders))

    def _parts(self) -> Iterable[tuple[Part, Path | None]]:
        return zip(self.layout.parts, self.found, strict=True)


def best_sighting(folders: Sequence[Path], layouts: Sequence[Layout]) -> Sighting | None:
    """The first complete layout, or else one that misses the fewest parts; None where there is no part at all."""
    best: Sighting | None = None
    for folder in folders:
        for layout in layouts:
            sighting = Sighting(folder, layout, [part.find(folder) for part in layout.parts])
            if not sighting.missing:
                return sighting
            if sighting.present and (best is None or len(sighting.missing) < len(best.missing)):
                best = sighting
    return best


def folders_below(root: Path, patterns: Sequence[str], depth: int = 4) -> Iterator[Path]:
    """Folders whose names, and those of all between, match a pattern of lower-case letters; then the root.

    Earlier patterns go first, and inner folders before outer ones: the more telling name wins.
    """
    if not root.is_dir():
        return
    if depth:
        children = sorted(child for child in root.iterdir() if child.is_dir())
        for pattern in patterns:
            for child in children:
                if fnmatchcase(child.name.lower(), pattern):
                    yield from folders_below(child, patterns, depth - 1)
    yield root
