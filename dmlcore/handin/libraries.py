"""The packages of `dmlcore[handin]`, and what else a notebook has to install."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping
from importlib.util import find_spec

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dmlcore import __version__
from dmlcore.errors import DmlcoreError
from dmlcore.text import listing

DMLCORE = "dmlcore"
NOTEBOOK_LIBRARIES = ("nbformat", "nbclient", "ipykernel", "pypandoc")
"""Modules that writing, executing and printing notebooks needs."""


def need(modules: Iterable[str] = NOTEBOOK_LIBRARIES) -> None:
    """Raises DmlcoreError, with what to install, where one of the modules is missing."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise DmlcoreError(
            f"Notebooks need what is not installed here: {listing(missing)}.\n    pip install 'dmlcore[handin]'"
        )


def requirements(versions: Mapping[str, str]) -> list[str]:
    """What pip has to install for runs with these distributions: dmlcore with its extras, and others' plugins."""
    wanted = {canonicalize_name(name) for name in versions} - {DMLCORE}
    plain: set[str] = set()
    extras: set[str] = set()
    for requirement in _requirements(DMLCORE):
        name = canonicalize_name(requirement.name)
        extra = _extra(requirement)
        if extra is None:
            plain.add(name)
        elif name in wanted and extra != "dev":
            extras.add(extra)
            plain.add(name)
    wished = f"[{','.join(sorted(extras))}]" if extras else ""
    return [f"{DMLCORE}{wished}=={__version__}", *sorted(wanted - plain)]


def distributions(roots: Iterable[str]) -> dict[str, str]:
    """Distribution → version, of the roots and all that they require and is installed."""
    found: dict[str, str] = {}
    ahead = list(roots)
    while ahead:
        name = canonicalize_name(ahead.pop())
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        ahead += [r.name for r in _requirements(name) if r.marker is None or r.marker.evaluate({"extra": ""})]
    return dict(sorted(found.items()))


def _requirements(distribution: str) -> list[Requirement]:
    return [Requirement(text) for text in importlib.metadata.requires(distribution) or ()]


def _extra(requirement: Requirement) -> str | None:
    """The extra that asks for it; None where it is always required."""
    if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
        return None
    names = importlib.metadata.metadata(DMLCORE).get_all("Provides-Extra") or ()
    return next((name for name in names if requirement.marker.evaluate({"extra": name})), None)
