"""The environment of the results: Python, platform and packages."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dmlcore.handin.libraries import DMLCORE, distributions
from dmlcore.report.content.material import StudyMaterial


def write_environment(materials: Sequence[StudyMaterial], folder: Path) -> None:
    """Write environment.json, and environment.txt in the format of pip."""
    runs = {material.name: _versions(material) for material in materials}
    named = {name for group in runs.values() for run in group for name in run["versions"]}
    installed = distributions([DMLCORE, *named])
    facts = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "distributions": installed,
        "runs": runs,
    }
    (folder / "environment.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = [
        f"# Python {platform.python_version()} ({sys.implementation.name}) on {platform.platform()}",
        *(f"{name}=={version}" for name, version in installed.items()),
    ]
    (folder / "environment.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _versions(material: StudyMaterial) -> list[dict[str, Any]]:
    """The distinct versions and machines of a study's runs, each with its number of runs."""
    distinct: dict[str, dict[str, Any]] = {}
    for result in material.results:
        facts = {"versions": dict(result.versions), "environment": dict(result.environment)}
        key = json.dumps(facts, sort_keys=True)
        distinct.setdefault(key, {"count": 0, **facts})["count"] += 1
    return list(distinct.values())
