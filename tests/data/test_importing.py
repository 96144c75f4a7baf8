"""Files that a person has are recognised, checked and copied, and stay as they are."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from data.flags import Flags, content, lay_out, md5, tarred, tree, way, zipped
from dmlcore import Archive, DataError, StudyError, Way
from dmlcore.data.importing import import_files

FILES = content()
TGZ = tarred(FILES)
MINE = Path("mine")
ROOT = Path("data")
WAYS = (
    way("flags.tgz", TGZ),
    Way("Two", (Archive("images.zip", unpacked=10**6), Archive("list.txt", checksum=md5(b"a list\n")))),
)
FLAGS = Flags(ways=WAYS)
DONE = "Flags is in {}: train 4 images of 2 classes, test 4 images of 2 classes."
EXPECTED = (
    "Expected the unpacked folder, or\n"
    f"    Get it: flags.tgz (md5 {md5(TGZ)[4:]})\n"
    f"    Two: images.zip and list.txt (md5 {md5(b'a list' + bytes([10]))[4:]})"
)


def done(path: Path, *, link: bool = False) -> str:
    """Imports what lies at a path, which must not change."""
    before = tree(MINE)
    said = import_files(FLAGS, path, link)
    assert tree(MINE) == before
    assert not (ROOT / ".flags.partial").exists()
    return said


def refused(path: Path, *, link: bool = False, error: type[Exception] = DataError) -> str:
    before = tree(MINE)
    with pytest.raises(error) as caught:
        import_files(FLAGS, path, link)
    assert tree(MINE) == before
    assert not (ROOT / ".flags.partial").exists()
    assert not (ROOT / "flags").exists()
    return str(caught.value)


@pytest.mark.parametrize("given", ["", "inner"])
def test_an_unpacked_folder_is_copied_without_the_files_next_to_it(tmp_path: Path, given: str) -> None:
    lay_out(MINE / "inner", FILES)
    lay_out(MINE, {"holiday/beach.jpg": b"private"})
    assert done(MINE / given) == DONE.format(tmp_path / "data/flags")
    assert tree(ROOT) == {f"flags/{name}": data for name, data in FILES.items()}
    assert not (ROOT / "flags/list.txt").samefile(MINE / "inner/list.txt")


def test_links_that_lead_back_are_not_copied(tmp_path: Path) -> None:
    home = lay_out(MINE / "inner", FILES)
    (home / "up").symlink_to("..")
    (home / "train/across").symlink_to("../test")
    (home / "test/back").symlink_to("../train")
    done(MINE / "inner")
    copied = [path for path in (tmp_path / "data/flags").rglob("*") if path.is_file()]
    assert len(copied) == 9 + 4 + 4  # once more: the test images in train/across, the training images in test/back


def test_a_link_in_the_place_of_a_copy(tmp_path: Path) -> None:
    lay_out(MINE / "inner", FILES)
    home = tmp_path / "mine/inner"
    assert done(MINE, link=True) == (
        f"Flags is in {tmp_path}/data/flags, a link to {home}: train 4 images of 2 classes, test 4 images of 2 classes."
    )
    assert (ROOT / "flags").readlink() == home
    assert len(FLAGS.load("train").paths) == 4


@pytest.mark.parametrize("name", ["flags.tgz", "download (1)"])
def test_an_archive_is_unpacked_whatever_its_name(tmp_path: Path, name: str) -> None:
    lay_out(MINE, {name: TGZ})
    assert done(MINE / name) == DONE.format(tmp_path / "data/flags")
    assert set(tree(ROOT)) == {f"flags/inner/{name}" for name in FILES}


@pytest.mark.parametrize("given", ["", "images.zip", "list.txt"])
def test_archives_that_belong_together_are_found_by_any_of_them(given: str) -> None:
    lay_out(MINE, {"images.zip": zipped(content(lists=False)), "list.txt": b"a list\n", "other.zip": b"?"})
    done(MINE / given)
    assert set(tree(ROOT)) == {f"flags/{name}" for name in FILES}


def test_a_repacked_archive_is_judged_by_what_it_holds(tmp_path: Path, notes: list[str]) -> None:
    repacked = tarred(FILES | {"readme.txt": b"packed by me"})
    lay_out(MINE, {"flags.tgz": repacked})
    assert done(MINE / "flags.tgz") == DONE.format(tmp_path / "data/flags")
    assert "flags.tgz" in notes[0]
    assert md5(repacked)[4:] in notes[0]
    assert md5(TGZ)[4:] in notes[0]


def test_what_is_there_is_not_replaced() -> None:
    lay_out(ROOT / "inner", FILES)
    lay_out(MINE, {"flags.tgz": TGZ})
    assert done(MINE / "flags.tgz") == (
        f"Flags is already in {FLAGS.source().home}: train 4 images of 2 classes, test 4 images of 2 classes."
        " Nothing was imported."
    )
    assert set(tree(ROOT)) == {f"inner/{name}" for name in FILES}


def test_another_edition_is_refused() -> None:
    old = tarred(content(3))
    lay_out(MINE, {"flags.tgz": old})
    lay_out(MINE / "old", content(3))
    assert refused(MINE / "flags.tgz") == f"mine/flags.tgz: Flags: 3 of 4 images in <unpacked>/inner/train.\n{EXPECTED}"
    assert refused(MINE / "old").startswith("Flags: 3 of 4 images in ")


def test_something_else_is_refused(tmp_path: Path) -> None:
    lay_out(MINE, {"notes.txt": b"hello", "bad.zip": zipped({"../out": b"x"}), "images.zip": zipped(FILES)[:-9]})
    lay_out(MINE / "empty", {"x": b""})
    assert refused(MINE / "notes.txt") == f"mine/notes.txt is not an archive, or is damaged.\n{EXPECTED}"
    assert refused(MINE / "images.zip") == f"mine/images.zip is not an archive, or is damaged.\n{EXPECTED}"
    assert "a path that leads out of the folder: '../out'" in refused(MINE / "bad.zip")
    assert refused(MINE / "empty") == f"Flags: nothing in {tmp_path}/mine/empty.\n{EXPECTED}"
    assert refused(MINE / "none").startswith("mine/none: ")


def test_a_link_to_an_archive_is_refused() -> None:
    lay_out(MINE, {"flags.tgz": TGZ})
    for path in (MINE / "flags.tgz", MINE):
        said = refused(path, link=True, error=StudyError)
        assert said.startswith("--link needs an unpacked folder")
        assert str(path) in said


@pytest.mark.parametrize("given", ["inner", "flags.tgz"])
def test_a_full_disk_is_reported_first(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    lay_out(MINE / "inner", FILES)
    lay_out(MINE, {"flags.tgz": TGZ})
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 100))
    said = refused(MINE / given)
    assert "100 bytes are free" in said
    assert "--root" in said
