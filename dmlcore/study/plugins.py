"""`[plugins]` and `[requires]`: the plugins that a study disables, and the distributions that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from attrs import frozen
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name

from dmlcore import __version__
from dmlcore.api.components import option
from dmlcore.host.describe import shown
from dmlcore.host.distributions import PluginSource, installed_version
from dmlcore.study.document import Document, read_document
from dmlcore.study.structure import Problem

PLUGINS = "plugins"
REQUIRES = "requires"
_DISABLE = (PLUGINS, "disable")


@frozen
class PluginsTable:
    """Installed plugins that this study does not use."""

    disable: tuple[str, ...] = option((), help='plugins to disable, as "distribution" or "distribution:entry_point"')


@frozen
class RequiresTable:
    """Distributions that must be installed, with their versions: "dmlcore-angular" = ">=1.0,<2".

    Versions are written as in a pyproject.toml; an empty string allows any version. They are not part of a run's
    identity: every result records the installed versions.
    """


def disabled_by(document: Document) -> dict[str, str]:
    """Map the keys under `plugins.disable` to a description of what disables them; ignore malformed keys."""
    origin = document.origin(_DISABLE)
    by = f"[plugins] of {origin.file}" if origin.file else "--set plugins.disable"
    return {key: by for key in _keys(document) if isinstance(key, str)}


def disabled_by_all(studies: Sequence[Path], overrides: Sequence[str]) -> dict[str, str]:
    """Map the keys that every one of these studies disables to what disables them."""
    each = [disabled_by(read_document(path, overrides)) for path in studies]
    return {key: by for key, by in (each[0] if each else {}).items() if all(key in other for other in each)}


def unknown_keys(document: Document, sources: Sequence[PluginSource]) -> Iterator[Problem]:
    """Problems of keys that look like misspelt installed plugins; other unknown keys disable nothing here."""
    for index, key in enumerate(_keys(document)):
        if isinstance(key, str) and not any(source.is_meant_by(key) for source in sources):
            hint = _misspelling(key, sources)
            if hint:
                yield Problem((*_DISABLE, index), "an installed plugin", shown(key), hint)


def unmet_requirements(document: Document, sources: Sequence[PluginSource]) -> Iterator[Problem]:
    """Problems of requirements that are not met, with the command to install each."""
    table = document.values.get(REQUIRES, {})
    if not isinstance(table, Mapping):
        yield Problem((REQUIRES,), 'a table, such as dmlcore = ">=0.1"', shown(table))
        return
    for name, versions in table.items():
        problem = _unmet(name, versions, sources)
        if problem is not None:
            yield problem


def _unmet(name: str, versions: Any, sources: Sequence[PluginSource]) -> Problem | None:
    path = (REQUIRES, name)
    if not isinstance(versions, str):
        hint = "Quote a name that contains a dot." if isinstance(versions, Mapping) else ""
        return Problem(path, 'versions, such as ">=1.0,<2"', shown(versions), hint)
    try:
        canonical, wanted = canonicalize_name(name, validate=True), SpecifierSet(versions)
    except (InvalidName, InvalidSpecifier):
        return Problem(path, 'a distribution with versions, such as ">=1.0,<2"', f'"{name}" = "{versions}"')
    command = f'pip install "{name}{versions}"'
    installed = __version__ if canonical == "dmlcore" else installed_version(canonical)
    if installed is None:
        hint = " ".join(part for part in (f"Install it: {command}.", _misspelling(name, sources)) if part)
        return Problem(path, f"{name} {versions}".strip(), "nothing installed by this name", hint)
    if not wanted.contains(installed, prereleases=True):
        return Problem(path, f"{name} {versions}", f"{name} {installed}", f"Install this version: {command}")
    return None


def _misspelling(key: str, sources: Sequence[PluginSource]) -> str:
    """ "Did you mean …?" with a key that differs in a letter or two; names of plugins tend to be similar."""
    known = [source.key if ":" in key else source.distribution for source in sources]
    near = get_close_matches(key, known, n=1, cutoff=0.9)
    return f"Did you mean {near[0]!r}?" if near else ""


def _keys(document: Document) -> Sequence[Any]:
    table = document.values.get(PLUGINS, {})
    keys = table.get("disable", ()) if isinstance(table, Mapping) else ()
    return keys if isinstance(keys, list) else ()
