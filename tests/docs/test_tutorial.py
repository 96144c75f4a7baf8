"""The tutorial, done as it says: its files written, its commands given, in order, in a fresh environment."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from conftest import Command

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
OFFLINE = ["--no-deps", "--no-index", "--no-build-isolation"]
"""What pip is told, so that it takes nothing from the network."""


def steps() -> list[tuple[str, str]]:
    """Language and text of each block, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_tutorial_is_true(in_fresh_environment: Command, tmp_path: Path) -> None:
    printed = ""
    for language, text in steps():
        if language == "sh":
            printed = "".join(give(line, in_fresh_environment, tmp_path) for line in text.splitlines())
        elif language == "text":
            for line in text.splitlines():
                assert line in re.sub(r" +", " ", printed), line
        else:
            write(text, tmp_path)
    in_fresh_environment("pip", "uninstall", "--yes", "dmlcore-gap", "dmlcore-wedge")
    assert not re.search("dmlcore-(gap|wedge)", in_fresh_environment("dmlcore", "list-plugins").stdout)


def write(text: str, folder: Path) -> None:
    """Writes a block into the file that its first line names."""
    first, _, rest = text.partition("\n")
    path = folder / first.removeprefix("# ")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rest, encoding="utf-8")


def give(line: str, environment: Command, folder: Path) -> str:
    """Gives a command and returns what it prints; what would leave the machine is not done."""
    program, *arguments = shlex.split(line)
    if program == "twine":
        return ""
    if program == "rm":
        (folder / arguments[0]).unlink()
        return ""
    if program == "python":
        assert arguments[:2] == ["-m", "build"]
        environment("hatchling", "build", cwd=folder / arguments[2])
        kinds = sorted(path.suffix for path in (folder / arguments[2] / "dist").iterdir())
        assert kinds == [".gz", ".whl"]
        return ""
    if program == "pip":
        arguments += OFFLINE
    if arguments[0] == "run" and "wedge.toml" in line:
        arguments += ["--smoke"]
    elif arguments[0] == "run":
        arguments[0] = "check"  # one smoke run is dear enough
    return environment(program, *arguments, cwd=folder).stdout
