"""A walk over a tree of folders, each real folder once, with a count of everything that is no image."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from errno import ELOOP
from pathlib import Path

from attrs import field, frozen

from dmlcore_plugins.datasets.class_names import is_text
from dmlcore_plugins.datasets.image_names import (
    HEIF_SUFFIXES,
    LITTER,
    is_image,
    suffix_of,
)
from dmlcore_plugins.datasets.wording import counted, counts_by_name, first_few

Parts = tuple[str, ...]
"""A path below the root."""


@frozen
class Folder:
    """A folder with its images and subfolders, by name."""

    parts: Parts
    path: Path
    images: Sequence[str]
    subfolders: Sequence[str]


@frozen
class Walk:
    """Everything below a root."""

    folders: list[Folder] = field(factory=list)
    not_taken: Counter[str] = field(factory=Counter)
    """Suffix → files that are no images."""
    skipped: Counter[str] = field(factory=Counter)
    """What is never looked into: hidden entries, and the litter of photo programs and file servers."""
    repeated: list[str] = field(factory=list)
    """Links to folders that are listed under another name, or that contain the link."""
    broken: list[str] = field(factory=list)
    """Links to images that do not exist."""
    not_text: list[str] = field(factory=list)
    """Images and folders with names that are not valid UTF-8."""
    unreadable: list[str] = field(factory=list)

    def notes(self) -> list[str]:
        """Sentences about what was not taken."""
        notes = [note] if (note := self.not_taken_note()) else []
        if self.skipped:
            notes.append(f"skipped: {counts_by_name(self.skipped)}")
        if self.repeated:
            what = counted(len(self.repeated), "link")
            notes.append(f"skipped: {what} to folders that are read already: {first_few(sorted(self.repeated))}")
        return notes

    def not_taken_note(self) -> str:
        """The files that are no images, by suffix; empty if there are none."""
        if not self.not_taken:
            return ""
        types = counts_by_name({suffix or "without a suffix": count for suffix, count in self.not_taken.items()})
        heif = any(suffix in HEIF_SUFFIXES for suffix in self.not_taken)
        advice = " (to read HEIF images: pip install 'dmlcore[heif]')" if heif else ""
        return f"not taken, as they are no images that Pillow can read: {types}{advice}"

    def problems(self) -> list[str]:
        """Sentences about what prevents reading."""
        problems = [*sorted(self.unreadable)]
        if self.not_text:
            problems.append(
                f"names are not valid UTF-8: {first_few(sorted(self.not_text))}. Rename them; for names in Latin-1:"
                " convmv -f latin1 -t utf8 -r --notest FOLDER"
            )
        if self.broken:
            problems.append(
                f"links to images that do not exist: {first_few(sorted(self.broken))}. Restore the images, or remove"
                " the links."
            )
        return problems


def walk(root: Path) -> Walk:
    """All folders below the root, sorted by path.

    Follows links, but lists each real folder once, under its real path where that is below the root. A link to a
    folder that contains the root is a loop.
    """
    found = Walk()
    seen = {_identity(parent.stat()) for parent in root.resolve().parents}
    links: list[tuple[Path, Parts]] = [(root, ())]
    while links:
        waiting, links = sorted(links, key=lambda link: link[1], reverse=True), []
        while waiting:
            path, parts = waiting.pop()
            subfolders = _add(path, parts, found, seen)
            links += [(path / name, (*parts, name)) for name, linked in subfolders.items() if linked]
            waiting += [(path / name, (*parts, name)) for name, linked in subfolders.items() if not linked]
    found.folders.sort(key=lambda folder: folder.parts)
    return found


def _add(path: Path, parts: Parts, found: Walk, seen: set[tuple[int, int]]) -> dict[str, bool]:
    """Add a folder, unless it was seen. Return its subfolders, and whether each is a link."""
    try:
        identity = _identity(path.stat())
        if identity in seen:
            found.repeated.append("/".join(parts))
            return {}
        seen.add(identity)
        with os.scandir(path) as entries:
            images, subfolders = _sorted_out(entries, path, parts, found)
    except OSError as error:
        found.unreadable.append(f"{error.filename} can't be read: {error.strerror}.")
        return {}
    found.folders.append(Folder(parts, path, sorted(images), sorted(subfolders)))
    return subfolders


def _sorted_out(
    entries: Iterable[os.DirEntry[str]], path: Path, parts: Parts, found: Walk
) -> tuple[list[str], dict[str, bool]]:
    """The images and the subfolders of a folder; everything else is counted."""
    images: list[str] = []
    subfolders: dict[str, bool] = {}
    for entry in entries:
        name = entry.name
        if name.lower() in LITTER or name.startswith("."):
            found.skipped[name if name.lower() in LITTER else "hidden"] += 1
        elif _is_folder(entry):
            subfolders[name] = entry.is_symlink()
        elif not is_image(name):
            found.not_taken[suffix_of(name)] += 1
        elif entry.is_symlink() and not (path / name).exists():
            found.broken.append("/".join((*parts, name)))
        else:
            images.append(name)
    found.not_text.extend("/".join((*parts, name)) for name in (*images, *subfolders) if not is_text(name))
    return images, subfolders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Raises OSError where a link's target can't be read; a link that leads to itself is no folder."""
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == ELOOP:
            return False
        raise


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
