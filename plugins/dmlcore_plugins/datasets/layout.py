"""The layouts of a published data set, and finding one below a folder."""

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
    """A pattern: the part is a folder that contains something of such a name."""
    places: Sequence[str] = (".",)
    """Folders that may contain it, relative to the data set's."""
    note: str = ""
    """What to know where it is missing."""
    optional: bool = False
    """The layout can be read without it."""

    def __str__(self) -> str:
        source = f"{self.name}, from {self.archive}" if self.name != self.archive.file else str(self.archive)
        return f"{source}: {self.note}" if self.note else source

    def find(self, folder: Path) -> Path | None:
        """Its path, or None."""
        for place in self.places:
            path = Path(os.path.normpath(folder / place / self.name))
            if path.is_file() if self.holds is None else any(path.glob(self.holds)):
                return path
        return None


@frozen
class Layout:
    """One arrangement of the files of a data set."""

    parts: Sequence[Part]
    read: Callable[..., ImagesByClass]
    """Takes the paths of the parts in their order, None for a missing optional one; returns the classes in the order of
    the data set."""


@frozen
class Sighting:
    """A layout in a folder, complete or not."""

    folder: Path
    layout: Layout
    found: Sequence[Path | None]
    """The path of each part of the layout."""

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
    """The first complete layout, else the one with the fewest missing parts; None where no part is found."""
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
    """The folders below `root` for which all names on the path match a lower-case pattern; then the root.

    Earlier patterns come first, and inner folders before outer ones: the more specific name wins.
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
