"""The tutorial, done as it says: its files written, its commands given, in order."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest

from installing import install_project
from running import invoke, python

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
TINY = ["training.workers=0", "dataset.classes=40", "dataset.images_per_class=5", "transforms.size=32"]


def steps() -> list[tuple[str, str]]:
    """Language and text of each block, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_tutorial_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    printed = ""
    for language, text in steps():
        if language == "sh":
            printed = "".join(give(line) for line in text.splitlines())
        elif language == "text":
            for line in text.splitlines():
                assert line in re.sub(r" +", " ", printed), line
        else:
            write(text, tmp_path)
    forget()


def write(text: str, folder: Path) -> None:
    """Writes a block into the file that its first line names."""
    first, _, rest = text.partition("\n")
    path = folder / first.removeprefix("# ")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rest, encoding="utf-8")


def give(line: str) -> str:
    """Give a command and return what it prints; what would leave the machine is not done."""
    program, *arguments = shlex.split(line)
    if program == "twine":
        return ""
    if program == "rm":
        Path(arguments[0]).unlink()
        return ""
    if program == "pip":
        assert arguments[:2] == ["install", "-e"]
        install(Path(arguments[2]))
        return ""
    if program == "pytest":
        return python("-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, path=sys.path).stdout
    if program == "python":
        assert arguments[:2] == ["-m", "build"]
        python("-m", "hatchling", "build", cwd=Path(arguments[2]))
        assert sorted(path.suffix for path in Path(arguments[2], "dist").iterdir()) == [".gz", ".whl"]
        return ""
    assert program == "dmlcore"
    forget()
    if arguments[0] == "run":
        arguments += ["--smoke", *(word for value in TINY for word in ("--set", value))]
    return invoke(*arguments).stdout


def install(project: Path) -> None:
    """Have Python find a package as after `pip install -e`, which tests/examples does for real."""
    install_project(project, Path("site"))
    sys.path.insert(0, str(project.resolve()))
    importlib.invalidate_caches()


def forget() -> None:
    """Have the next command import the packages as they now are, as its own process would."""
    for name in [name for name in sys.modules if re.match(r"dmlcore_(gap|wedge)\b", name)]:
        del sys.modules[name]
    importlib.invalidate_caches()
