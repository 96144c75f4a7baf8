"""`dmlcore test-plugin` on installed plugins."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from running import invoke

Install = Callable[..., None]

PLUGIN = '''
from attrs import frozen
from dmlcore import DataError, DatasetConfig, ObserverConfig, RunInfo, PluginError, hookimpl, option

@frozen
class Bell(ObserverConfig):
    """Rings when a run has ended."""

    name = "bell"
    times: int = option(1, help="how often it rings", ge=0, identity=False)

    def build(self, run):
        return Ringer(self.times)

class Ringer:
    def __init__(self, times):
        self.times = times

    @hookimpl
    def dmlcore_on_run_end(self, result):
        print(1 / self.times)

@frozen
class Gong(ObserverConfig):
    """Needs its tone."""

    name = "gong"
    tone: str = option(help="its tone")

    def build(self, run):
        if self.tone == "flat":
            raise PluginError("It needs a package: pip install gong.")
        return Ringer(1)

@hookimpl
def dmlcore_register_observers():
    return [Bell, Gong]
'''


def run(*arguments: str, code: int = 0) -> str:
    return invoke("test-plugin", *arguments, code=code).output


@pytest.fixture
def _bells(fake_plugin: Install) -> None:
    fake_plugin("dmlcore-bells", PLUGIN)


@pytest.mark.usefixtures("_bells")
def test_a_component_that_does_what_it_must() -> None:
    output = run("bell")
    assert output == (
        "observer bell  [dmlcore-bells 1.0]\n"
        "  passed          builds\n"
        "  passed          hears_a_whole_run\n"
        "  passed          hears_a_run_that_fails\n"
        "  passed          hears_a_run_that_goes_on\n"
        "  passed          is_well_made\n"
        "  passed          options_survive_a_study\n"
        "  passed          names_its_libraries\n"
        "  passed          loads_no_torch\n"
        "8 checks, 0 failed\n"
    )


@pytest.mark.usefixtures("_bells")
@pytest.mark.parametrize("arguments", [("bell", "--set", "times=0"), ("dmlcore-bells/bell", "--set", "bell.times=0")])
def test_a_failure_says_whose_what_and_the_cure(arguments: tuple[str, ...]) -> None:
    output = run(*arguments, code=1)
    failure = output.partition("  failed          hears_a_whole_run\n")[2].partition("  passed")[0].splitlines()
    whose, expected, got, remedy = failure
    assert whose.startswith("    observer dmlcore-bells/bell 1.0: ")
    assert expected == "    expected  no error"
    assert "dmlcore_on_run_end (ZeroDivisionError: division by zero)" in got
    assert remedy.endswith(".")
    assert output.endswith("8 checks, 1 failed\n")


@pytest.mark.usefixtures("_bells")
def test_a_whole_distribution_without_what_needs_options() -> None:
    output = run("dmlcore-bells")
    assert (
        "observer gong  [dmlcore-bells 1.0]\n"
        "  not checked: --set gong.tone\n"
        "    expected  a string: its tone\n"
        "    got       nothing\n"
    ) in output
    assert "observer bell" in output
    output = run("dmlcore-bells", "--set", "gong.tone=high", "--set", "bell.times=0", code=1)
    assert "not checked" not in output
    assert output.endswith("16 checks, 1 failed\n")


@pytest.mark.usefixtures("_bells")
def test_a_component_that_refuses_its_options_has_one_failure() -> None:
    output = run("gong", "--set", "tone=flat", code=1)
    assert "    got       PluginError: It needs a package: pip install gong.\n" in output
    assert output.endswith("1 check, 1 failed\n")


@pytest.mark.usefixtures("_bells")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gong",), ("--set gong.tone\n", "got       nothing")),
        (("bell", "--set", "time=2"), ("--set bell.time\n", "got       'time'\n    Did you mean 'times'?")),
        (("dmlcore-bells", "--set", "times=2"), ("--set times=2: ", "COMPONENT.OPTION=VALUE", "bell, gong.")),
        (("bel",), ("'bel'. Did you mean 'bell'?", "`dmlcore list-plugins`")),
    ],
)
def test_a_mistake_is_told(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    output = run(*arguments, code=2)
    for word in words:
        assert word in output


def test_a_plugin_that_can_not_be_loaded_is_told(fake_plugin: Install) -> None:
    fake_plugin("dmlcore-broken", "import nowhere_to_be_found")
    output = run("dmlcore-broken", code=2)
    assert "dmlcore-broken:dmlcore_broken can't be loaded: ModuleNotFoundError" in output
    assert "(dmlcore_broken.py, line 1)" in output
