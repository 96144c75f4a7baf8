"""Commands of plugins: there when they are given, out of the way of all others."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dmlcore.host.distributions import DISABLED
from running import invoke

PLUGIN = '''
import click
from pathlib import Path
from dmlcore import DataError, hookimpl

@click.command("{name}")
@click.option("--fault")
def greet(fault):
    """Says hello."""
    if fault == "data":
        raise DataError("There is no file.")
    if fault == "usage":
        raise click.UsageError("Not like this.")
    if fault == "file":
        Path("nowhere").read_text()
    if fault == "stop":
        raise SystemExit(3)
    if fault:
        raise ValueError(fault)
    click.echo("Hello from {name}.")

@hookimpl
def dmlcore_register_commands():
    Path("asked").touch()
    return [greet]
'''

InstallPlugin = Callable[..., None]


@pytest.fixture
def give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.chdir(tmp_path)

    def give(*arguments: str, code: int = 0) -> Any:
        return invoke(*arguments, code=code)

    return give


def from_plugins(help_text: str) -> list[str]:
    """The entries of the help under that heading, without those of built-in plugins, each as one line."""
    section = help_text.partition("From plugins:\n")[2].partition("\n\n")[0]
    entries = [" ".join(entry.split()) for entry in re.split(r"\n  (?! )", "\n" + section)[1:]]
    return [entry for entry in entries if not entry.endswith("[dmlcore]")]


def test_a_plugin_that_offers_a_command_alone(fake_plugin: InstallPlugin, give: Callable[..., Any]) -> None:
    fake_plugin("dmlcore-hello", PLUGIN.format(name="hello"))
    assert give("hello").stdout == "Hello from hello.\n"
    assert give("dmlcore-hello/hello").stdout == "Hello from hello.\n"
    assert "Says hello." in give("hello", "--help").stdout
    assert from_plugins(give("--help").stdout) == ["hello Says hello. [dmlcore-hello]"]
    assert "not usable" not in give("list-plugins").stdout


def test_no_other_command_asks_for_it(fake_plugin: InstallPlugin, give: Callable[..., Any]) -> None:
    fake_plugin("dmlcore-hello", PLUGIN.format(name="hello"))
    for arguments in (["list-plugins"], ["describe", "triplet"], ["--version"], ["run", "--help"]):
        give(*arguments)
    assert not Path("asked").exists()
    give("--help")
    assert Path("asked").exists()


def test_built_in_plugins_have_commands_too(give: Callable[..., Any]) -> None:
    assert "backbones  List the networks of timm" in give("--help").stdout


def test_without_any_the_help_has_no_such_heading(give: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DISABLED, "dmlcore")
    assert "From plugins" not in give("--help").stdout


@pytest.mark.parametrize(
    ("fault", "message", "code"),
    [
        ("data", "Error: There is no file.", 3),
        ("boom", "'hello' of dmlcore-hello 1.0 failed: ValueError: boom (dmlcore_hello.py, line 19)", 1),
        (
            "file",
            "'hello' of dmlcore-hello 1.0 failed: FileNotFoundError: [Errno 2] No such file or directory: 'nowhere'"
            " (dmlcore_hello.py, line 15)",
            1,
        ),
        ("usage", "Error: Not like this.", 2),
        ("stop", "", 3),
    ],
)
def test_what_it_raises_is_a_message(
    fault: str, message: str, code: int, fake_plugin: InstallPlugin, give: Callable[..., Any]
) -> None:
    fake_plugin("dmlcore-hello", PLUGIN.format(name="hello"))
    error = give("hello", "--fault", fault, code=code).stderr
    assert message in error
    assert bool(message) == bool(error)


def test_its_traceback_is_for_its_author(fake_plugin: InstallPlugin, give: Callable[..., Any]) -> None:
    fake_plugin("dmlcore-hello", PLUGIN.format(name="hello"))
    assert "raise ValueError(fault)" in give("--traceback", "hello", "--fault", "boom", code=1).stderr


def test_dmlcore_s_own_commands_win(fake_plugin: InstallPlugin, give: Callable[..., Any]) -> None:
    fake_plugin("dmlcore-hello", PLUGIN.format(name="describe"))
    assert "triplet" in give("describe", "triplet").stdout
    assert give("dmlcore-hello/describe").stdout == "Hello from describe.\n"
    assert from_plugins(give("--help").stdout) == [
        "dmlcore-hello/describe Says hello. [dmlcore-hello] ('describe' is dmlcore's own)"
    ]


def test_two_of_one_name_are_told_apart(fake_plugin: InstallPlugin, give: Callable[..., Any]) -> None:
    for distribution in ("dmlcore-one", "dmlcore-two"):
        fake_plugin(distribution, PLUGIN.format(name="hello"))
    error = give("hello", code=2).stderr
    assert "'hello'" in error
    assert "dmlcore-one/hello, dmlcore-two/hello" in error
    assert give("dmlcore-two/hello").stdout == "Hello from hello.\n"
    assert from_plugins(give("--help").stdout) == [
        "dmlcore-one/hello Says hello. [dmlcore-one] ('hello' is ambiguous)",
        "dmlcore-two/hello Says hello. [dmlcore-two] ('hello' is ambiguous)",
    ]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package' (dmlcore_bad.py, line 1)"),
        (
            PLUGIN.format(name="bad").replace("return [greet]", "raise KeyError('x')"),
            "KeyError: 'x' (dmlcore_bad.py, line 25)",
        ),
        (
            PLUGIN.format(name="bad").replace("return [greet]", "return ['greet']"),
            "dmlcore_register_commands must return click commands with names, not 'greet'",
        ),
        (
            PLUGIN.format(name="bad").replace("return [greet]", "return greet"),
            "dmlcore_register_commands must return a list of click commands, not <Command bad>",
        ),
    ],
)
def test_a_broken_plugin_is_in_nobody_s_way(
    source: str, reason: str, fake_plugin: InstallPlugin, give: Callable[..., Any]
) -> None:
    fake_plugin("dmlcore-bad", source)
    fake_plugin("dmlcore-hello", PLUGIN.format(name="hello"))
    assert give("hello").stdout == "Hello from hello.\n"
    assert " ".join(from_plugins(give("--help").stdout)) == (
        f"hello Says hello. [dmlcore-hello] dmlcore-bad:dmlcore_bad failed: {reason}"
    )
    error = give("helo", code=2).stderr
    assert "'helo'" in error
    assert "dmlcore-bad:dmlcore_bad" in error


def test_a_disabled_plugin_has_no_commands(fake_plugin: InstallPlugin, give: Callable[..., Any]) -> None:
    fake_plugin("dmlcore-hello", PLUGIN.format(name="hello"))
    error = give("--disable-plugin", "dmlcore-hello", "hello", code=2).stderr
    assert error.endswith("Error: No such command 'hello'.\n")
