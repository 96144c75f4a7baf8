"""Strict conversion of plain TOML values to the frozen classes of a study, and back.

Nothing is coerced, dropped or renamed. Every problem is collected with its path; a class is built only if all its
values are valid. (With strict hooks for every type, cattrs would do no more than the dispatch, and attrs validators
would stop at the first wrong value of a table.)
"""

from __future__ import annotations

import inspect
import math
import os
import types
import typing
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Final

import attrs
from attrs import field, frozen

from dmlcore.api.components import OPTION, USE, Component, OptionFacts, option_key
from dmlcore.errors import UnknownComponentError
from dmlcore.host.describe import own_first, shown, type_text
from dmlcore.host.faults import NO_FAULT, named, own_line, plugin_error
from dmlcore.host.registry import Registry
from dmlcore.study.limits import path_fault
from dmlcore.text import MANY, counted, did_you_mean, known_names, listing, shortened, with_article

ValuePath = tuple[str | int, ...]


class _Invalid:
    """Type of the placeholder for a value with a problem."""


INVALID: Final = _Invalid()


@frozen
class Problem:
    """One problem in a study. `expected` and `got` are phrases; `hint` is a sentence or empty.

    A conflict between options has neither: its `hint` is the whole message.
    """

    path: ValuePath
    expected: str
    got: str
    hint: str = ""

    def text(self, place: str) -> str:
        """The message for the user; `place` is where the value was written."""
        facts = (("expected  ", self.expected), ("got       ", self.got), ("", self.hint))
        return "\n    ".join([place, *(f"{label}{shortened(fact, 1_000)}" for label, fact in facts if fact)])


@frozen
class Structurer:
    """Converts values of a study, and collects the problems."""

    registry: Registry
    folder_of: Callable[[ValuePath], Path]
    """The folder that a relative path at a place in the study is relative to."""
    problems: list[Problem] = field(factory=list)

    def structure(self, value: Any, annotation: Any, path: ValuePath) -> Any:
        """The value as the annotated type, or INVALID after adding a problem."""
        if inspect.isclass(annotation) and issubclass(annotation, Component):
            return self._component(value, annotation, path)
        if inspect.isclass(annotation) and attrs.has(annotation):
            return self._table(value, annotation, path)
        origin = typing.get_origin(annotation)
        if origin in (typing.Union, types.UnionType):
            return self._union(value, annotation, path)
        if origin is tuple:
            return self._tuple(value, annotation, path)
        return self._scalar(value, annotation, path)

    def _problem(self, path: ValuePath, expected: str, got: str, hint: str = "") -> Any:
        self.problems.append(Problem(path, expected, got, hint))
        return INVALID

    def _scalar(self, value: Any, annotation: Any, path: ValuePath) -> Any:
        if typing.get_origin(annotation) is typing.Literal:
            choices = typing.get_args(annotation)
            if any(value == choice and type(value) is type(choice) for choice in choices):
                return value
            hint = did_you_mean(value, [c for c in choices if isinstance(c, str)]) if isinstance(value, str) else ""
            return self._problem(path, type_text(annotation), shown(value), hint.strip())
        if annotation is Path and isinstance(value, str):
            return self._path(value, path)
        if annotation is float and type(value) is int:
            return float(value)
        if type(value) is annotation:
            return value
        spelled = annotation is bool and isinstance(value, str) and value.lower() in ("true", "false")
        hint = f"Write {value.lower()}, in lower case and without quotes." if spelled else ""
        return self._problem(path, type_text(annotation), shown(value), hint)

    def _path(self, value: str, path: ValuePath) -> Any:
        if fault := path_fault(value):
            return self._problem(path, "a path", shown(value), fault[:1].upper() + fault[1:])
        try:
            return self.folder_of(path) / Path(value).expanduser()
        except RuntimeError:  # there is no such user
            return self._problem(path, "a path", shown(value), "There is no home folder of this name.")

    def _union(self, value: Any, annotation: Any, path: ValuePath) -> Any:
        members = [member for member in typing.get_args(annotation) if member is not NoneType]
        if len(members) == 1:
            return self.structure(value, members[0], path)
        for member in members:
            attempt = attrs.evolve(self, problems=[])
            result = attempt.structure(value, member, path)
            if not attempt.problems:
                return result
        return self._problem(path, type_text(annotation), shown(value))

    def _tuple(self, value: Any, annotation: Any, path: ValuePath) -> Any:
        if not isinstance(value, list):
            return self._problem(path, type_text(annotation), shown(value))
        members = typing.get_args(annotation)
        if members[-1] is Ellipsis:
            members = (members[0],) * len(value)
        if len(members) != len(value):
            return self._problem(path, type_text(annotation), shown(value))
        items = [
            self.structure(item, member, (*path, i))
            for i, (item, member) in enumerate(zip(value, members, strict=True))
        ]
        return INVALID if INVALID in items else tuple(items)

    def _component(self, value: Any, base: type[Component], path: ValuePath) -> Any:
        expected = f'a table with `use = "{base.kind} name"`'
        if not isinstance(value, Mapping):
            return self._problem(path, expected, shown(value))
        name = value.get(USE)
        if not isinstance(name, str):
            known = [offer.component.name for offer in self.registry.of_kind(base.kind)]
            got = f"`use = {shown(name)}`" if USE in value else "a table without `use`"
            return self._problem(path, expected, got, known_names(base.kind, known))
        try:
            offer = self.registry.find(base.kind, name)
        except UnknownComponentError as error:
            return self._problem((*path, USE), f"the name of {with_article(base.kind)}", shown(name), str(error))
        former = offer.former_names.get(name)
        if former is not None:
            now = offer.component.name
            warnings.warn(f"{base.kind} {name!r} is deprecated: use {now!r}", FutureWarning, stacklevel=2)
        return self._table({**(former or {}), **{k: v for k, v in value.items() if k != USE}}, offer.component, path)

    def _table(self, value: Any, cls: type, path: ValuePath) -> Any:
        if not isinstance(value, Mapping):
            return self._problem(path, "a table", shown(value))
        hints, known = _hints(cls), {option_key(attribute): attribute for attribute in attrs.fields(cls)}
        before = len(self.problems)
        unknown = [key for key in value if key not in known]
        for key in unknown[:MANY]:
            self._unknown_key(key, cls, (*path, key))
        if len(unknown) > MANY:
            self._problem(path, "", "", f"{counted(len(unknown) - MANY, 'more unknown key')}.")
        given: dict[str, Any] = {}
        for key, attribute in known.items():
            facts: OptionFacts = attribute.metadata[OPTION]
            annotation = hints[attribute.name]
            if key in value:
                given[attribute.alias] = self.structure(value[key], annotation, (*path, key))
                if given[attribute.alias] is not INVALID:
                    self._check_bounds(value[key], facts, (*path, key))
            elif attribute.default is attrs.NOTHING:
                self._problem((*path, key), f"{type_text(annotation)}: {facts.help}", "nothing")
        if len(self.problems) > before:
            return INVALID
        try:
            return cls(**given)
        except ValueError as error:
            return self._problem(path, "", "", f"{error}.".replace("..", "."))
        except NO_FAULT:
            raise
        except BaseException as error:
            if not issubclass(cls, Component):
                raise
            what, line = f"The {named(cls)} failed to check its options", own_line(error, cls.__module__)
            hint = "Report this to the plugin's author: only a ValueError means that the options are wrong."
            return self._problem(path, "", "", str(plugin_error(what, error, line, hint)))

    def _unknown_key(self, key: str, cls: type, path: ValuePath) -> None:
        known = [option_key(attribute) for attribute in attrs.fields(cls)]
        owner = f"{cls.kind} {cls.name!r}" if issubclass(cls, Component) else f"[{path[-2]}]" if path[1:] else "a study"
        hint = did_you_mean(str(key), known).strip() or f"Known: {listing(known) or 'no options'}."
        self._problem(path, f"an option of {owner}", repr(shortened(str(key))), hint)

    def _check_bounds(self, value: Any, facts: OptionFacts, path: ValuePath) -> None:
        if isinstance(value, list):
            for index, item in enumerate(value):
                self._check_bounds(item, facts, (*path, index))
        elif type(value) in (int, float) and not (math.isfinite(value) and facts.allows(value)):
            what = "a number" if math.isfinite(value) else "a finite number"
            limits = " ".join(part for part in (what, facts.bounds(), facts.unit) if part)
            self._problem(path, limits, shown(value))


@cache
def _hints(cls: type) -> Mapping[str, Any]:
    return typing.get_type_hints(cls)


def plain(value: Any, folder: Path, *, identity_only: bool = False, paths: bool = True) -> Any:
    """A value of a study as plain TOML values, including defaults; paths are relative to `folder`.

    `identity_only` omits options that can't change a run's numbers; without `paths`, those that are paths, too.
    """
    if attrs.has(type(value)):
        table: dict[str, Any] = {USE: value.name} if isinstance(value, Component) else {}
        for attribute in own_first(type(value)):
            item, facts = getattr(value, attribute.name), attribute.metadata[OPTION]
            if item is None or (facts.omit_if_default and item is attribute.default):  # not ==: one that is set stays
                continue
            if (identity_only and not facts.identity) or (not paths and isinstance(item, Path)):
                continue
            table[option_key(attribute)] = plain(item, folder, identity_only=identity_only, paths=paths)
        return table
    if isinstance(value, tuple):
        items = (item for item in value if paths or not isinstance(item, Path))
        return [plain(item, folder, identity_only=identity_only, paths=paths) for item in items]
    if isinstance(value, Path):
        return Path(os.path.relpath(value, folder)).as_posix()
    return value
