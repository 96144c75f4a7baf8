"""The identity of a run."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from dmlcore.api.components import Component, parts
from dmlcore.api.stored import canonical_digest
from dmlcore.host.registry import Registry
from dmlcore.study.schema import Study, StudyProbe


def fingerprint(settings: Mapping[str, Any], seed: int, versions: Mapping[str, str]) -> str:
    """The sha256 of settings that can change a run's numbers, its seed and the versions."""
    return canonical_digest({"settings": settings, "seed": seed, "versions": dict(versions)})


def probe_fingerprint(probe: StudyProbe, of_run: str | None = None) -> str:
    """The sha256 of a probe's run and table; `of_run` is used instead of the fingerprint of its run."""
    settings = {"run": of_run or probe.run.fingerprint, "probe": attrs.asdict(probe.table)}
    return fingerprint(settings, probe.run.seed, probe.run.versions)


def version_of(distribution: str) -> str:
    """The version of a distribution, or "not installed"."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def versions_of(study: Study, registry: Registry, version: Callable[[str], str] = version_of) -> dict[str, str]:
    """Distribution → version, of torch, torchvision, and the distributions and `libraries` of the study's components.

    Components in options that can't change numbers, such as observers, are ignored. `version` returns the version of a
    distribution.
    """
    versions = {name: version(name) for name in ("torch", "torchvision")}
    for _, part in parts(study, identity_only=True):
        if isinstance(part, Component):
            source = registry.offer_of(part).source
            versions[source.distribution] = source.version
            versions |= {name: version(name) for name in part.libraries}
    return dict(sorted(versions.items()))


def components_of(study: Study, registry: Registry) -> dict[str, str]:
    """Dotted path → "distribution/name version", of every component of a study, including nested ones."""
    offers = ((at, registry.offer_of(part)) for at, part in parts(study) if isinstance(part, Component))
    return {at: f"{offer.full_name} {offer.source.version}" for at, offer in offers}
