"""Errors in plugin code, reported in one message that names component, distribution and line."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec

from dmlcore.api.components import Component, parts
from dmlcore.api.drives import failure_of_drive
from dmlcore.errors import DmlcoreError, PluginError
from dmlcore.host.distributions import plugin_of
from dmlcore.text import listing


def named(component: Component | type[Component]) -> str:
    """A component's name in messages: "loss 'wedge' of dmlcore-wedge 1.0"."""
    cls = component if isinstance(component, type) else type(component)
    source = plugin_of(cls)  # type: ignore[arg-type]  # mypy takes a class's __hash__ for its instances'
    return f"{component.kind} {component.name!r}" + (f" of {source.distribution} {source.version}" if source else "")


NO_FAULT = (KeyboardInterrupt, GeneratorExit)
"""Exceptions that are not a plugin's fault, whatever code they pass through: every other one is, also sys.exit()."""

LONGEST_TEXT = 1000
"""Characters of an error's text that a message shows."""


@contextmanager
def faults_of(component: Component, where: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn what the component's code raises inside the block, also SystemExit, into a PluginError that names it.

    `where` is what the component was called for. Errors of dmlcore and those in `passing` are not changed; those of
    a drive become DataErrors. The message names an option of the component instead where the error is in that option's
    own code.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, (*NO_FAULT, DmlcoreError, *passing)):
            raise
        if failure := failure_of_drive(error):
            raise failure from None
        raise fault(component, where, error) from error


def fault(component: Component, where: str, error: BaseException) -> PluginError:
    """The PluginError for what a component's code raised, with the traceback for its author."""
    culprit, line = component, own_line(error, type(component).__module__)
    inner = [part for _, part in parts(component) if isinstance(part, Component)][1:]
    for nested in inner:
        if _package(nested) != _package(component) and (own := own_line(error, _package(nested))):
            culprit, line = nested, own
    others = listing(named(nested) for nested in inner) if culprit is component else ""
    place = f"{where}{f', with the {others}' if others else ''}"
    hint = f"Report this to the plugin's author, or use another {culprit.kind}."
    return plugin_error(f"The {named(culprit)} failed in {place}", error, line, hint)


def plugin_error(what: str, error: BaseException, line: str, hint: str) -> PluginError:
    """The PluginError that says in one line what failed, with which error, and at which line of the plugin's code."""
    failure = PluginError(f"{what}: {error_text(error)}{f' ({line})' if line else ''}. {hint}")
    failure.traceback = "".join(traceback.format_exception(error))
    return failure


def error_text(error: BaseException) -> str:
    """Type and text of an error in one line: "ValueError: negative", "SystemExit: 3"."""
    try:
        text = " ".join(str(error).split())
    except Exception as again:  # of the plugin's own class of errors
        text = f"its text can't be shown ({type(again).__name__})"
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]} …"
    return f"{type(error).__name__}: {text}".removesuffix(": ")


def traceback_of(error: PluginError) -> str:
    """The traceback of a component's code, for its author; empty where it raised nothing."""
    cause = error.__cause__
    return error.traceback or ("".join(traceback.format_exception(cause)) if cause else "")


def own_line(error: BaseException, module: str) -> str:
    """ "dmlcore_wedge.py, line 17": the innermost frame in a module's top-level package; empty if there is none."""
    package, spec = module.partition(".")[0], None
    with suppress(ValueError, ImportError):
        spec = find_spec(package)
    if spec is None:
        return ""
    folders = [f"{folder}{os.sep}" for folder in spec.submodule_search_locations or ()]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        inside = next((folder for folder in folders if frame.filename.startswith(folder)), None)
        if inside or frame.filename == spec.origin:
            parent = os.path.dirname(os.path.dirname(inside) if inside else frame.filename)  # noqa: PTH120
            return f"{os.path.relpath(frame.filename, parent)}, line {frame.lineno}"
    return ""


def _package(component: Component) -> str:
    return type(component).__module__.partition(".")[0]
