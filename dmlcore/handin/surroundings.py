"""What the results were made with: Python, platform, and the distributions that matter."""

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
    """Writes environment.json, and as a list that pip reads, environment.txt."""
    made_with = {material.name: _made_with(material) for material in materials}
    named = {name for runs in made_with.values() for run in runs for name in run["versions"]}
    installed = distributions([DMLCORE, *named])
    facts = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "distributions": installed,
        "runs": made_with,
    }
    (folder / "environment.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = [
        f"# Python {platform.python_version()} ({sys.implementation.name}) on {platform.platform()}",
        *(f"{name}=={version}" for name, version in installed.items()),
    ]
    (folder / "environment.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _made_with(material: StudyMaterial) -> list[dict[str, Any]]:
    """The distinct versions and machines that a study's runs were made with, each with its number of runs."""
    distinct: dict[str, dict[str, Any]] = {}
    for result in material.results:
        facts = {"versions": dict(result.versions), "environment": dict(result.environment)}
        key = json.dumps(facts, sort_keys=True)
        distinct.setdefault(key, {"count": 0, **facts})["count"] += 1
    return list(distinct.values())
