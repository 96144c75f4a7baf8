"""Finding and loading the installed plugins. A broken one is listed with the reason; the others still work."""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import re
import sys
import threading
import traceback
import typing
import warnings
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING

import attrs
import pluggy
from attrs import frozen

from dmlcore.api.components import KINDS, OPTION, SCALARS, USE, Component
from dmlcore.api.hookspecs import COMMANDS_HOOK, GROUP, REGISTRATION_HOOKS, RegistrationSpecs
from dmlcore.errors import PluginError, StudyError
from dmlcore.host.distributions import (
    DISABLED,
    InstalledPlugin,
    PluginSource,
    disabled_by_environment,
    installed_plugins,
)
from dmlcore.host.faults import NO_FAULT, error_text, own_line
from dmlcore.host.process_state import state_kept
from dmlcore.host.time_limit import SECONDS, TimeLimitError, plugin_seconds, time_limit
from dmlcore.text import did_you_mean, listing, with_article

if TYPE_CHECKING:
    import click

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[a-z][a-z0-9_]*")

METHODS = {"dataset": "load(self, split)", "evaluator": "evaluate(self, queries, gallery=None)"} | dict.fromkeys(
    ("backbone", "loss", "miner", "distance", "reducer", "regularizer", "sampler"), "build(self, context)"
)
METHODS |= {"observer": "build(self, run)", "section": "build(self, study)"}
"""Kind of component → the method that it must define."""


@frozen
class LoadedPlugin:
    """A plugin that works, and the component classes that it offers."""

    source: PluginSource
    components: tuple[type[Component], ...]
    remarks: tuple[str, ...] = ()
    """Notes for its author: deprecated hooks, output or warnings on import, torch imported."""


@frozen
class FailedPlugin:
    """A plugin that could not be used, and why."""

    source: PluginSource
    reason: str
    traceback: str
    """Empty if nothing was raised."""


@frozen
class DisabledPlugin:
    """A plugin that is disabled, and therefore not loaded; `by` says what disables it."""

    source: PluginSource
    by: str


@frozen
class PluginSet:
    """All installed plugins, sorted by key."""

    loaded: tuple[LoadedPlugin, ...]
    failed: tuple[FailedPlugin, ...]
    disabled: tuple[DisabledPlugin, ...] = ()


def discover(disabled: Mapping[str, str] = MappingProxyType({})) -> PluginSet:
    """Load every plugin of the entry-point group that is not disabled, one by one.

    `disabled` maps keys, "distribution" or "distribution:entry_point", to what disables them; those of the environment
    are added. Raises StudyError if a key of the environment names no installed plugin.
    """
    loaded: list[LoadedPlugin] = []
    failed: list[FailedPlugin] = []
    unwanted: list[DisabledPlugin] = []
    plugins = installed_plugins()
    here = disabled_by_environment()
    _check_keys(here, [plugin.source for plugin in plugins])
    for plugin in plugins:
        by = disabler(plugin.source, {**here, **disabled})
        if by is not None:
            unwanted.append(DisabledPlugin(plugin.source, by))
            continue
        outcome = _load(plugin, loaded)
        (loaded if isinstance(outcome, LoadedPlugin) else failed).append(outcome)  # type: ignore[arg-type]
    return PluginSet(tuple(loaded), tuple(failed), tuple(unwanted))


def disabler(source: PluginSource, disabled: Mapping[str, str]) -> str | None:
    """What disables a plugin, or None."""
    return next((by for key, by in disabled.items() if source.is_meant_by(key)), None)


def _check_keys(disabled: Mapping[str, str], sources: Sequence[PluginSource]) -> None:
    for key, by in disabled.items():
        if not any(source.is_meant_by(key) for source in sources):
            distributions = sorted({source.distribution for source in sources})
            near = did_you_mean(key, [source.key for source in sources] if ":" in key else distributions)
            raise StudyError(
                f"{by}: no plugin {key!r} is installed.{near} Name a plugin as DISTRIBUTION or"
                f" DISTRIBUTION:ENTRY_POINT. Installed distributions: {listing(distributions)}."
            )


def _load(plugin: InstalledPlugin, others: Sequence[LoadedPlugin]) -> LoadedPlugin | FailedPlugin:
    if plugin.unfit:
        return FailedPlugin(plugin.source, plugin.unfit, "")
    _log.debug("loading the plugin %s", plugin.source.key)
    try:
        with _noticing() as remarks, _in_time(plugin):
            components = _components(plugin.entry_point.load(), remarks)
        _check_names(components, plugin.source, others)
    except NO_FAULT:
        raise
    except BaseException as error:
        return FailedPlugin(plugin.source, _reason(error, plugin), traceback.format_exc())
    return LoadedPlugin(plugin.source, components, tuple(remarks))


@contextlib.contextmanager
def _noticing() -> Iterator[list[str]]:
    """Collect what else loading a plugin does, and keep its output from the user's terminal."""
    remarks: list[str] = []
    printed = _Printed()
    without_torch = "torch" not in sys.modules
    threads = set(threading.enumerate())
    with (
        state_kept() as changed,
        warnings.catch_warnings(record=True, action="always") as caught,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
    ):
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)  # as Python does: they are for authors of libraries
        yield remarks
    remarks += [f"warns on import: {warning.message}" for warning in caught]
    if printed.getvalue().strip():
        remarks.append(f"prints on import: {printed.getvalue().strip().splitlines()[0]}")
    if changed:
        remarks.append(f"changes {' and '.join(changed)} on import: this is undone")
    if any(not thread.daemon for thread in set(threading.enumerate()) - threads):
        remarks.append("starts a thread on import, and dmlcore can't end before it: use threading.Thread(daemon=True)")
    if without_torch and "torch" in sys.modules:
        remarks.append("imports torch on import, which slows every command down: import torch inside methods")


class _Printed(io.StringIO):
    """What is printed; a plugin can't close it."""

    def close(self) -> None:
        """Keep it open."""


def _in_time(plugin: InstalledPlugin) -> contextlib.AbstractContextManager[object]:
    """The time limit of loading a plugin."""
    seconds, key = plugin_seconds(), plugin.source.key
    advice = (
        f"Disable it (dmlcore --disable-plugin {key}, the variable {DISABLED}, or [plugins] of a study), or allow more"
        f" time by the variable {SECONDS}"
    )
    return time_limit(
        seconds,
        f"it did not finish loading in {seconds:g} s. {advice}",
        f"The plugin {key} does not finish loading, and can't be stopped. {advice}.",
        plugin.entry_point.module.partition(".")[0],
    )


def _reason(error: BaseException, plugin: InstalledPlugin) -> str:
    """Why a plugin fails, in one line, with the line of its code if there is one."""
    if isinstance(error, PluginError):
        return " ".join(str(error).split())
    reason, line = error_text(error), own_line(error, plugin.entry_point.module)
    if isinstance(error, TimeLimitError):
        return f"{error}{f' ({line})' if line else ''}"
    if line or isinstance(error, SyntaxError):
        return f"{reason} ({line})" if line else reason
    return f"{reason} (entry point: {plugin.entry_point.name} = {plugin.entry_point.value})"


def load_commands(plugin: InstalledPlugin) -> list[click.Command] | FailedPlugin:
    """The commands that a plugin offers, or why it failed."""
    import click

    if plugin.unfit:
        return FailedPlugin(plugin.source, plugin.unfit, "")
    _log.debug("loading the plugin %s", plugin.source.key)
    try:
        with _noticing() as remarks, _in_time(plugin):
            returned = getattr(_hooks(plugin.entry_point.load(), remarks).hook, COMMANDS_HOOK)()
        offered = returned[0] if returned else []
        if not isinstance(offered, list | tuple):
            raise PluginError(f"{COMMANDS_HOOK} must return a list of click commands, not {offered!r}")
        for command in offered:
            if not isinstance(command, click.Command) or not command.name:
                raise PluginError(f"{COMMANDS_HOOK} must return click commands with names, not {command!r}")
    except NO_FAULT:
        raise
    except BaseException as error:
        return FailedPlugin(plugin.source, _reason(error, plugin), traceback.format_exc())
    return list(offered)


def _hooks(plugin: object, remarks: list[str]) -> pluggy.PluginManager:
    """A plugin manager for this plugin alone, so that every error is known to be its error.

    Deprecated hooks are added to `remarks`.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(RegistrationSpecs)
    try:
        with warnings.catch_warnings(record=True, action="always") as deprecated:
            manager.register(plugin)
    except pluggy.PluginValidationError as error:
        name = _hook_in(error)
        raise PluginError(f"{name} takes no arguments: write def {name}()") from None
    remarks += [f"deprecated: {warning.message}" for warning in deprecated]
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        name = _hook_in(error)
        near = get_close_matches(name, [*REGISTRATION_HOOKS.values(), COMMANDS_HOOK], n=1)
        raise PluginError(f"there is no hook {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")) from None
    return manager


def _hook_in(error: pluggy.PluginValidationError) -> str:
    """The name of the hook in a message of pluggy, or the whole message."""
    hook = re.search(r"hook '(\w+)'", str(error))
    return hook[1] if hook else str(error)


def _components(plugin: object, remarks: list[str]) -> tuple[type[Component], ...]:
    """The classes that a plugin offers."""
    manager = _hooks(plugin, remarks)
    components: list[type[Component]] = []
    for kind, name in REGISTRATION_HOOKS.items():
        hook = getattr(manager.hook, name)
        if hook.get_hookimpls():
            components += _offered(name, kind, hook())
    if not components and not getattr(manager.hook, COMMANDS_HOOK).get_hookimpls():
        hooks = listing([*REGISTRATION_HOOKS.values(), COMMANDS_HOOK])
        raise PluginError(f"it offers nothing: mark at least one function by @hookimpl, of {hooks}")
    return tuple(components)


def _offered(hook: str, kind: str, returned: Sequence[object]) -> list[type[Component]]:
    """Check what the plugin's hook returned; pluggy drops None."""
    offered = returned[0] if returned else None
    if not isinstance(offered, list | tuple):
        raise PluginError(f"{hook} must return a list of subclasses of {KINDS[kind].__name__}, not {offered!r}")
    for component in offered:
        check_component(component, kind)
    return list(offered)


def _check_names(components: Sequence[type[Component]], source: PluginSource, others: Sequence[LoadedPlugin]) -> None:
    """Raise PluginError if the distribution offers a name of a kind twice."""
    taken = {
        (component.kind, component.name): f"by {plugin.source.key}"
        for plugin in others
        if plugin.source.distribution == source.distribution
        for component in plugin.components
    }
    for component in components:
        if (component.kind, component.name) in taken:
            raise PluginError(
                f"{with_article(component.kind)} named {component.name!r} is already offered"
                f" {taken[component.kind, component.name]}: a distribution can offer a name only once per kind"
            )
        taken[component.kind, component.name] = f"as {component.__module__}.{component.__qualname__}"


def check_component(component: object, kind: str) -> None:
    """Raise PluginError if an offered class is not a valid component of the kind."""
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
        raise PluginError(f"{title} needs a docstring: `dmlcore list-plugins` shows its first line")
    method = METHODS[kind].partition("(")[0]
    if getattr(component, method) is getattr(base, method):
        raise PluginError(f"{title} must define `{METHODS[kind]}`")
    libraries = component.libraries
    if not isinstance(libraries, tuple) or not all(isinstance(library, str) for library in libraries):
        raise PluginError(f"{title}.libraries must be a tuple of distribution names, not {libraries!r}")
    try:
        hints = typing.get_type_hints(component)
    except Exception as error:
        raise PluginError(f"{title}: the type of an option can't be resolved: {error}") from None
    reserved = {USE, *(name for name in dir(base) if not name.startswith("_"))}
    for attribute in attrs.fields(component):
        if attribute.name in reserved:
            raise PluginError(f"{title}.{attribute.name}: this name is reserved by dmlcore; rename the option")
        if OPTION not in attribute.metadata:
            raise PluginError(f"{title}.{attribute.name} must be defined by dmlcore.option(), with a help text")
        if not is_option_type(hints[attribute.name]):
            raise PluginError(f"{title}.{attribute.name}: {hints[attribute.name]} is not a supported option type")


def is_option_type(annotation: object) -> bool:
    """Whether an option can have this type; see `dmlcore.option`."""
    if annotation in SCALARS or annotation is NoneType or typing.get_origin(annotation) is typing.Literal:
        return True
    if inspect.isclass(annotation) and attrs.has(annotation):
        return annotation in KINDS.values() or _is_table(annotation)
    return bool(typing.get_args(annotation)) and all(
        argument is Ellipsis or is_option_type(argument) for argument in typing.get_args(annotation)
    )


def _is_table(cls: type[attrs.AttrsInstance]) -> bool:
    """Whether a class has options only, so that a study can write it as a table."""
    hints = typing.get_type_hints(cls)
    return not issubclass(cls, Component) and all(
        OPTION in attribute.metadata and is_option_type(hints[attribute.name]) for attribute in attrs.fields(cls)
    )
