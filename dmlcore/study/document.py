"""Study files as read: TOML tables merged along `extends`, with the origin of every value."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli
from attrs import field, frozen

from dmlcore.api.components import USE
from dmlcore.errors import StudyError
from dmlcore.study.limits import DEEPEST, INTEGERS, limits_exceeded, path_fault
from dmlcore.study.locate import line_of
from dmlcore.study.shipped import base_folder
from dmlcore.study.structure import ValuePath
from dmlcore.study.toml_mistakes import hint
from dmlcore.text import byte_size, listing, shortened

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
        origins = self.origins
        if _exists(self.values, path):  # the filter is slow for many keys
            origins = {known: where for known, where in origins.items() if known[: len(path)] != path}
        values = dict(self.values)
        table = values
        for depth, key in enumerate(path[:-1], start=1):
            inner = _step(table, key, path, depth)
            table[key] = inner  # type: ignore[index]
            table = inner
        _put(table, path[-1], value, path)
        return Document(values, origins | {path: origin})

    def merged(self, values: Mapping[str, Any], file: Path, above: ValuePath = ()) -> Document:
        """A copy updated by the tables of `file`, which are at the path `above`: tables merge, lists are replaced."""
        document = self
        for key, value in values.items():
            path = (*above, key)
            if _refines(value, value_at(document.values, path)):
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


def value_at(values: Any, path: ValuePath) -> Any:
    """The value at a path through tables; None if there is none."""
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return None
        values = values[key]
    return values


def _exists(values: Any, path: ValuePath) -> bool:
    for key in path:
        try:
            values = values[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def read_document(path: Path, overrides: Sequence[str] = ()) -> Document:
    """Read the study file at `path`, with the files that it extends and `[study:]path=value` overrides.

    The file overrides what it extends; the overrides come last, without those of other studies. Raises StudyError if a
    file is missing, is not valid TOML or extends itself, or if an override is malformed.
    """
    document = Document()
    for file, values in _chain(path):
        document = document.merged(values, file)
    names = _names(document, path)
    for text in overrides:
        study, setting = split_override(text)
        if study is None or study in names:
            at, value = parse_override(setting)
            document = document.with_value(at, value, Origin(None, at))
    return document


def study_names(path: Path) -> tuple[str, ...]:
    """The names of a study in an override: its own as the files give it, and the stem of its file."""
    return _names(read_document(path), path)


def _names(document: Document, path: Path) -> tuple[str, ...]:
    name = document.values.get("name")
    return (name, path.stem) if isinstance(name, str) and name not in ("", path.stem) else (path.stem,)


def _chain(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    files: list[tuple[Path, dict[str, Any]]] = []
    seen: set[Path] = set()
    file, extended_by = path, None
    while True:
        if file.resolve() in seen:
            names = listing(str(other) for other, _ in files)
            raise StudyError(f"{extended_by}: `extends` is circular: {names}, and again {file}.")
        seen.add(file.resolve())
        values = _read(file, extended_by)
        base = values.pop(EXTENDS, None)
        files.append((file, values))
        if base is None:
            return files[::-1]
        if not isinstance(base, str):
            raise StudyError(f"{file}: `extends` must be a string, the path of one study file.")
        if fault := path_fault(base):
            raise StudyError(f"{file}: extends: {fault}")
        file, extended_by = file.parent / base, file


def _read(file: Path, extended_by: Path | None) -> dict[str, Any]:
    try:
        text = read_study(file)
    except FileNotFoundError:
        because = f"; {extended_by} extends it" if extended_by else ""
        raise StudyError(f"{file}: study file not found{because}.") from None
    except OSError as error:
        raise StudyError(f"{file}: can't read the study file: {error}.") from None
    try:
        values = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        advice = f" {found}" if (found := hint(text, error.lineno, error.msg)) else ""
        raise StudyError(f"{file}:{error.lineno}:{error.colno}: not valid TOML: {error.msg}.{advice}") from None
    except (ValueError, RecursionError) as error:
        beyond = re.search(TOO_DEEP if isinstance(error, RecursionError) else TOO_LONG, text)
        line = f":{text.count(chr(10), 0, beyond.start()) + 1}" if beyond else ""
        raise StudyError(f"{file}{line}: {_refusal(error)}") from None
    for path, problem in limits_exceeded(values):
        place = ": ".join(part for part in (f"{file}:{line_of(text, path) or 1}", dotted(path)) if part)
        raise StudyError(f"{place}: {problem}")
    return values


def read_study(file: Path) -> str:
    """Return the text of a study file, with "\\n" at the end of each line.

    Raises OSError if it can't be read, and StudyError if it is too large or in another encoding than UTF-8. A
    byte-order mark, as Windows programs write it, is ignored.
    """
    with file.open("rb") as opened:
        data = opened.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise StudyError(f"{file}: larger than {byte_size(LARGEST_FILE)}, so it can't be a study file.")
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in data:
        raise StudyError(
            f"{file}: not a text file in UTF-8, but probably in UTF-16, as PowerShell and Notepad can write it."
            " Save it as UTF-8 (PowerShell: Out-File -Encoding utf8)."
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise StudyError(
            f"{file}:{line}: not UTF-8 (byte 0x{data[error.start]:02x}). Save the file in the encoding UTF-8."
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


LARGEST_FILE = 10**6
"""Bytes of a study file."""

TOO_DEEP = r"(?:[\[{.][^\[{.\n]*){50}"
TOO_LONG = r"\d[\d_]{4000}"
"""Patterns of what makes the TOML parser give up: a line of many levels, and a number of many digits."""


def _refusal(error: ValueError | RecursionError) -> str:
    """The message for a value on which the TOML parser gives up."""
    if isinstance(error, RecursionError):
        return f"arrays or tables are nested too deep; at most {DEEPEST} levels are possible."
    return INTEGERS


def split_override(text: str) -> tuple[str | None, str]:
    """Split "study:path=value" into the study and "path=value"; the study is None if the override is for all."""
    key, equals, value = text.partition("=")
    study, colon, path = key.rpartition(":")
    return (study.strip() if colon else None), f"{path}{equals}{value}"


def parse_override(text: str) -> tuple[ValuePath, Any]:
    """Parse `path=value` from the command line; a value that is not TOML is a string.

    Raises StudyError if there is no `=`, or if the value is beyond a limit of study files.
    """
    key, equals, value = text.partition("=")
    short = shortened(text)
    if not equals or not key.strip():
        raise StudyError(f"--set {short}: expected path=value, such as training.epochs=10.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise StudyError(f"--set {short!a}: not valid text in UTF-8.") from None
    path = parse_path(key.strip())
    try:
        given = tomli.loads(f"value = {value}")["value"]
    except tomli.TOMLDecodeError:
        given = value
    except (ValueError, RecursionError) as error:
        raise StudyError(f"--set {short}: {_refusal(error)}") from None
    for _, problem in limits_exceeded(given, path):
        raise StudyError(f"--set {short}: {problem}")
    return path, given


def parse_path(text: str) -> ValuePath:
    """ "evaluators.0.recall_at" → ("evaluators", 0, "recall_at")."""
    return tuple(int(part) if part.isdecimal() and len(part) < 10 else part for part in text.split("."))


def dotted(path: Sequence[str | int]) -> str:
    """("evaluators", 0, "recall_at") → "evaluators[0].recall_at"; a key with dots is quoted."""
    text = ""
    for part in path:
        key = part if isinstance(part, int) else shortened(part)
        name = f"[{key}]" if isinstance(part, int) else f'"{key}"' if "." in part else f"{key}"
        text += f".{name}" if text and isinstance(part, str) else name
    return text
