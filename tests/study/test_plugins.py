"""`[plugins]` and `[requires]`: what a study says of what is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from dmlcore import StudyError, __version__
from dmlcore.api.result import Result
from dmlcore.commands.options import installed
from dmlcore.engine.runner import run_study
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.results.store import Store
from dmlcore.study.load import load_study
from plugins_made import NOT_TO_BE_LOADED, PICKY, TOYS, WEDGE
from running import invoke
from toys import STUDY

Install = Callable[..., None]

LOSS_LINE = STUDY.splitlines().index('use = "pair"') + 1


def written(tmp_path: Path, *added: str, name: str = "toy", text: str = STUDY) -> Path:
    path = tmp_path / f"{name}.toml"
    path.write_text("\n".join([text, *added]))
    return path


def problems(path: Path, *overrides: str) -> str:
    with pytest.raises(StudyError) as caught:
        load_study(path, Registry.of(discover()), overrides)
    return str(caught.value)


def test_a_study_disables_plugins(fake_plugin: Install, tmp_path: Path) -> None:
    fake_plugin("dmlcore-toys", TOYS)
    fake_plugin("dmlcore-wedge", WEDGE)
    path = written(tmp_path, '[plugins]\ndisable = ["dmlcore-wedge"]')
    plain = load_study(written(tmp_path, name="plain"), Registry.of(discover()))
    assert load_study(path, Registry.of(discover())).runs[0].fingerprint == plain.runs[0].fingerprint
    text = problems(written(tmp_path, '[plugins]\ndisable = ["dmlcore-wedge"]', text=STUDY.replace("pair", "wedge")))
    assert f"{path}:{LOSS_LINE}: loss.use\n" in text
    assert f" {len(list(Registry.of(discover()).of_kind('loss'))) - 1}." in text
    assert f"Disabled by [plugins] of {path}: dmlcore-wedge:dmlcore_wedge." in text


def test_a_disabled_plugin_leaves_its_name_to_another(fake_plugin: Install, tmp_path: Path) -> None:
    fake_plugin("dmlcore-toys", TOYS)
    fake_plugin("dmlcore-one", WEDGE)
    fake_plugin("dmlcore-two", WEDGE)
    text = STUDY.replace('use = "pair"', 'use = "wedge"')
    path = written(tmp_path, '[plugins]\ndisable = ["dmlcore-one:dmlcore_one"]', text=text)
    assert load_study(path, Registry.of(discover())).runs[0].components["loss"] == "dmlcore-two/wedge 1.0"
    assert "is offered by 2 distributions" in problems(written(tmp_path, text=text, name="plain"))


def test_what_all_studies_disable_is_not_loaded(fake_plugin: Install, tmp_path: Path) -> None:
    fake_plugin("dmlcore-toys", TOYS)
    fake_plugin("dmlcore-bad", NOT_TO_BE_LOADED)
    one = written(tmp_path, '[plugins]\ndisable = ["dmlcore-bad"]')
    two = written(tmp_path, name="two")
    registry = installed([one])
    assert [plugin.by for plugin in registry.disabled] == [f"[plugins] of {one}"]
    assert registry.failed == ()
    assert installed([two], ['plugins.disable=["dmlcore-bad"]']).disabled[0].by == "--set plugins.disable"
    assert [plugin.source.distribution for plugin in installed([one, two]).failed] == ["dmlcore-bad"]
    assert "dmlcore_bad" not in sys.modules
    invoke("check", one)


def test_keys_that_look_misspelt(fake_plugin: Install, tmp_path: Path) -> None:
    fake_plugin("dmlcore-toys", TOYS)
    path = written(tmp_path, '[plugins]\ndisable = [\n    "quite-another",\n    "dmlcore-toy",\n]')
    lines = len(STUDY.splitlines())
    assert problems(path) == (
        f"{path} has 1 problem.\n\n"
        f"{path}:{lines + 5}: plugins.disable[1]\n"
        "    expected  an installed plugin\n"
        '    got       "dmlcore-toy" (a string)\n'
        "    Did you mean 'dmlcore-toys'?"
    )
    path = written(tmp_path, '[plugins]\ndisable = "dmlcore-toys"\nenable = []')
    assert problems(path) == (
        f"{path} has 2 problems.\n\n"
        f"{path}:{lines + 3}: plugins.disable\n"
        "    expected  a list of strings\n"
        '    got       "dmlcore-toys" (a string)\n\n'
        f"{path}:{lines + 4}: plugins.enable\n"
        "    expected  an option of [plugins]\n"
        "    got       'enable'\n"
        "    Did you mean 'disable'?"
    )


def test_requirements_that_are_met_change_nothing(fake_plugin: Install, tmp_path: Path) -> None:
    fake_plugin("dmlcore-toys", TOYS, version="1.2")
    path = written(tmp_path, '[requires]\ndmlcore = ">=0.1"\n"dmlcore-toys" = ">=1.0,<2"\nDmlCore_Toys = ""')
    registry = Registry.of(discover())
    run, plain = (load_study(p, registry).runs[0] for p in (path, written(tmp_path, name="plain")))
    assert evolve(run, settings={}, study=plain.study) == evolve(plain, settings={})


def test_requirements_that_are_not_met_are_told_beside_the_other_problems(fake_plugin: Install, tmp_path: Path) -> None:
    fake_plugin("dmlcore-toys", TOYS, version="0.9")
    table = """
[requires]
"dmlcore-toys" = ">=1.0,<2"
dmlcore-angle = ">=1"
dmlcore-toy = ""
numpy = "2.0"
"two words" = ">=1"
torch = 2
dmlcore.plugins = ">=1"
"""
    path = written(tmp_path, table, text=STUDY.replace('"pair"', '"pear"'))
    first = len(STUDY.splitlines()) + 3
    told = problems(path).split("\n\n")
    assert told[0] == f"{path} has 8 problems."
    assert told[1].startswith(f"{path}:{LOSS_LINE}: loss.use\n")
    assert [re_placed(text, path, first) for text in told[2:]] == [
        "1: requires.dmlcore-toys\n"
        "    expected  dmlcore-toys >=1.0,<2\n"
        "    got       dmlcore-toys 0.9\n"
        '    Install this version: pip install "dmlcore-toys>=1.0,<2"',
        "2: requires.dmlcore-angle\n"
        "    expected  dmlcore-angle >=1\n"
        "    got       nothing installed by this name\n"
        '    Install it: pip install "dmlcore-angle>=1".',
        "3: requires.dmlcore-toy\n"
        "    expected  dmlcore-toy\n"
        "    got       nothing installed by this name\n"
        "    Install it: pip install \"dmlcore-toy\". Did you mean 'dmlcore-toys'?",
        "4: requires.numpy\n"
        '    expected  a distribution with versions, such as ">=1.0,<2"\n'
        '    got       "numpy" = "2.0"',
        "5: requires.two words\n"
        '    expected  a distribution with versions, such as ">=1.0,<2"\n'
        '    got       "two words" = ">=1"',
        '6: requires.torch\n    expected  versions, such as ">=1.0,<2"\n    got       2 (an integer)',
        '7: requires.dmlcore\n    expected  versions, such as ">=1.0,<2"\n    got       a table\n'
        "    Quote a name that contains a dot.",
    ]


def test_a_requirement_of_the_command_line(fake_plugin: Install, tmp_path: Path) -> None:
    fake_plugin("dmlcore-toys", TOYS)
    assert problems(written(tmp_path), "requires.dmlcore='>=7'").splitlines()[2:] == [
        "--set requires.dmlcore",
        "    expected  dmlcore >=7",
        f"    got       dmlcore {__version__}",
        '    Install this version: pip install "dmlcore>=7"',
    ]


def re_placed(text: str, path: Path, first: int) -> str:
    """A problem with its line counted from the head of the table."""
    line, _, rest = text.removeprefix(f"{path}:").partition(":")
    return f"{int(line) - first}:{rest}"


def test_requires_is_a_table(fake_plugin: Install, tmp_path: Path) -> None:
    fake_plugin("dmlcore-toys", TOYS)
    path = tmp_path / "toy.toml"
    path.write_text(f'requires = ["dmlcore"]\n{STUDY}')
    assert problems(path).splitlines()[2:] == [
        f"{path}:1: requires",
        '    expected  a table, such as dmlcore = ">=0.1"',
        "    got       a list of 1",
    ]


def test_a_result_records_where_every_component_came_from(fake_plugin: Install, tmp_path: Path) -> None:
    fake_plugin("dmlcore-toys", TOYS, version="1.2")
    fake_plugin("dmlcore-picky", PICKY, version="3.4")
    overrides = ['loss.miner={use="picky"}', 'observers=[{use="jsonl"}]', "training.epochs=1", "seeds=[0]"]
    file = load_study(written(tmp_path), Registry.of(discover()), overrides)
    (result,) = run_study(file.runs, Store(tmp_path / "runs"), [])
    assert isinstance(result, Result)
    assert dict(result.components) == {
        "dataset": "dmlcore-toys/squares 1.2",
        "backbone": "dmlcore-toys/tiny 1.2",
        "loss": "dmlcore-toys/pair 1.2",
        "loss.miner": "dmlcore-picky/picky 3.4",
        "sampler": "dmlcore-toys/balanced 1.2",
        "evaluators.0": "dmlcore-toys/nearest 1.2",
        "observers.0": "dmlcore/jsonl " + result.components["observers.0"].split()[1],
    }
    versions: dict[str, Any] = dict(result.versions)
    assert (versions["dmlcore-toys"], versions["dmlcore-picky"]) == ("1.2", "3.4")
    assert "dmlcore" not in versions, "an observer can't change numbers"
    assert Store(tmp_path / "runs").run("toy", result.run).result() == result
