"""Frozen values as JSON with a checksum, and back, strictly."""

from __future__ import annotations

import hashlib
import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from types import NoneType
from typing import Any, TypeVar

import attrs

from dmlcore.errors import DamagedResultsError, ResultsError

CHECKSUM = "checksum"
"""The key of the sha256 of everything else in the file."""

T = TypeVar("T")


def to_json(value: Any) -> str:
    """Return a frozen value as JSON, with a checksum; floats keep every digit."""
    values = json.loads(json.dumps(attrs.asdict(value)))
    return json.dumps(values | {CHECKSUM: canonical_digest(values)}, indent=1, ensure_ascii=False)


def from_json(
    text: str,
    place: str,
    kind: str,
    cls: type[T],
    *,
    newest: int,
    sealed: int,
    complete: Callable[[dict[str, Any]], object] = lambda values: None,
) -> T:
    """Parse a stored value, such as a result, of a format up to `newest`; formats from `sealed` on have a checksum.

    `complete` may add the fields that older formats do not have. Raises DamagedResultsError, with the place, if the
    text is not such a value, and ResultsError if its format is newer.
    """
    try:
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("expected a JSON object")
        schema, checksum = values["schema"], values.pop(CHECKSUM, None)
        if checksum is not None and checksum != canonical_digest(values):
            raise ValueError("its checksum does not match")
        if type(schema) is not int or schema < 1:
            raise ValueError(f"schema: expected a format number, got {_shown(schema)}")
        if schema > newest:
            raise ResultsError(
                f"{place}: the {kind} has format {schema}, and this dmlcore reads up to {newest}. Update dmlcore."
            )
        if schema >= sealed and checksum is None:
            raise ValueError("it has no checksum")
        complete(values)
        value: T = structured(values, cls)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(place, kind, f"no {error}" if isinstance(error, KeyError) else str(error)) from None
    return value


def damaged(place: str, kind: str, why: str) -> DamagedResultsError:
    """Return the error about a damaged file."""
    return DamagedResultsError(f"{place}: damaged {kind} ({why}). `dmlcore run` moves it aside and runs again.")


def structured(value: Any, annotation: Any, at: str = "") -> Any:
    """Return a JSON value as the annotated type: a frozen class, a mapping, a tuple, an optional or a plain value.

    Raises ValueError, with the path, if it is none.
    """
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        rest = [member for member in members if member is not NoneType]
        if value is None and len(rest) < len(members):
            return None
        for member in rest[:-1]:
            with suppress(ValueError):
                return structured(value, member, at)
        return structured(value, rest[-1], at)
    if origin is typing.Literal and value in members:
        return value
    if inspect.isclass(annotation) and attrs.has(annotation) and isinstance(value, dict):
        return _object(value, annotation, at)
    if origin is tuple and isinstance(value, list):
        return tuple(structured(item, members[0], f"{at}[{index}]") for index, item in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return {key: structured(item, members[1], f"{at}.{key}") for key, item in value.items()}
    if type(value) in ((int, float) if annotation is float else (annotation,)):
        return value
    raise ValueError(f"{at.removeprefix('.')}: got {_shown(value)}")


def _object(values: Mapping[str, Any], cls: type, at: str) -> Any:
    known = _hints(cls)
    for name in values:
        if name not in known:
            raise ValueError(f"{f'{at}.{name}'.removeprefix('.')}: unknown")
    for field in attrs.fields(cls):
        if field.default is attrs.NOTHING and field.name not in values:
            raise ValueError(f"{f'{at}.{field.name}'.removeprefix('.')}: missing")
    return cls(**{name: structured(value, known[name], f"{at}.{name}") for name, value in values.items()})


@cache
def _hints(cls: type) -> Mapping[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in attrs.fields(cls)}


def canonical_digest(value: object) -> str:
    """Return the sha256 of a JSON value, in hexadecimal digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
