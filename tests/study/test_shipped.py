"""Study files by name: a local file wins, then those that ship with dmlcore."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dmlcore.errors import StudyError
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from dmlcore.study.shipped import base_folder, shipped_folder, shipped_names, study_file, study_files
from running import invoke

SHIPPED = shipped_folder()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "given",
    ["photos", "photos.toml", "studies/photos", "studies/photos.toml", str(SHIPPED / "photos.toml")],
)
def test_a_shipped_study_has_many_spellings(given: str) -> None:
    assert study_files(Path(given)) == [SHIPPED / "photos.toml"]


@pytest.mark.parametrize(
    "given",
    ["assignment/glyphs", "studies/assignment/glyphs", "studies/assignment/glyphs/*.toml", "assignment/glyphs/*"],
)
def test_a_folder_or_a_pattern_names_its_studies(given: str) -> None:
    files = study_files(Path(given))
    assert [path.name[0] for path in files] == list("12345")
    assert {path.parent for path in files} == {SHIPPED / "assignment/glyphs"}
    with pytest.raises(StudyError, match=r"names 5 study files\. Give one: .*1_dimension\.toml, "):
        study_file(Path(given))


@pytest.mark.parametrize("local", ["photos", "photos.toml", "studies/photos.toml"])
def test_a_local_file_wins(local: str) -> None:
    Path("studies").mkdir()
    Path(local).touch()
    assert study_files(Path("photos")) == [Path(local)]


def test_a_folder_of_images_is_no_study() -> None:
    Path("photos").mkdir()
    assert study_files(Path("photos")) == [SHIPPED / "photos.toml"]


def test_local_folders_and_patterns() -> None:
    Path("mine").mkdir()
    for name in ("b", "a"):
        Path(f"mine/{name}.toml").touch()
    expected = [Path("mine/a.toml"), Path("mine/b.toml")]
    assert study_files(Path("mine")) == study_files(Path("mine/*.toml")) == expected


def test_an_unknown_name_lists_near_ones_and_those_that_ship() -> None:
    Path("quack.toml").touch()
    with pytest.raises(StudyError) as caught:
        study_files(Path("quickstar"))
    first, second = str(caught.value).splitlines()
    assert first == "quickstar: study file not found. Did you mean 'quickstart'?"
    assert second.startswith(
        "Studies that ship with dmlcore: assignment/cars/…, assignment/cub/…, assignment/glyphs/…, "
        "assignment/photos/…, "
    )
    assert second.endswith(" quickstart, recipes/…. `dmlcore init` writes one for your own images.")
    assert ", cub_triplet, " in second
    with pytest.raises(StudyError, match=r"^quack.tom: study file not found\. Did you mean 'quack\.toml'\?"):
        study_files(Path("quack.tom"))
    with pytest.raises(
        StudyError, match=r"Give one of assignment/cars, assignment/cub, assignment/glyphs, assignment/photos\.$"
    ):
        study_files(Path("assignment"))


@pytest.mark.parametrize(
    "given", [".", "", "..", "../photos", "/photos", "no\0name", "no\0/*", "x" * 300, "**", "a**b", "[", "photos*/**"]
)
def test_what_is_no_name_finds_nothing(given: str) -> None:
    with pytest.raises(StudyError):
        study_files(Path(given))


def test_paths_in_a_shipped_study_are_relative_to_the_working_folder(tmp_path: Path) -> None:
    file = load_study(study_file(Path("photos")), Registry.of(discover()))
    assert file.study.dataset.root == Path("photos")  # type: ignore[attr-defined]
    assert file.study.name == "photos"
    assert file.runs[0].settings["dataset"]["root"] == "photos"  # type: ignore[index]
    copied = tmp_path / "elsewhere" / "photos.toml"
    copied.parent.mkdir()
    copied.write_bytes(file.path.read_bytes())
    local = load_study(copied, Registry.of(discover()))
    assert local.study.dataset.root == copied.parent / "photos"  # type: ignore[attr-defined]


def test_shipped_studies_find_those_that_they_extend_and_need() -> None:
    file = load_study(study_file(Path("assignment/glyphs/4_triplet")), Registry.of(discover()))
    assert file.study.loss.name == "triplet"
    assert [path.parent for path in file.needs] == [SHIPPED / "assignment/glyphs"] * 3


def test_in_the_repository_studies_are_files_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert base_folder(SHIPPED) == Path()
    monkeypatch.chdir(SHIPPED.parent)
    assert base_folder(SHIPPED) == SHIPPED
    assert study_file(Path("photos")) == Path("studies/photos.toml")


def test_names_are_those_of_complete_studies() -> None:
    names = shipped_names()
    assert {"photos", "assignment/cub/1_dimension", "recipes/cub_hist"} <= set(names)
    assert not [name for name in names if name.startswith("base/")]


def test_commands_take_names() -> None:
    """From a folder without any study, on images in ./photos."""
    for label in range(24):
        Path(f"photos/{label}").mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (8, 8), (8 * label, 9 * number, 99)).save(f"photos/{label}/{number}.png")
    first, *lines = invoke("check", "photos").stdout.splitlines()
    assert first.startswith(f"{SHIPPED}/photos.toml: ")
    assert "  data     train 60 images of 12 classes, test 60 images of 12 classes" in lines
    assert any(line.startswith("  batch    48 images of 12 classes;") for line in lines)
    assert invoke("results", "studies/photos.toml", "--csv").stdout.count("pending") == 3
    invoke("plan", "photo", code=2)
    invoke("notebook", "assignment/glyphs", code=2)
    invoke("notebook", "photos")
    assert Path("photos.ipynb").is_file()
