"""Packages as `dmlcore new-plugin` writes them."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path

import pytest

from dmlcore import __version__
from dmlcore.api.components import KINDS
from dmlcore.commands.new_plugin import package as new_plugin
from dmlcore.commands.new_plugin.package import NewPlugin, compatible, write_plugin
from dmlcore.errors import StudyError
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from installing import install_project
from running import invoke, python

ROOT = Path(__file__).parents[2]
AUTHOR = 'Ada "Byron" Lovelace'
REGISTRY = Registry.of(discover())


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Kind → its package, with what pip would write to have it found."""
    return {kind: installed(kind, f"made_{kind}", tmp_path_factory.mktemp(kind)) for kind in KINDS}


def installed(kind: str, name: str, into: Path) -> Path:
    plugin = NewPlugin(kind, name, AUTHOR)
    folder = write_plugin(plugin, into)
    install_project(folder, into)
    return folder


def importable(packages: dict[str, Path]) -> list[Path]:
    return [place for folder in packages.values() for place in (folder, folder.parent)]


def test_every_kind_has_a_template() -> None:
    folders = {path.name for path in new_plugin.TEMPLATES.iterdir()}
    assert folders == {*KINDS, new_plugin.EVERY}


@pytest.mark.parametrize("kinds", [("loss",), pytest.param(tuple(KINDS), marks=pytest.mark.slow)], ids=["loss", "all"])
def test_their_own_tests_pass(kinds: tuple[str, ...], packages: dict[str, Path]) -> None:
    tests = [packages[kind] / "tests" for kind in kinds]
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error"]
    python("-m", "pytest", *options, *tests, path=importable(packages))


def test_their_studies_load(packages: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for place in importable(packages):
        monkeypatch.syspath_prepend(str(place))
    registry = Registry.of(discover())
    for kind, folder in packages.items():
        study = folder / "studies" / f"made_{kind}.toml"
        versions = load_study(study, registry).runs[0].versions
        assert (f"dmlcore-made-{kind}" in versions) == (kind not in ("observer", "section")), "what can change numbers"
        load_study(folder / "studies" / "letters.toml", registry)


LONG = "soft_wedges_of_forty_letters_with_slacks"


def test_they_are_well_formed_whatever_their_name(packages: dict[str, Path], tmp_path: Path) -> None:
    assert len(LONG) == new_plugin.LONGEST_NAME
    for kind in KINDS:
        write_plugin(NewPlugin(kind, LONG, AUTHOR), tmp_path / kind)
        write_plugin(NewPlugin(kind, "w", AUTHOR), tmp_path / kind)
    folders = [str(tmp_path), *map(str, packages.values())]
    python("-m", "ruff", "format", "--no-cache", "--check", *folders)
    python("-m", "ruff", "check", "--no-cache", *folders)


def test_they_are_held_to_the_rules_of_dmlcore(packages: dict[str, Path]) -> None:
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]
    for folder in packages.values():
        theirs = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["ruff"]
        assert theirs["lint"]["select"] == ours["lint"]["select"]
        assert theirs["line-length"] == ours["line-length"]


@pytest.mark.slow
def test_their_types_are_right(packages: dict[str, Path], tmp_path: Path) -> None:
    sources = [str(folder / f"dmlcore_made_{kind}") for kind, folder in packages.items()]
    python("-m", "mypy", "--strict", "--cache-dir", tmp_path, "--config-file", ROOT / "pyproject.toml", *sources)


def written(folder: Path) -> list[Path]:
    """The files of a package, without those that Python compiled."""
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def test_nothing_is_left_open(packages: dict[str, Path]) -> None:
    for folder in packages.values():
        for path in written(folder):
            assert "$" not in str(path)
            assert path.suffix != ".template"
            if path.suffix != ".png":
                assert not re.search(r"\$(?!\{\{)", path.read_text(encoding="utf-8")), path


def test_the_package_around_it(packages: dict[str, Path]) -> None:
    folder = packages["loss"]
    files = sorted(path.relative_to(folder).as_posix() for path in written(folder))
    assert files == [
        ".github/workflows/test.yml",
        ".gitignore",
        "LICENSE",
        "README.md",
        "dmlcore_made_loss/__init__.py",
        "dmlcore_made_loss/loss.py",
        "dmlcore_made_loss/py.typed",
        "pyproject.toml",
        "studies/letters.toml",
        "studies/made_loss.toml",
        "tests/test_made_loss.py",
    ]
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "dmlcore-made-loss"
    assert project["description"] == "A margin loss on cosines, after Wu et al. (2017)"
    assert project["authors"] == [{"name": AUTHOR}]
    assert project["dependencies"] == [f"dmlcore{compatible(__version__)}"]
    assert AUTHOR in (folder / "LICENSE").read_text()
    assert "    # dmlcore-made-loss" not in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("version", "requirement"),
    [("0.1.0", ">=0.1.0,<0.2"), ("0.12.3", ">=0.12.3,<0.13"), ("1.4.0", ">=1.4.0,<2"), ("2.0.0rc1", ">=2.0.0rc1,<3")],
)
def test_versions_that_it_works_with(version: str, requirement: str) -> None:
    assert compatible(version) == requirement


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Wedge", ["'Wedge'", "lower_snake", "40 letters", "soft_wedge"]),
        ("dmlcore-wedge", ["'dmlcore-wedge'", "omit 'dmlcore-'"]),
        ("lambda", ["'lambda'", "keyword", "lambda_loss"]),
        ("triplet", ["'triplet'", f"dmlcore {__version__}", "another name"]),
        ("plugins", ["dmlcore-plugins", "dmlcore_plugins", "installed"]),
        ("pair-margins", ["'pair_margins'", "PairMargins", "pair_margins_loss"]),
    ],
)
def test_a_name_that_cannot_be_used(name: str, parts: list[str]) -> None:
    with pytest.raises(StudyError) as caught:
        new_plugin.new_plugin(name, "loss", "Ada", REGISTRY)
    assert [part for part in parts if part not in str(caught.value)] == []


@pytest.mark.parametrize("name", ["", "2wedge", "wedge_", "a__b", "a-_b", "wédge", "wedge.py", "../wedge", f"{LONG}s"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(StudyError, match="lower_snake"):
        new_plugin.new_plugin(name, "loss", "Ada", REGISTRY)


def test_the_author(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def author(given: str | None = None) -> str:
        return new_plugin.new_plugin("soft-wedge", "loss", given, REGISTRY).author

    assert author("Ada") == "Ada"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    (tmp_path / "config").write_text("[user]\n\tname = Emmy Noether\n")
    assert author() == "Emmy Noether"
    monkeypatch.setenv("PATH", "")
    assert author() == "the authors of dmlcore-soft-wedge"
    with pytest.raises(StudyError, match=r"'Ada\\n'.*--author"):
        author("Ada\n")


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "dmlcore-wedge").mkdir()
    (tmp_path / "dmlcore-wedge" / "thesis.tex").write_text("all of it")
    with pytest.raises(StudyError, match="dmlcore-wedge exists already"):
        write_plugin(NewPlugin("loss", "wedge", "Ada"), tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["dmlcore-wedge", "thesis.tex"]


def test_nothing_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OSError, match="no space left"):
        write_plugin(NewPlugin("dataset", "leaves", "Ada"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("new-plugin", "soft-wedge", "--kind", "loss", "--into", "my work")
    assert "my work/dmlcore-soft-wedge" in done.stdout.splitlines()[0]
    assert done.stdout.splitlines()[1:] == [
        "",
        "    pip install -e './my work/dmlcore-soft-wedge[dev]'",
        "    dmlcore run 'my work/dmlcore-soft-wedge/studies/soft_wedge.toml'",
        "    pytest 'my work/dmlcore-soft-wedge'",
    ]
    again = invoke("new-plugin", "soft-wedge", "--kind", "loss", "--into", "my work", code=2)
    assert again.stderr.startswith("Error: my work/dmlcore-soft-wedge exists already")


def test_the_wheel_of_dmlcore_holds_the_templates(tmp_path: Path) -> None:
    python(
        "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(tmp_path), str(ROOT)
    )
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if "new_plugin/templates" in name}
    files = {path.relative_to(ROOT).as_posix() for path in new_plugin.TEMPLATES.rglob("*") if path.is_file()}
    assert packed == files
