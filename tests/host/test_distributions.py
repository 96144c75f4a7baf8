"""Which plugins are there, where they come from, which are made for this dmlcore, and which are disabled."""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pluggy
import pytest

import dmlcore
from dmlcore.api.hookspecs import RegistrationSpecs, hookspec
from dmlcore.host import discovery
from dmlcore.host.distributions import DISABLED, installed_plugins, plugin_of
from dmlcore.host.registry import Registry
from plugins_made import NOT_TO_BE_LOADED, WEDGE
from running import invoke, python, run_dmlcore

Install = Callable[..., None]


def listed() -> list[str]:
    """The lines of the list after the components."""
    lines = invoke("list-plugins").stdout.splitlines()
    return lines[lines.index("plugins") + 1 :]


def metadata(site: Path, distribution: str) -> Path:
    (folder,) = site.glob(f"{distribution.replace('-', '_')}-*.dist-info")
    return folder


def test_the_api_version_is_that_of_the_distribution() -> None:
    assert tuple(int(part) for part in dmlcore.__version__.split(".")[:2]) == dmlcore.API_VERSION


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        ("dmlcore>=0.1", True),
        ("dmlcore[handin] >=0.1,<0.2", True),
        ("dmlcore (>=0.1)", True),
        ("dmlcore", True),
        ("dmlcore-angular>=9", True),
        ('dmlcore>=9; python_version < "3"', True),
        ('dmlcore>=9; extra == "test"', True),
        ("dmlcore>=1", False),
        ("DMLcore<0.1", False),
    ],
)
def test_what_a_distribution_requires_of_dmlcore(
    fake_plugin: Install, tmp_path: Path, requirement: str, fits: bool
) -> None:
    fake_plugin("dmlcore-wedge", WEDGE)
    with (metadata(tmp_path / "site", "dmlcore-wedge") / "METADATA").open("a") as file:
        file.write(f"Requires-Dist: attrs\nRequires-Dist: {requirement}\n")
    (plugin,) = [plugin for plugin in installed_plugins() if plugin.source.distribution == "dmlcore-wedge"]
    assert (plugin.unfit == "") == fits


def test_a_plugin_for_another_version_is_not_loaded_and_says_what_to_do(fake_plugin: Install, tmp_path: Path) -> None:
    fake_plugin("dmlcore-wedge", NOT_TO_BE_LOADED)
    with (metadata(tmp_path / "site", "dmlcore-wedge") / "METADATA").open("a") as file:
        file.write("Requires-Dist: dmlcore>=2,<3\n")
    title, reason = listed()[-2:]
    assert title == "  failed: dmlcore-wedge:dmlcore_wedge"
    assert f"dmlcore <3,>=2, but dmlcore {dmlcore.__version__} " in reason
    assert reason.endswith('pip install -U dmlcore-wedge, or pip install "dmlcore<3,>=2"')


@pytest.mark.parametrize(
    ("facts", "origin"),
    [
        (None, "installed"),
        ({"url": "file:///home/me/my%20loss", "dir_info": {"editable": True}}, "editable /home/me/my loss"),
        ({"url": "file:///tmp/loss.whl", "archive_info": {}}, "installed /tmp/loss.whl"),
        ({"url": "https://example.org/loss.git", "vcs_info": {}}, "installed https://example.org/loss.git"),
    ],
)
def test_the_origin_of_a_plugin(
    fake_plugin: Install, tmp_path: Path, facts: dict[str, object] | None, origin: str
) -> None:
    fake_plugin("dmlcore-wedge", WEDGE)
    if facts is not None:
        (metadata(tmp_path / "site", "dmlcore-wedge") / "direct_url.json").write_text(json.dumps(facts))
    origins = {plugin.source.distribution: plugin.source.origin for plugin in installed_plugins()}
    assert origins == {"dmlcore": "built-in", "dmlcore-wedge": origin}


@pytest.mark.parametrize("key", ["dmlcore-wedge", "dmlcore_Wedge", "dmlcore-wedge:dmlcore_wedge"])
def test_a_disabled_plugin_is_not_loaded(fake_plugin: Install, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    fake_plugin("dmlcore-wedge", NOT_TO_BE_LOADED)
    lines = invoke("--disable-plugin", key, "list-plugins").stdout.splitlines()
    told = ["  disabled: dmlcore-wedge:dmlcore_wedge", f"      by --disable-plugin or {DISABLED}"]
    assert lines[-2:] == told
    assert DISABLED not in os.environ, "the flag lasts as long as its command"
    monkeypatch.setenv(DISABLED, f" {key} ,dmlcore:cub200")
    lines = listed()
    assert lines[-4:-2] == told
    assert lines[-2] == "  disabled: dmlcore:cub200"
    assert "dmlcore_wedge" not in sys.modules


def test_keys_are_checked(fake_plugin: Install) -> None:
    fake_plugin("dmlcore-wedge", WEDGE)
    error = invoke("--disable-plugin", "dmlcore-wegde", "list-plugins", code=2).stderr
    assert error.startswith(f"Error: --disable-plugin or {DISABLED}: no plugin 'dmlcore-wegde'")
    assert "Did you mean 'dmlcore-wedge'" in error
    assert error.endswith(" dmlcore, dmlcore-wedge.\n")
    assert (
        "Did you mean 'dmlcore:cub200'" in invoke("--disable-plugin", "dmlcore:cup200", "describe", "x", code=2).stderr
    )


def test_what_a_disabled_plugin_offers_is_missed_with_the_reason(fake_plugin: Install) -> None:
    fake_plugin("dmlcore-wedge", WEDGE)
    disable = ("--disable-plugin", "dmlcore-wedge", "check", str(STUDIES / "quickstart.toml"), "--set")
    error = invoke(*disable, 'loss={use="wedge"}', code=2).stderr
    assert f" {len(list(Registry.of(discovery.discover()).of_kind('loss'))) - 1}. " in error
    assert error.endswith(f" Disabled by --disable-plugin or {DISABLED}: dmlcore-wedge:dmlcore_wedge.\n")
    error = invoke(*disable, 'loss={use="dmlcore-wedge/wedge"}', code=2).stderr
    assert "the plugin dmlcore-wedge:dmlcore_wedge" in error
    assert error.endswith(f"disabled by --disable-plugin or {DISABLED}.\n")


STUDIES = Path(__file__).parents[2] / "studies"


class Deprecating(RegistrationSpecs):
    """Hooks of a later dmlcore: one on its way out."""

    @hookspec(warn_on_impl=DeprecationWarning("dmlcore_register_losses goes with dmlcore 2; offer it otherwise"))
    def dmlcore_register_losses(self) -> Sequence[type]:
        """Losses."""
        raise NotImplementedError


def test_a_deprecated_hook_works_and_is_told(fake_plugin: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "RegistrationSpecs", Deprecating)
    fake_plugin("dmlcore-wedge", WEDGE)
    result = invoke("list-plugins")
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    place = lines.index("  deprecated: dmlcore-wedge:dmlcore_wedge")
    assert lines[place + 1] == "      dmlcore_register_losses goes with dmlcore 2; offer it otherwise"
    assert any(line.split() == ["dmlcore-wedge", "1.0", "installed", "deprecated"] for line in lines)
    assert any(line.split()[:2] == ["wedge", "dmlcore-wedge"] for line in lines)


def test_a_deprecated_argument_is_told_to_the_one_who_takes_it() -> None:
    """The means by which an argument of a hook will go: those who do not take it hear nothing."""

    class Specs:
        @hookspec(warn_on_impl_args={"old": DeprecationWarning("take new")})
        def dmlcore_on_something(self, old: int, new: int) -> None:
            """Something."""

    class Taking:
        @dmlcore.hookimpl
        def dmlcore_on_something(self, old: int) -> None:
            """Takes the old one."""

    class Modern:
        @dmlcore.hookimpl
        def dmlcore_on_something(self, new: int) -> None:
            """Takes the new one."""

    manager = pluggy.PluginManager("dmlcore")
    manager.add_hookspecs(Specs)
    manager.register(Modern())
    with pytest.warns(DeprecationWarning, match="^take new$"):
        manager.register(Taking())


def test_a_class_tells_its_distribution(fake_plugin: Install, tmp_path: Path) -> None:
    fake_plugin("dmlcore-wedge", "from wedge_parts import dmlcore_register_losses")
    (tmp_path / "site" / "wedge_parts.py").write_text(WEDGE)
    (metadata(tmp_path / "site", "dmlcore-wedge") / "RECORD").write_text("dmlcore_wedge.py,,\nwedge_parts.py,,\n")
    (loaded,) = [plugin for plugin in discovery.discover().loaded if plugin.source.distribution == "dmlcore-wedge"]
    (wedge,) = loaded.components
    assert wedge.__module__ == "wedge_parts"
    assert plugin_of(wedge) == loaded.source
    assert plugin_of(Deprecating) is None
    del sys.modules["wedge_parts"]


def test_torch_loaded_by_a_plugin_is_told(fake_plugin: Install, tmp_path: Path) -> None:
    fake_plugin("dmlcore-wedge", f"import torch\n{WEDGE}")
    (tmp_path / "site" / "torch.py").write_text("")  # stands for the real one, which takes seconds to load
    done = run_dmlcore("list-plugins", cwd=tmp_path, path=[tmp_path / "site", *sys.path])
    assert done.stdout.splitlines()[-2:] == [
        "  ok, but: dmlcore-wedge:dmlcore_wedge",
        "      imports torch on import, which slows every command down: import torch inside methods",
    ]


def test_fifty_distributions_are_all_listed_without_torch(fake_plugin: Install, tmp_path: Path) -> None:
    for number in range(50):
        fake_plugin(f"dmlcore-many{number}", WEDGE.replace('"wedge"', f'"wedge{number}"'), version=f"1.{number}")
    code = (
        "import sys\nfrom dmlcore.cli import main\n"
        "assert not main(sys.argv[1:], standalone_mode=False)\n"
        "assert not {'torch', 'numpy.linalg', 'rich'} & set(sys.modules), 'something heavy was loaded'"
    )
    done = python("-c", code, "list-plugins", "--json", cwd=tmp_path, path=[tmp_path / "site", *sys.path])
    plugins = {plugin["key"]: plugin for plugin in json.loads(done.stdout)["plugins"]}
    for number in range(50):
        plugin = plugins[f"dmlcore-many{number}:dmlcore_many{number}"]
        assert (plugin["version"], plugin["origin"], plugin["status"]) == (f"1.{number}", "installed", "ok")
        assert [part["full_name"] for part in plugin["components"]] == [f"dmlcore-many{number}/wedge{number}"]
    project = tomllib.loads((STUDIES.parent / "pyproject.toml").read_text())["project"]
    assert len(plugins) == 50 + len(project["entry-points"]["dmlcore"])


def test_the_list_fits_a_terminal(fake_plugin: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_plugin("dmlcore-wedge", WEDGE.replace("A loss from elsewhere.", "A loss from elsewhere, " + 20 * "far "))
    whole = invoke("list-plugins").stdout
    assert max(map(len, whole.splitlines())) > 100, "whole in a pipe"
    monkeypatch.setattr("dmlcore.commands.list_plugins.table.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    cut = invoke("list-plugins").stdout
    assert max(map(len, cut.splitlines())) == 100
    assert re.findall(r"^  wedge .*", cut, re.M)[0].endswith("…")
