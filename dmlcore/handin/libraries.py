"""The packages of `dmlcore[handin]`, and those that a notebook has to install."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping
from importlib.util import find_spec

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, is_normalized_name

from dmlcore import __version__
from dmlcore.errors import DmlcoreError
from dmlcore.text import listing

DMLCORE = "dmlcore"
NOTEBOOK_LIBRARIES = ("nbformat", "nbclient", "ipykernel", "pypandoc")
"""Modules needed to write, execute and print notebooks."""


def need(modules: Iterable[str] = NOTEBOOK_LIBRARIES) -> None:
    """Raises DmlcoreError with the command to install if one of the modules is missing."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise DmlcoreError(
            f"Notebooks need packages that are not installed: {listing(missing)}. Install them:\n"
            "    pip install 'dmlcore[handin]'"
        )


def requirements(versions: Mapping[str, str]) -> list[str]:
    """Requirements, for pip, of runs with these distributions: dmlcore with its extras, and other plugins."""
    wanted = {name for name in map(canonicalize_name, versions) if is_normalized_name(name)} - {DMLCORE}
    own = [(canonicalize_name(requirement.name), _extra(requirement)) for requirement in _requirements(DMLCORE)]
    installed = {name for name, extra in own if extra != "dev"}
    extras = sorted({extra for name, extra in own if extra and extra != "dev" and name in wanted})
    suffix = f"[{','.join(extras)}]" if extras else ""
    return [f"{DMLCORE}{suffix}=={__version__}", *sorted(wanted - installed)]


def distributions(roots: Iterable[str]) -> dict[str, str]:
    """Distribution → version, of the roots and all of their installed requirements."""
    found: dict[str, str] = {}
    pending = list(roots)
    while pending:
        name = canonicalize_name(pending.pop())
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        pending += [r.name for r in _requirements(name) if r.marker is None or r.marker.evaluate({"extra": ""})]
    return dict(sorted(found.items()))


def _requirements(distribution: str) -> list[Requirement]:
    return [Requirement(text) for text in importlib.metadata.requires(distribution) or ()]


def _extra(requirement: Requirement) -> str | None:
    """The extra that requires it; None if it is always required."""
    if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
        return None
    names = importlib.metadata.metadata(DMLCORE).get_all("Provides-Extra") or ()
    return next((name for name in names if requirement.marker.evaluate({"extra": name})), None)
