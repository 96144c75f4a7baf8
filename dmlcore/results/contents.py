"""What a run was measured on, by content: the files of its splits, their classes, and files that options name."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from attrs import field, frozen

from dmlcore.api.stored import canonical_digest
from dmlcore.results.store import write_atomically
from dmlcore.text import listing

FOLDER = ".data"
"""The folder of lists of files, in the folder of runs."""

SHOWN = 3
"""Names of each kind of change in a message."""


@frozen
class Part:
    """A split, or an option that names a file or folder."""

    digest: str
    """Of its files in order and, for a split, of its labels and the names of its classes."""
    files: Mapping[str, str] = field(eq=False, repr=False)
    """Name → sha256, in order. Names do not depend on where the files are stored."""


@frozen
class Contents:
    """Everything that a run reads from files, by content."""

    parts: Mapping[str, Part]
    """By split, and by the dotted path of an option, such as backbone.weights."""
    digest: str = field(init=False)

    @digest.default
    def _digest_of_parts(self) -> str:
        return canonical_digest({name: part.digest for name, part in self.parts.items()})

    def facts(self) -> dict[str, str | int]:
        """Return what a result stores about it."""
        return {"digest": self.digest, "files": sum(len(part.files) for part in self.parts.values())}


def save_contents(contents: Contents, root: Path) -> None:
    """Store the list of files in the folder of runs, once for all runs that share it."""
    if load_contents(root, contents.digest) is not None:
        return
    path = _path(root, contents.digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = {name: {"digest": part.digest, "files": part.files} for name, part in contents.parts.items()}
    packed = gzip.compress(json.dumps(stored).encode(), compresslevel=1, mtime=0)
    write_atomically(path, lambda scratch: scratch.write_bytes(packed))


def load_contents(root: Path, digest: str) -> Contents | None:
    """Return the stored list of files; None if it is missing or damaged."""
    try:
        return _load(_path(root, digest))
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError):
        return None


@lru_cache(maxsize=4)  # many runs share a list; its content never changes, since its digest is its name
def _load(path: Path) -> Contents:
    stored = json.loads(gzip.decompress(path.read_bytes()))
    return Contents({name: Part(part["digest"], part["files"]) for name, part in stored.items()})


def _path(root: Path, digest: str) -> Path:
    return root.absolute() / FOLDER / f"{digest[:32]}.json.gz"


def what_changed(before: Contents | None, now: Contents) -> str:
    """Return the changes in words: "2 added (a/3.png, a/4.png), 1 removed (b/1.png)".

    `before` is None if its list of files is not known.
    """
    if before is None:
        return "the list of their files at that time is missing"
    old, new = _entries(before), _entries(now)
    added, removed = {entry: new[entry] for entry in new.keys() - old.keys()}, old.keys() - new.keys()
    moved_from = {(name, old[part, name]): part for part, name in removed}
    moved = {(part, name) for (part, name), digest in added.items() if (name, digest) in moved_from}
    left = {(moved_from[name, new[part, name]], name) for part, name in moved}
    kinds = {
        "added": added.keys() - moved,
        "replaced": {entry for entry in new.keys() & old.keys() if new[entry] != old[entry]},
        "removed": removed - left,
        "moved to the other split": moved,
    }
    # a file that is a part of both splits counts once
    files = {
        kind: {(name, old.get((part, name)), new.get((part, name))) for part, name in kinds[kind]} for kind in kinds
    }
    words = [f"{len(found):,} {kind} ({_first(name for name, *_ in found)})" for kind, found in files.items() if found]
    return listing(words) or _without_files(before, now)


_Entry = tuple[str, str]
"""The part of a file, and its name."""


def _entries(contents: Contents) -> dict[_Entry, str]:
    return {(part, name): digest for part, found in contents.parts.items() for name, digest in found.files.items()}


def _without_files(before: Contents, now: Contents) -> str:
    """The change of parts with the same files: their order, labels or class names."""
    names = sorted(
        name for name in before.parts.keys() | now.parts.keys() if before.parts.get(name) != now.parts.get(name)
    )
    return f"other labels, class names or order in {listing(names)}"


def _first(names: Iterable[str]) -> str:
    ordered = sorted(set(names))
    shown = [name.encode("utf-8", "replace").decode() for name in ordered[:SHOWN]]
    return listing(shown) + (", …" if len(ordered) > SHOWN else "")
