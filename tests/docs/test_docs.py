"""What the pages say is true: commands run, studies load, examples work, links lead somewhere."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import tarfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from dmlcore_plugins.datasets.cars196 import Cars196
from dmlcore_plugins.datasets.cub200 import Cub200
from dmlcore_plugins.datasets.published import Half
from dmlcore_plugins.datasets.sop import StanfordOnlineProducts
from plugins.datasets.archives import make_cars, make_cub, make_sop
from running import invoke, python, run_dmlcore

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
HOOKS = sorted((ROOT / "docs" / "hooks").glob("*.md"))
"""test_hooks.py runs their studies."""
TUTORIAL = ROOT / "docs" / "tutorial.md"
"""Its blocks build on each other: test_tutorial.py does them in order."""

BY_THEMSELVES = [page for page in PAGES if page != TUTORIAL]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


ELSEWHERE = {
    "dmlcore describe angular": "tests/examples installs it and describes it",
}
"""Documented commands that other tests run."""


def commands() -> list[str]:
    lines = (
        line.split("#")[0].strip()
        for page in BY_THEMSELVES
        for block in blocks(page, "sh")
        for line in block.splitlines()
    )
    return sorted({runnable(line) for line in lines if line} - {*ELSEWHERE})


def runnable(command: str) -> str:
    """The command, or `check` of its studies where it submits them or would train ResNet-50: those have their tests."""
    program, verb, *words = shlex.split(command)
    if program == "dmlcore" and (verb == "submit" or (verb in ("run", "plan") and "/cub" in command)):
        settings = [word for pair in pairwise(words) if pair[0] == "--set" for word in pair]
        return shlex.join(["dmlcore", "check", *(word for word in words if word.startswith("assignment/")), *settings])
    return command


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the studies on few small images, small archives of the published data sets, and embeddings."""
    folder = tmp_path_factory.mktemp("workplace")
    shutil.copytree(ROOT / "studies", folder / "studies")
    shorten(folder / "studies" / "base" / "glyphs.toml", "[dataset]", "[dataset]\nclasses = 50\nimages_per_class = 5")
    shorten(folder / "studies" / "base" / "glyphs.toml", "size = 48", "size = 32")
    shorten(folder / "studies" / "base" / "glyphs.toml", "[training]", "[training]\nworkers = 0")
    shorten(folder / "studies" / "base" / "photos.toml", "size = 96", "size = 32")
    shorten(folder / "studies" / "base" / "photos.toml", "[training]", "[training]\nworkers = 0")
    shorten(folder / "studies" / "photos.toml", "size = 128", "size = 32")
    shorten(folder / "studies" / "photos.toml", "batch_size = 60", "batch_size = 12\nworkers = 0")
    shorten(folder / "studies" / "base" / "resnet50.toml", 'weights = "imagenet"', 'weights = "random"')
    (folder / "data").mkdir()
    make_cub(folder / "data", train=1000, test=1010)
    make_cars(folder / "data", train=980, test=990)
    make_cars(folder / "downloads" / "stanford_cars", "by_class", train=980, test=990)
    make_sop(folder / "data", train=(300, 100), test=(310, 100))
    with tarfile.open(folder / "downloads" / "CUB_200_2011.tgz", "w:gz", compresslevel=1) as archive:
        archive.add(folder / "data" / "CUB_200_2011", "CUB_200_2011")
    for label in range(30):
        photos = folder / "studies" / "photos" / f"class {label}"
        photos.mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (40, 30), (8 * label, 9 * number, 99)).save(photos / f"{number}.jpg")
    shutil.copytree(folder / "studies" / "photos", folder / "birds")
    examples = "\n".join(blocks(ROOT / "docs" / "metrics.md", "python"))  # they save the embeddings of the commands
    with contextlib.chdir(folder):
        exec(examples, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cub200, "train", Half(100, 1000))
        patch.setattr(Cub200, "test", Half(100, 1010))
        patch.setattr(Cars196, "train", Half(98, 980))
        patch.setattr(Cars196, "test", Half(98, 990))
        patch.setattr(StanfordOnlineProducts, "train", Half(100, 300))
        patch.setattr(StanfordOnlineProducts, "test", Half(100, 310))
        yield folder


def shorten(study: Path, long: str, short: str) -> None:
    """Replace a setting of a copied study by one that takes less time."""
    text = study.read_text(encoding="utf-8")
    assert long in text, study
    study.write_text(text.replace(long, short), encoding="utf-8")


def expanded(word: str, folder: Path) -> list[str]:
    """The files that a pattern stands for, as a shell would give them."""
    if "*" not in word:
        return [word]
    found = sorted(path.relative_to(folder).as_posix() for path in folder.glob(word))
    assert found, word
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_runs(command: str, workplace: Path) -> None:
    program, *arguments = shlex.split(command)
    if program == "make":
        targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert arguments[0] in targets
        return
    if program == "pip":
        assert arguments[0] == "install"
        assert arguments[1].startswith("dmlcore[") or (ROOT / arguments[1]).is_dir()
        return
    assert program == "dmlcore", f"{command}: what is this?"
    arguments = [word for given in arguments for word in expanded(given, workplace)]
    if arguments[0] == "run":
        arguments.append("--smoke")
    invoke(*arguments, cwd=workplace)


def test_a_command_runs_in_a_process(workplace: Path) -> None:
    """All others run in this one."""
    assert run_dmlcore("describe", "triplet", cwd=workplace).stdout == invoke("describe", "triplet").stdout


@pytest.mark.parametrize("page", BY_THEMSELVES, ids=lambda page: page.name)
def test_every_study_and_table_loads(page: Path, tmp_path: Path) -> None:
    registry = Registry.of(discover())
    quickstart = ROOT / "studies" / "quickstart.toml"
    for number, block in enumerate(blocks(page, "toml")):
        if "project.entry-points" in block or "[best]" in block:  # tests/study/test_best.py runs such a study
            continue
        path = tmp_path / f"study{number}.toml"
        whole = "[[evaluators]]" in block
        path.write_text(block if whole else f'extends = "{quickstart}"\n{block}', encoding="utf-8")
        load_study(path, registry)


@pytest.mark.parametrize("page", [*BY_THEMSELVES, *HOOKS], ids=lambda page: page.name)
def test_every_plugin_in_the_pages_loads(page: Path, fake_plugin: Callable[..., None]) -> None:
    examples = [block for block in blocks(page, "python") if "hookimpl" in block]
    for number, block in enumerate(examples):
        fake_plugin(f"example-{number}", block)
    plugins = discover()
    assert [plugin.reason for plugin in plugins.failed] == []
    assert len([p for p in plugins.loaded if p.source.distribution.startswith("example-")]) == len(examples)


def test_the_example_in_the_pages_is_the_package() -> None:
    source = (ROOT / "docs/examples/dmlcore-angular/dmlcore_angular.py").read_text()
    assert source in blocks(ROOT / "docs/plugins.md", "python")


@pytest.mark.parametrize("page", [*PAGES, *HOOKS], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", ["reference", "losses"])
def test_the_made_pages_are_what_the_classes_say(name: str) -> None:
    script = ROOT / "docs" / f"make_{name}.py"
    code = f"import runpy; print(runpy.run_path({str(script)!r})['page'](), end='')"
    generated = python("-c", code).stdout
    assert (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") == generated, "run `make docs`"


STUDIES = [path for path in sorted((ROOT / "studies").rglob("*.toml")) if path.parent.name != "base"]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.relative_to(ROOT / "studies").as_posix())
def test_every_study_loads_and_says_its_command(path: Path) -> None:
    file = load_study(path, Registry.of(discover()))
    studies = "*.toml" if file.needs else path.name
    folder = path.parent.relative_to(ROOT).as_posix()
    assert path.read_text(encoding="utf-8").startswith(f"# dmlcore run {folder}/{studies}")
