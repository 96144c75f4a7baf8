"""What is listed in a tree of folders, and what is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dmlcore import DataError
from dmlcore.api import decoding
from dmlcore_plugins.datasets import image_names
from dmlcore_plugins.datasets.image_folder import ImageFolder
from plugins.datasets.archives import picture
from plugins.datasets.trees import lay_out, names_of, refusal


def four_classes(root: Path) -> Path:
    return lay_out(root, *(f"{name}/{i}.png" for name in "abcd" for i in range(3)))


def listed(root: Path) -> list[str]:
    return [name for split in ("train", "test") for name in names_of(ImageFolder(root=root).load(split))]  # type: ignore[arg-type]


def test_links_that_lead_up_or_to_listed_folders_add_nothing(tmp_path: Path) -> None:
    root = four_classes(tmp_path / "photos")
    before = listed(root)
    (root / "a/parent").symlink_to("..")
    (root / "b/above").symlink_to("../..")
    (root / "c/again").symlink_to("../a")
    (root / "d/itself").symlink_to("itself")
    (root / "z").symlink_to(root)
    assert listed(root) == before
    note = "skipped: 4 links to folders that are read already: a/parent, b/above, c/again, z"
    assert note in ImageFolder(root=root).load("train").notes


def test_a_folder_outside_is_read_once_through_two_links(tmp_path: Path) -> None:
    root = four_classes(tmp_path / "photos")
    lay_out(tmp_path / "outside", "inner/1.png", "2.png")
    (root / "outside").symlink_to(tmp_path / "outside")
    (root / "a/second").symlink_to(tmp_path / "outside/inner")
    assert [name for name in listed(root) if "outside" in name or "second" in name] == [
        "a: a/second/1.png",
        "outside: outside/2.png",
    ]


def test_a_root_that_is_a_link_and_linked_images_are_read(tmp_path: Path) -> None:
    root = four_classes(tmp_path / "photos")
    (root / "a/linked.png").symlink_to(root / "b/1.png")
    (tmp_path / "link").symlink_to(root)
    assert "a: a/linked.png" in listed(tmp_path / "link")


def test_links_to_missing_images_are_problems(tmp_path: Path) -> None:
    root = four_classes(tmp_path)
    (root / "a/gone.png").symlink_to("nowhere.png")
    assert refusal(DataError, ImageFolder(root=root)) == (
        "dataset.root: links to images that do not exist: a/gone.png. Restore the images, or remove the links."
    )


def test_every_format_of_photographs_that_pillow_reads_is_taken(tmp_path: Path) -> None:
    suffixes = [".avif", ".bmp", ".gif", ".jfif", ".jp2", ".JPG", ".png", ".ppm", ".tga", ".tiff", ".webp"]
    root = lay_out(tmp_path, "b/1.png")
    (root / "a").mkdir()
    for number, suffix in enumerate(suffixes):
        picture(number).save(root / f"a/{number:02}{suffix}")
    images = ImageFolder(root=root).load("train")
    assert [path.suffix for path in images.paths] == suffixes
    assert {images.image(index).mode for index in range(len(suffixes))} == {"RGB"}
    assert images.notes == ()


def test_files_that_are_not_taken_are_counted_by_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "find_spec", lambda _: None)
    image_names.image_suffixes.cache_clear()
    try:
        root = four_classes(tmp_path)
        lay_out(root, *(f"a/{i}.heic" for i in range(40)), "b/clip.mp4", "b/clip2.MP4", "c/README")
        assert ImageFolder(root=root).load("test").notes == (
            "not taken, as they are no images that Pillow can read: 40 .heic, 2 .mp4, 1 without a suffix"
            " (to read HEIF images: pip install 'dmlcore[heif]')",
        )
        lay_out(root, "e/1.heic")
        assert refusal(DataError, ImageFolder(root=root)) == (
            f"dataset.root: class folders without an image in {root}: e. Fill or remove them. Files that are not"
            " taken, as they are no images that Pillow can read: 41 .heic, 2 .mp4, 1 without a suffix (to read HEIF"
            " images: pip install 'dmlcore[heif]')."
        )
    finally:
        image_names.image_suffixes.cache_clear()


def test_the_litter_of_photo_programs_is_skipped_and_counted(tmp_path: Path) -> None:
    root = four_classes(tmp_path)
    before = listed(root)
    lay_out(root, "a/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", "b/@eaDir/2.jpg/x.jpg", "#recycle/old/1.jpg", "lost+found/")
    lay_out(
        root, "__MACOSX/a/._1.jpg", "c/.thumbnails/1.jpg", "c/Thumbs.db", "c/.DS_Store", "d/._1.png", ".cache/1.png"
    )
    assert listed(root) == before
    assert ImageFolder(root=root).load("train").notes == (
        "skipped: 2 @eaDir, 2 hidden, 1 #recycle, 1 .DS_Store, 1 .thumbnails, 1 Thumbs.db, 1 __MACOSX, 1 lost+found",
    )


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    root = four_classes(tmp_path)
    lay_out(root, *(f"loose{i}.png" for i in range(3000)), "empty/", "void/", "A/1.png", "__MACOSX/")
    (root / "b/gone.png").symlink_to("nowhere.png")
    assert refusal(DataError, ImageFolder(root=root)) == (
        "dataset.root: 4 problems:\n"
        "    - links to images that do not exist: b/gone.png. Restore the images, or remove the links.\n"
        f"    - images are directly in {root}, not in a class folder: loose0.png, loose1.png, loose10.png,"
        " loose100.png, loose1000.png, … (3,000 in all). Move each into the folder of its class.\n"
        f"    - class folders without an image in {root}: empty, void. Fill or remove them.\n"
        '    - class names are nearly equal: "A" = "a". If they are the same class, set dataset.merge_names = true,'
        " else dataset.merge_names = false."
    )


def test_listing_images_loads_no_torch(tmp_path: Path) -> None:
    root = four_classes(tmp_path)
    code = (
        "import sys; from pathlib import Path; from dmlcore_plugins.datasets.image_folder import ImageFolder;"
        f" ImageFolder(root=Path({str(root)!r})).load('train'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
