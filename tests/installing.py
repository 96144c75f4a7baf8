"""Distributions that a test makes up, as pip would have installed them."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest


def write_dist_info(site: Path, name: str, version: str, entry_points: Iterable[str]) -> None:
    """Write the folder by which Python knows a distribution and its plugins, each a line of `entry_points`."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text("\n".join(["[dmlcore]", *entry_points]))


def install_project(folder: Path, site: Path) -> None:
    """Write the metadata of the project in a folder, which must be on the path itself, as `pip install -e` has it."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entry_points = [f"{name} = {module}" for name, module in project["entry-points"]["dmlcore"].items()]
    write_dist_info(site, project["name"], project["version"], entry_points)


def forget_at_the_end(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the end of the test forget a module that it imports."""
    monkeypatch.setitem(sys.modules, module, None)  # type: ignore[arg-type]
    del sys.modules[module]
