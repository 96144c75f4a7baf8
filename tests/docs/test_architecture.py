"""The page on the architecture names every package, and no path that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TREE = PAGE.split("```")[1]
DESCRIPTIONS = 26
"""The column of the tree at which descriptions start."""

TASKS = (
    "how ties count in Recall@K",
    "the message for a misspelt option",
    "a column of the results table",
    "the colors of figures",
    "gradient clipping",
    "semi-hard mining",
    "when a checkpoint is written",
    "what happens when a plugin fails to import",
    "k-means for NMI",
    "the options of `dmlcore metrics`",
    "add a loss",
    "add a report section",
    "add a mirror",
)


def paths_in_tree() -> Iterator[Path]:
    """Each path of the drawn tree, by its indentation."""
    parents: list[str] = []
    for line in TREE.strip().splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        for name in line[:DESCRIPTIONS].split():
            parents[depth:] = [name]
            yield Path(*parents)


def paths_in_text() -> list[str]:
    return re.findall(r"`([\w./]+/[\w./]+)`", PAGE)


def test_every_path_exists() -> None:
    named = [*paths_in_text(), *map(str, paths_in_tree())]
    assert len(named) > 50
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_package_is_in_the_tree() -> None:
    packages = {path.parent for folder in ("dmlcore", "plugins") for path in (ROOT / folder).rglob("*/__init__.py")}
    assert {path.relative_to(ROOT) for path in packages} <= set(paths_in_tree())


@pytest.mark.parametrize("task", TASKS)
def test_where_to_change_it(task: str) -> None:
    (row,) = re.findall(rf"^\| {re.escape(task)} \| (.*) \|$", PAGE, re.MULTILINE)
    assert re.search(r"`(?:dmlcore|plugins)/[\w./]+`", row)


def test_it_is_short() -> None:
    assert len(PAGE.splitlines()) <= 130
