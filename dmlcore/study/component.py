"""A single component from its name and plain values, outside any study file."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs

from dmlcore.api.components import USE, Component, DatasetConfig, option_key
from dmlcore.errors import StudyError
from dmlcore.host.registry import Registry
from dmlcore.study.document import Document, Origin, dotted, parse_override
from dmlcore.study.structure import Structurer, ValuePath, plain
from dmlcore.text import did_you_mean, listing, toml_text

C = TypeVar("C", bound=Component)


def component_from(base: type[C], name: str, values: Mapping[str, Any], registry: Registry, at: ValuePath = ()) -> C:
    """Build a component of the kind `base` from its name and plain TOML values.

    `at` is where `--set` gives the values. Relative paths are relative to the working folder. Raises StudyError with
    every problem.
    """
    structurer = Structurer(registry, lambda _: Path())
    component = structurer.structure({USE: name, **values}, base, at)
    if structurer.problems:
        places = (f"--set {dotted(problem.path)}" if problem.path else name for problem in structurer.problems)
        problems = zip(structurer.problems, places, strict=True)
        raise StudyError("\n\n".join(problem.text(place) for problem, place in problems))
    assert isinstance(component, base)
    return component


def changed_options(component: Component, folder: Path) -> dict[str, Any]:
    """A component's options that are not the defaults, as plain TOML values; paths are relative to `folder`."""
    values: dict[str, Any] = plain(component, folder)
    changed = [a for a in attrs.fields(type(component)) if getattr(component, a.name) not in (a.default, None)]
    return {option_key(attribute): values[option_key(attribute)] for attribute in changed}


def data_check(dataset: DatasetConfig) -> str:
    """The command that checks every image of a data set."""
    options = changed_options(dataset, Path())
    words = (word for key, value in options.items() for word in ("--set", f"{key}={_typed(value)}"))
    return shlex.join(["dmlcore", "data", "check", dataset.name, *words])


def _typed(value: Any) -> str:
    """A value as a user types it: without quotes, if it is a string that can't be taken for anything else."""
    return value if isinstance(value, str) and parse_override(f"value={value}")[1] == value else toml_text(value)


def options_by_component(settings: Sequence[str], names: Collection[str]) -> dict[str, dict[str, Any]]:
    """Parse `--set` texts such as "triplet.margin=0.2" into the values of each named component.

    The name can be omitted where there is only one. Raises StudyError where a text names none of them.
    """
    documents = dict.fromkeys(names, Document())
    for text in settings:
        path, value = parse_override(text)
        if len(path) > 1 and path[0] in documents:
            owner, path = str(path[0]), path[1:]
        elif len(documents) == 1:
            (owner,) = documents
        else:
            raise StudyError(
                f"--set {text}: expected COMPONENT.OPTION=VALUE, where COMPONENT is one of {listing(documents)}."
                f"{did_you_mean(str(path[0]), documents)}"
            )
        documents[owner] = documents[owner].with_value(path, value, Origin(None, path))
    return {name: document.values for name, document in documents.items()}
