"""Finds the installed plugins. One that is broken is listed with the reason; the others work all the same."""

from __future__ import annotations

import importlib.metadata
import inspect
import re
import traceback
import typing
from collections.abc import Iterable
from types import NoneType

import attrs
import pluggy
from attrs import frozen

from dmlcore.components import KINDS, OPTION, SCALARS, USE, Component
from dmlcore.errors import PluginError
from dmlcore.hookspecs import GROUP, REGISTRATION_HOOKS, RegistrationSpecs

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@frozen
class PluginSource:
    """Where a plugin comes from."""

    distribution: str
    version: str
    entry_point: str

    @property
    def key(self) -> str:
        return f"{self.distribution}:{self.entry_point}"


@frozen
class LoadedPlugin:
    """A plugin that works, and the component classes that it offers."""

    source: PluginSource
    components: tuple[type[Component], ...]


@frozen
class FailedPlugin:
    """A plugin that could not be used, and why."""

    source: PluginSource
    reason: str
    traceback: str


@frozen
class PluginSet:
    """All installed plugins, in the order of their keys."""

    loaded: tuple[LoadedPlugin, ...]
    failed: tuple[FailedPlugin, ...]


def discover() -> PluginSet:
    """Loads every plugin under the entry-point group, each on its own."""
    loaded: list[LoadedPlugin] = []
    failed: list[FailedPlugin] = []
    for source, entry_point in sorted(_entry_points(), key=lambda pair: pair[0].key):
        try:
            loaded.append(LoadedPlugin(source, _components(entry_point.load())))
        except (Exception, SystemExit) as error:
            failed.append(FailedPlugin(source, _reason(error), traceback.format_exc()))
    return PluginSet(tuple(loaded), tuple(failed))


def _entry_points() -> Iterable[tuple[PluginSource, importlib.metadata.EntryPoint]]:
    for entry_point in importlib.metadata.entry_points(group=GROUP):
        distribution = entry_point.dist
        if distribution is None:
            yield PluginSource("unknown", "unknown", entry_point.name), entry_point
        else:
            yield PluginSource(distribution.name, distribution.version, entry_point.name), entry_point


def _reason(error: BaseException) -> str:
    text = str(error).strip()
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}".rstrip(": ")


def _components(plugin: object) -> tuple[type[Component], ...]:
    """The classes that a plugin offers. A manager of its own lets every fault be blamed on this plugin."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(RegistrationSpecs)
    manager.register(plugin)
    _check_hooks(manager)
    components: list[type[Component]] = []
    for kind, hook in REGISTRATION_HOOKS.items():
        for offered in getattr(manager.hook, hook)():
            for component in offered:
                check_component(component, kind)
                components.append(component)
    if not components:
        hooks = ", ".join(REGISTRATION_HOOKS.values())
        raise PluginError(f"it offers no component: none of its functions is a @hookimpl of {hooks}")
    return tuple(components)


def _check_hooks(manager: pluggy.PluginManager) -> None:
    from difflib import get_close_matches

    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        unknown = re.search(r"unknown hook '(\w+)'", str(error))
        name = unknown[1] if unknown else str(error)
        near = get_close_matches(name, REGISTRATION_HOOKS.values(), n=1)
        raise PluginError(f"there is no hook {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")) from None


def check_component(component: object, kind: str) -> None:
    """Raises PluginError where an offered class is no well-made component of the kind."""
    base, hook = KINDS[kind], REGISTRATION_HOOKS[kind]
    if not inspect.isclass(component) or not issubclass(component, base):
        raise PluginError(f"{hook} must return subclasses of {base.__name__}, not {component!r}")
    title = f"{component.__module__}.{component.__qualname__}"
    if "__attrs_attrs__" not in vars(component):
        raise PluginError(f"{title} must be an attrs class: decorate it with @attrs.frozen")
    name = vars(component).get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PluginError(f'{title} needs a class attribute `name = "lower_snake"`, not {name!r}')
    if not (vars(component).get("__doc__") or "").strip():
        raise PluginError(f"{title} needs a docstring: its first line is what `dmlcore list-plugins` shows")
    try:
        hints = typing.get_type_hints(component)
    except NameError as error:
        raise PluginError(f"{title}: the type of an option can't be resolved: {error}") from None
    reserved = {USE, *(name for name in dir(base) if not name.startswith("_"))}
    for attribute in attrs.fields(component):
        if attribute.name in reserved:
            raise PluginError(f"{title}.{attribute.name}: an option can't have this name, which dmlcore itself uses")
        if OPTION not in attribute.metadata:
            raise PluginError(f"{title}.{attribute.name} must be made by dmlcore.option(), with a help text")
        if not is_option_type(hints[attribute.name]):
            raise PluginError(f"{title}.{attribute.name}: {hints[attribute.name]} is no type that a study can write")


def is_option_type(annotation: object) -> bool:
    """Whether a study file can give a value of this type; see `dmlcore.option`."""
    if annotation in SCALARS or annotation is NoneType or typing.get_origin(annotation) is typing.Literal:
        return True
    if inspect.isclass(annotation) and attrs.has(annotation):
        return annotation in KINDS.values() or _is_table(annotation)
    return bool(typing.get_args(annotation)) and all(
        argument is Ellipsis or is_option_type(argument) for argument in typing.get_args(annotation)
    )


def _is_table(cls: type[attrs.AttrsInstance]) -> bool:
    """Whether a class is made of options alone, so that a study can write it as a table."""
    hints = typing.get_type_hints(cls)
    return not issubclass(cls, Component) and all(
        OPTION in attribute.metadata and is_option_type(hints[attribute.name]) for attribute in attrs.fields(cls)
    )
