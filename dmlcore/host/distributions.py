"""Installed distributions with plugins: where each is installed, which dmlcore it needs, and which are disabled."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, entry_points, version
from urllib.parse import unquote, urlparse

from attrs import frozen
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from dmlcore import __version__
from dmlcore.api.hookspecs import GROUP

DISABLED = "DMLCORE_DISABLE_PLUGINS"
"""Environment variable with the keys of plugins to disable, separated by commas."""

BUILT_IN = "built-in"


@frozen
class PluginSource:
    """Where a plugin comes from."""

    distribution: str
    version: str
    entry_point: str
    origin: str = "installed"
    """How it was installed: "built-in", "installed", or "installed" or "editable" followed by a path or URL."""

    @property
    def key(self) -> str:
        return f"{self.distribution}:{self.entry_point}"

    def is_meant_by(self, key: str) -> bool:
        """Whether a key, "distribution" or "distribution:entry_point", names this plugin."""
        distribution, _, entry_point = key.partition(":")
        same = canonicalize_name(distribution.strip()) == canonicalize_name(self.distribution)
        return same and entry_point.strip() in ("", self.entry_point)


@frozen
class InstalledPlugin:
    """An installed plugin, loaded or not."""

    source: PluginSource
    entry_point: EntryPoint
    unfit: str
    """Why this dmlcore can't use it; empty if it can."""


def installed_plugins() -> list[InstalledPlugin]:
    """All plugins of the entry-point group, sorted by key, without loading them."""
    distributions: dict[Distribution | None, list[EntryPoint]] = {}
    for entry_point in entry_points(group=GROUP):
        distributions.setdefault(entry_point.dist, []).append(entry_point)
    found = [plugin for distribution, points in distributions.items() for plugin in _plugins(distribution, points)]
    return sorted(found, key=lambda plugin: plugin.source.key)


def installed_version(distribution: str) -> str | None:
    """The version of an installed distribution; None if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def disabled_by_environment() -> dict[str, str]:
    """Map each key disabled by `--disable-plugin` or the environment to a description of what disables it."""
    keys = (key.strip() for key in os.environ.get(DISABLED, "").split(","))
    return {key: f"--disable-plugin or {DISABLED}" for key in keys if key}


@contextmanager
def disabling(keys: Sequence[str]) -> Iterator[None]:
    """Disable more plugins inside the block, in this process and in those it starts."""
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
    """The plugin that defines a class, or None.

    The first match wins: an entry point with the class's module, one with the same top-level package, a distribution
    that contains this package.
    """
    plugins, top = installed_plugins(), cls.__module__.partition(".")[0]
    exact = [plugin for plugin in plugins if plugin.entry_point.module == cls.__module__]
    near = exact or [plugin for plugin in plugins if plugin.entry_point.module.partition(".")[0] == top]
    if not near:
        first = {plugin.entry_point.dist: plugin for plugin in reversed(plugins)}
        near = [plugin for distribution, plugin in first.items() if top in _packages(distribution)]
    return near[0].source if near else None


def _packages(distribution: Distribution | None) -> frozenset[str]:
    """Names of the top-level packages and modules of a distribution."""
    files = (distribution.files if distribution else None) or ()
    return frozenset(file.parts[0].removesuffix(".py") for file in files)


def _plugins(distribution: Distribution | None, points: Sequence[EntryPoint]) -> Iterator[InstalledPlugin]:
    if distribution is None:
        for point in points:
            yield InstalledPlugin(PluginSource("unknown", "unknown", point.name), point, "")
        return
    metadata = distribution.metadata  # parsed at each access
    name = metadata["Name"]
    origin, unfit = _origin(distribution, name), _unfit(name, metadata.get_all("Requires-Dist") or [])
    for point in points:
        yield InstalledPlugin(PluginSource(name, metadata["Version"], point.name, origin), point, unfit)


def _origin(distribution: Distribution, name: str) -> str:
    """Read direct_url.json, which pip writes (PEP 610) for installs from elsewhere than an index."""
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
    """Why this dmlcore does not meet a distribution's requirements; empty if it does."""
    for text in requirements:
        try:
            needed = Requirement(text)
        except InvalidRequirement:
            continue  # pip reports it
        applies = needed.marker is None or needed.marker.evaluate({"extra": ""})
        ours = canonicalize_name(needed.name) == GROUP and applies
        if ours and not needed.specifier.contains(__version__, prereleases=True):
            return (
                f"requires dmlcore {needed.specifier}, but dmlcore {__version__} is installed:"
                f' pip install -U {name}, or pip install "dmlcore{needed.specifier}"'
            )
    return ""
