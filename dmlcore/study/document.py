"""Study files as read: TOML tables merged along `extends`, with the origin of every value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli
from attrs import field, frozen

from dmlcore.api.components import USE
from dmlcore.errors import StudyError
from dmlcore.study.shipped import base_folder
from dmlcore.study.structure import ValuePath
from dmlcore.text import listing

EXTENDS = "extends"


@frozen
class Origin:
    """Where a value was written: in a file, or on the command line if `file` is None."""

    file: Path | None
    path: ValuePath

    @property
    def folder(self) -> Path:
        """The folder that a relative path written here is relative to."""
        return base_folder(self.file.parent) if self.file else Path()

    @property
    def study_folder(self) -> Path:
        """The folder that the path of another study file is relative to, if written here."""
        return self.file.parent if self.file else Path()


@frozen
class Document:
    """Merged tables, with the origin of every value."""

    values: dict[str, Any] = field(factory=dict)
    origins: dict[ValuePath, Origin] = field(factory=dict)

    def origin(self, path: ValuePath) -> Origin:
        """Where the value at `path`, or the nearest enclosing table, was written."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                known = self.origins[path[:length]]
                return Origin(known.file, (*known.path, *path[length:]))
        return Origin(next(reversed(self.origins.values())).file if self.origins else None, path)

    def with_value(self, path: ValuePath, value: Any, origin: Origin) -> Document:
        """A copy with one value set, and with the missing tables on its path.

        Raises StudyError if a plain value is on the path.
        """
        values = dict(self.values)
        table = values
        for depth, key in enumerate(path[:-1], start=1):
            inner = _step(table, key, path, depth)
            table[key] = inner  # type: ignore[index]
            table = inner
        _put(table, path[-1], value, path)
        kept = {known: where for known, where in self.origins.items() if known[: len(path)] != path}
        return Document(values, kept | {path: origin})

    def merged(self, values: Mapping[str, Any], file: Path, above: ValuePath = ()) -> Document:
        """A copy updated by the tables of `file`, which are at the path `above`: tables merge, lists are replaced."""
        document = self
        for key, value in values.items():
            path = (*above, key)
            if _refines(value, _get(document.values, path)):
                document = document.merged(value, file, path)
            else:
                document = document.with_value(path, value, Origin(file, path))
        return document


def _step(table: Any, key: str | int, path: ValuePath, depth: int) -> Any:
    if isinstance(table, list):
        inner = table[key] if isinstance(key, int) and key < len(table) else None
    else:
        inner = table.get(key, {})
    if not isinstance(inner, dict | list):
        raise StudyError(f"{dotted(path)}: {dotted(path[:depth])} is not a table, so no value can be set in it.")
    return inner.copy()


def _put(table: Any, key: str | int, value: Any, path: ValuePath) -> None:
    if isinstance(table, list) and not (isinstance(key, int) and key < len(table)):
        raise StudyError(f"{dotted(path)}: the list has {len(table)} entries; the index starts at 0.")
    table[key] = value


def _refines(table: Any, old: Any) -> bool:
    """Whether both are tables, and the new one does not name another component."""
    if not isinstance(table, Mapping) or not isinstance(old, Mapping):
        return False
    return USE not in table or table[USE] == old.get(USE)


def _get(values: Any, path: ValuePath) -> Any:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return None
        values = values[key]
    return values


def read_document(path: Path, overrides: Sequence[str] = ()) -> Document:
    """Read the study file at `path`, with the files that it extends and `path=value` overrides.

    The file overrides what it extends; the overrides come last. Raises StudyError if a file is missing, is not valid
    TOML or extends itself, or if an override is malformed.
    """
    document = Document()
    for file, values in _chain(path):
        document = document.merged(values, file)
    for text in overrides:
        at, value = parse_override(text)
        document = document.with_value(at, value, Origin(None, at))
    return document


def _chain(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    files: list[tuple[Path, dict[str, Any]]] = []
    file, extended_by = path, None
    while True:
        if any(file.resolve() == seen.resolve() for seen, _ in files):
            names = listing(str(seen) for seen, _ in files)
            raise StudyError(f"{extended_by}: `extends` is circular: {names}, and again {file}.")
        values = _read(file, extended_by)
        base = values.pop(EXTENDS, None)
        files.append((file, values))
        if base is None:
            return files[::-1]
        if not isinstance(base, str):
            raise StudyError(f"{file}: `extends` must be a string, the path of one study file.")
        file, extended_by = file.parent / base, file


def _read(file: Path, extended_by: Path | None) -> dict[str, Any]:
    try:
        return tomli.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        because = f"; {extended_by} extends it" if extended_by else ""
        raise StudyError(f"{file}: study file not found{because}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{file}: can't read the study file: {error}.") from None
    except tomli.TOMLDecodeError as error:
        raise StudyError(f"{file}:{error.lineno}:{error.colno}: not valid TOML: {error.msg}.") from None


def parse_override(text: str) -> tuple[ValuePath, Any]:
    """Parse `path=value` from the command line; a value that is not TOML is a string.

    Raises StudyError if there is no `=`.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise StudyError(f"--set {text}: expected path=value, such as training.epochs=10.")
    path = parse_path(key.strip())
    try:
        return path, tomli.loads(f"value = {value}")["value"]
    except tomli.TOMLDecodeError:
        return path, value


def parse_path(text: str) -> ValuePath:
    """ "evaluators.0.recall_at" → ("evaluators", 0, "recall_at")."""
    return tuple(int(part) if part.isdecimal() else part for part in text.split("."))


def dotted(path: Sequence[str | int]) -> str:
    """("evaluators", 0, "recall_at") → "evaluators[0].recall_at"; a key with dots is quoted."""
    text = ""
    for part in path:
        name = f"[{part}]" if isinstance(part, int) else f'"{part}"' if "." in part else part
        text += f".{name}" if text and isinstance(part, str) else name
    return text
