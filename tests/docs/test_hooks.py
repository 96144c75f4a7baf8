"""The pages of the hooks say what the specs say, and their examples do what is said."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dmlcore.api.hookspecs import COMMANDS_HOOK, REGISTRATION_HOOKS, RegistrationSpecs, RunSpecs
from dmlcore.api.result import Result
from dmlcore.engine.plan.stored import study_material
from dmlcore.engine.runner import Failure, run_study
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.report.render.writing import write_report
from dmlcore.results.store import Store
from dmlcore.study.load import load_study
from running import invoke
from toys import REGISTRY, STUDY

HOOKS = Path(__file__).parents[2] / "docs" / "hooks"
SPECS: Mapping[str, Callable[..., Any]] = {
    name: spec for specs in (RegistrationSpecs, RunSpecs) for name, spec in vars(specs).items() if "dmlcore_" in name
}
STUDIES = [name for name in SPECS if name != COMMANDS_HOOK]


def page(name: str) -> str:
    return (HOOKS / f"{name}.md").read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page(name), re.MULTILINE | re.DOTALL)


def example(name: str) -> str:
    return blocks(name, "python")[1]


def arguments(name: str) -> list[inspect.Parameter]:
    return list(inspect.signature(SPECS[name]).parameters.values())[1:]


def test_every_hook_has_its_page_and_its_line_in_the_index() -> None:
    assert {path.stem for path in HOOKS.glob("*.md")} == {*SPECS, "README"}
    index = (HOOKS / "README.md").read_text(encoding="utf-8")
    for name, spec in SPECS.items():
        assert f"| [`{name}`]({name}.md) | {(inspect.getdoc(spec) or '').splitlines()[0]} |" in index


@pytest.mark.parametrize("name", SPECS)
def test_a_page_has_the_signature_of_the_spec(name: str) -> None:
    assert page(name).startswith(f"# `{name}`\n")
    signature = ", ".join(f"{argument.name}: {argument.annotation}" for argument in arguments(name))
    returns = inspect.signature(SPECS[name]).return_annotation
    assert blocks(name, "python")[0] == f"def {name}({signature}) -> {returns}: ...\n"


@pytest.mark.parametrize("name", SPECS)
def test_a_page_has_its_four_parts(name: str) -> None:
    parts = re.split(r"^(?:\*\*(\w+)\.\*\*|## Example)", page(name), flags=re.MULTILINE)
    assert parts[1:9:2] == ["Called", "Arguments", "Returns", "Errors"]
    assert re.findall(r"^- `(\w+)`:", parts[4], re.MULTILINE) == [argument.name for argument in arguments(name)]
    assert f"@hookimpl\n    def {name}(" in example(name) or f"@hookimpl\ndef {name}():" in example(name)


@pytest.fixture
def study(fake_plugin: Callable[..., None], registry: Registry, tmp_path: Path) -> Callable[[str], Any]:
    """Loads the small study with the tables of a hook's page, its example installed."""

    def load(name: str) -> Any:
        fake_plugin("dmlcore-example", example(name))
        plugins = discover()
        assert [plugin.reason for plugin in plugins.failed] == []
        short = STUDY.replace("seeds = [0, 1]", "seeds = [0]").replace("epochs = 2", "epochs = 1")
        (tmp_path / "base.toml").write_text(short, encoding="utf-8")
        fails = '[loss]\nuse = "nan"\n' if name == "dmlcore_on_run_error" else ""
        path = tmp_path / "toy.toml"
        path.write_text('extends = "base.toml"\n' + fails + blocks(name, "toml")[0], encoding="utf-8")
        return load_study(path, Registry((*REGISTRY.offers, *Registry.of(plugins).offers)))

    return load


@pytest.mark.parametrize("name", STUDIES)
def test_an_example_does_in_a_study_what_the_page_says(
    name: str, study: Callable[[str], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, store = study(name), Store(tmp_path / "runs")
    (outcome,) = run_study(file.runs, store, file.study.observers)
    if name == "dmlcore_on_run_error":
        assert isinstance(outcome, Failure)
    else:
        assert isinstance(outcome, Result)
        assert [text for text in outcome.warnings if "dropped" in text] == []
    for printed in blocks(name, "text"):
        assert re.fullmatch(re.escape(printed).replace("…", ".*"), capsys.readouterr().out, re.DOTALL)
    if name == REGISTRATION_HOOKS["section"]:
        write_report([study_material(file, store)], [tmp_path / "report.md"])
        report = (tmp_path / "report.md").read_text(encoding="utf-8")
        assert "## Minutes\n\nAll runs together took " in report
        assert "left out" not in report


def named(name: str) -> set[str]:
    """The components that a page's study names."""
    return set(re.findall(r'\buse = "(\w+)"', blocks(name, "toml")[0]))


@pytest.mark.parametrize("kind", REGISTRATION_HOOKS)
def test_the_study_of_a_page_names_a_component_of_its_kind(kind: str, fake_plugin: Callable[..., None]) -> None:
    name = REGISTRATION_HOOKS[kind]
    fake_plugin("dmlcore-example", example(name))
    (plugin,) = [plugin for plugin in discover().loaded if plugin.source.distribution == "dmlcore-example"]
    assert {component.name for component in plugin.components if component.kind == kind} <= named(name)


def test_the_command_of_the_page(
    fake_plugin: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_plugin("dmlcore-example", example(COMMANDS_HOOK))
    monkeypatch.chdir(tmp_path)
    assert invoke("slowest", code=1).stderr == "Error: No run is finished in runs.\n"
    (tmp_path / "runs" / "a" / "b").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "b" / "result.json").write_text('{"run": "b", "seconds": 3}')
    assert invoke("slowest").stdout == "b: 3 s\n"
