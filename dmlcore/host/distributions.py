"""The distributions that plugins come in: where each lies, which dmlcore it is made for, and which are disabled."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from urllib.parse import unquote, urlparse

from attrs import frozen

from dmlcore import __version__
from dmlcore.api.hookspecs import GROUP

DISABLED = "DMLCORE_DISABLE_PLUGINS"
"""The environment variable that names plugins not to load, separated by commas."""

BUILT_IN = "built-in"
_OUR_NAME = re.compile(r"dmlcore(?![\w.-])", re.IGNORECASE)


@frozen
class PluginSource:
    """Where a plugin comes from."""

    distribution: str
    version: str
    entry_point: str
    origin: str = "installed"
    """How its distribution came here: "built-in", "installed", or either "installed" or "editable" with its address."""

    @property
    def key(self) -> str:
        return f"{self.distribution}:{self.entry_point}"

    def is_meant_by(self, key: str) -> bool:
        """Whether a key, "distribution" or "distribution:entry_point", names this plugin."""
        distribution, _, entry_point = key.strip().partition(":")
        return _alike(distribution) == _alike(self.distribution) and entry_point in ("", self.entry_point)


@frozen
class InstalledPlugin:
    """A plugin that is installed, loaded or not."""

    source: PluginSource
    entry_point: EntryPoint
    unfit: str
    """Why this dmlcore can't use its distribution; empty: it can."""


def installed_plugins() -> list[InstalledPlugin]:
    """Every plugin under the entry-point group, by key; none is loaded."""
    distributions: dict[Distribution | None, list[EntryPoint]] = {}
    for entry_point in entry_points(group=GROUP):
        distributions.setdefault(entry_point.dist, []).append(entry_point)
    found = [plugin for distribution, points in distributions.items() for plugin in _plugins(distribution, points)]
    return sorted(found, key=lambda plugin: plugin.source.key)


def disabled_by_environment() -> dict[str, str]:
    """The keys that `--disable-plugin` and the environment disable → by what."""
    keys = (key.strip() for key in os.environ.get(DISABLED, "").split(","))
    return {key: f"--disable-plugin or {DISABLED}" for key in keys if key}


@contextmanager
def disabling(keys: Sequence[str]) -> Iterator[None]:
    """Disables more plugins, here and in processes that are started, while the block lasts."""
    before = os.environ.get(DISABLED)
    os.environ[DISABLED] = ",".join([*([before] if before else []), *keys])
    try:
        yield
    finally:
        os.environ.pop(DISABLED)
        if before is not None:
            os.environ[DISABLED] = before


@cache
def plugin_of(cls: type) -> PluginSource | None:
    """The plugin that a class is of; None where it is of none.

    It is told by the module that the class is defined in: that of an entry point, else one of the same top-level
    package, else one of a distribution that has this package among its files.
    """
    plugins, top = installed_plugins(), cls.__module__.partition(".")[0]
    exact = [plugin for plugin in plugins if plugin.entry_point.module == cls.__module__]
    near = exact or [plugin for plugin in plugins if plugin.entry_point.module.partition(".")[0] == top]
    if not near:
        first = {plugin.entry_point.dist: plugin for plugin in reversed(plugins)}
        near = [plugin for distribution, plugin in first.items() if top in _packages(distribution)]
    return near[0].source if near else None


def _packages(distribution: Distribution | None) -> frozenset[str]:
    """The names of the top-level packages and modules of a distribution."""
    files = (distribution.files if distribution else None) or ()
    return frozenset(file.parts[0].removesuffix(".py") for file in files)


def _plugins(distribution: Distribution | None, points: Sequence[EntryPoint]) -> Iterator[InstalledPlugin]:
    if distribution is None:
        for point in points:
            yield InstalledPlugin(PluginSource("unknown", "unknown", point.name), point, "")
        return
    metadata = distribution.metadata  # parsed anew each time it is asked for
    name, version = metadata["Name"], metadata["Version"]
    origin, unfit = _origin(distribution, name), _unfit(name, metadata.get_all("Requires-Dist") or [])
    for point in points:
        yield InstalledPlugin(PluginSource(name, version, point.name, origin), point, unfit)


def _origin(distribution: Distribution, name: str) -> str:
    """By the direct_url.json that pip writes (PEP 610) for what does not come from an index."""
    if name == GROUP:
        return BUILT_IN
    text = distribution.read_text("direct_url.json")
    facts: Mapping[str, object] = json.loads(text) if text else {}
    address = urlparse(str(facts.get("url", "")))
    place = unquote(address.path) if address.scheme == "file" else address.geturl()
    folder = facts.get("dir_info")
    editable = isinstance(folder, Mapping) and folder.get("editable")
    return " ".join(word for word in ("editable" if editable else "installed", place) if word)


def _unfit(name: str, requirements: Sequence[str]) -> str:
    """Why a distribution with these requirements is not for this dmlcore; empty where it is."""
    for text in requirements:
        if not _OUR_NAME.match(text):
            continue
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            return f"its metadata asks for {text!r}, which is no requirement: reinstall it"
        applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if applies and not wanted.specifier.contains(__version__, prereleases=True):
            return (
                f"made for dmlcore {wanted.specifier}, and this is dmlcore {__version__}:"
                f' pip install -U {name}, or pip install "dmlcore{wanted.specifier}"'
            )
    return ""


def _alike(name: str) -> str:
    """A distribution's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
