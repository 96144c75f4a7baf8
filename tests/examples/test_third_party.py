"""Third parties' packages, as their users meet them: installed, used and uninstalled."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from conftest import Command
from installing import forget_at_the_end, install_project
from running import invoke, python

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@frozen
class Example:
    """A package under docs/examples, and what is seen of it."""

    component: str
    kind: str
    described: str
    """A line of `dmlcore describe`."""

    @property
    def distribution(self) -> str:
        return f"dmlcore-{self.component.replace('_', '-')}"

    @property
    def folder(self) -> Path:
        return EXAMPLES / self.distribution

    @property
    def study(self) -> str:
        return str(self.folder / "studies" / f"{self.component}.toml")


ALL = (
    Example("angular", "loss", "alpha = 40"),
    Example("hard_classes", "sampler", "random_share = 0.5"),
    Example("confusion", "evaluator", "named_pairs = 3"),
)
SHORT = (
    ("dataset.classes", 40),
    ("dataset.images_per_class", 10),
    ("transforms.size", 32),
    ("training.epochs", 2),
    ("training.max_steps", 2),
    ("training.workers", 0),
    ("evaluation.max_images", 200),
)
"""Two short epochs: what `--smoke` does, but for the second, which a sampler may need to see the first."""


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == {example.distribution for example in ALL}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the first example's wheel, built from its sources."""
    folder = tmp_path_factory.mktemp("wheels")
    python("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, ALL[0].folder)
    return folder


def test_their_own_tests_pass() -> None:
    options = ["-q", "-p", "no:cacheprovider", "-W", "error", "--import-mode=importlib"]
    tests = [example.folder / "tests" for example in ALL]
    python("-m", "pytest", *options, *tests, cwd=EXAMPLES, path=[example.folder for example in ALL])


@pytest.mark.parametrize("example", ALL[1:], ids=lambda example: example.component)
def test_listed_described_and_run(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    install_project(example.folder, site)
    forget_at_the_end(example.distribution.replace("-", "_"), monkeypatch)
    for place in (site, example.folder):
        monkeypatch.syspath_prepend(str(place))
    used(example, invoke, tmp_path)


def test_installed_used_and_uninstalled(wheel: Path, in_fresh_environment: Command, tmp_path: Path) -> None:
    """One example by pip itself, in an environment of its own."""
    example, run = ALL[0], in_fresh_environment
    run("pip", "install", "--no-deps", "--no-index", f"--find-links={wheel}", example.distribution)
    used(example, lambda *arguments: run("dmlcore", *arguments), tmp_path)

    run("pip", "uninstall", "--yes", example.distribution)
    assert example.distribution not in run("dmlcore", "list-plugins").stdout
    error = run("dmlcore", "check", example.study, code=2).stderr
    kind = f"{'an' if example.kind[0] in 'aeiou' else 'a'} {example.kind}"
    assert f'"{example.component}"' in error
    assert f"no installed plugin offers {kind} named {example.component!r}." in error


def used(example: Example, dmlcore: Callable[..., Any], folder: Path) -> None:
    """Use an installed example as its README says."""
    name = example.distribution
    line = next(line for line in dmlcore("list-plugins").stdout.splitlines() if name in line)
    assert line.split(maxsplit=3)[:3] == [example.component, name, "1.0.0"]
    assert example.described in dmlcore("describe", example.component).stdout
    short = [word for key, value in SHORT for word in ("--set", f"{key}={value}")]
    assert "trained" in dmlcore("run", example.study, "--runs", str(folder / "runs"), *short).stdout
    result = json.loads(next(folder.rglob("result.json")).read_text())
    assert result["versions"][name] == "1.0.0"
    assert f"{name}/{example.component} 1.0.0" in result["components"].values()
