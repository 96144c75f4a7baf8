"""Third parties' packages, as their users meet them: built, installed beside dmlcore, used, and taken away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import frozen

from conftest import Command

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
    ("training.epochs", 2),
    ("training.max_steps", 2),
    ("evaluation.max_images", 200),
)
"""Two short epochs: what `--smoke` does, but for the second, which a sampler may need to see the first."""

each_example = pytest.mark.parametrize("example", ALL, ids=lambda example: example.component)


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == {example.distribution for example in ALL}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the examples' wheels, built from their sources."""
    folder = tmp_path_factory.mktemp("wheels")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder)]
    sources = [str(example.folder) for example in ALL]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, *sources], check=True, capture_output=True)
    return folder


@each_example
def test_its_own_tests_pass(example: Example) -> None:
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(example.folder / "tests")],
        check=True,
        capture_output=True,
        cwd=example.folder,
        env=os.environ
        | {
            "PYTHONPATH": f"{example.folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )


@each_example
def test_installed_used_and_uninstalled(
    example: Example, wheels: Path, in_fresh_environment: Command, tmp_path: Path
) -> None:
    run, name = in_fresh_environment, example.distribution
    short = [word for key, value in SHORT for word in ("--set", f"{key}={value}")]
    command = ["dmlcore", "run", example.study, "--runs", str(tmp_path), *short]
    run("pip", "install", "--no-deps", "--no-index", f"--find-links={wheels}", name)
    line = next(line for line in run("dmlcore", "list-plugins").stdout.splitlines() if name in line)
    assert line.split(maxsplit=3)[:3] == [example.component, name, "1.0.0"]
    assert example.described in run("dmlcore", "describe", example.component).stdout
    assert "trained" in run(*command).stdout
    result = json.loads(next(tmp_path.rglob("result.json")).read_text())
    assert result["versions"][name] == "1.0.0"
    assert f"{name}/{example.component} 1.0.0" in result["components"].values()

    run("pip", "uninstall", "--yes", name)
    assert name not in run("dmlcore", "list-plugins").stdout
    error = run(*command, code=1).stderr
    kind = f"{'an' if example.kind[0] in 'aeiou' else 'a'} {example.kind}"
    assert f'the name of {kind}\n    got       "{example.component}" (a string)' in error
    assert f"no installed plugin offers {kind} named {example.component!r}." in error
