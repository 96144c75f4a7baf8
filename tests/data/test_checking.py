"""Every image is looked at, and what a person must know of the data is said."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import numpy as np
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data.flags import Flags, content, lay_out
from dmlcore import DataError, DatasetConfig, ImageFiles, Split, option
from dmlcore.data.checking import check
from dmlcore.data.duplicates import equal_groups, near_groups
from dmlcore.data.inspection import difference_hash, look
from dmlcore_plugins.datasets.image_folder import ImageFolder
from running import invoke


def photo(seed: int, size: tuple[int, int] = (120, 90)) -> Image.Image:
    """Soft blobs of colour, as unlike from seed to seed as photographs are."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


@frozen
class Photos(DatasetConfig):
    """Photos in root/train and root/test; the class is what their names begin with."""

    name = "photos"
    root: Path = option(Path("photos"), help="folder of the files")

    def load(self, split: Split) -> ImageFiles:
        paths = sorted((self.root / split).iterdir())
        names = sorted({path.name.partition("_")[0] for path in paths})
        return ImageFiles(paths, np.array([names.index(path.name.partition("_")[0]) for path in paths]), names)


def lay_photos(root: Path = Path("photos")) -> Path:
    for split, classes in (("train", "ab"), ("test", "cd")):
        (root / split).mkdir(parents=True)
        for number, name in enumerate(classes):
            for i in range(3):
                photo(100 * number + i + (50 if split == "test" else 0)).save(root / split / f"{name}_{i}.jpg")
    return root


def report(*, near_bits: int = 4, name_all: bool = False) -> tuple[list[str], bool]:
    made = check(Photos(), near_bits, name_all)
    return list(made.lines), made.broken


def test_a_good_data_set(tmp_path: Path) -> None:
    lay_photos(tmp_path / "photos")
    lines, broken = report()
    assert lines == [
        "photos: 12 images in photos",
        "  train             6 images of 2 classes, 3 to 3 per class, median 3",
        "  test              6 images of 2 classes, 3 to 3 per class, median 3",
        "  classes           train and test share none",
        "  shorter side      90 to 90 pixels, median 90",
        "  unreadable        none",
        "  grayscale         none",
        "  CMYK              none",
        "  rotated by EXIF   none",
        "  identical files   none",
        "  similar images    none",
        "                    (difference hashes that differ in at most 4 bits of 64; a hint, not proof)",
    ]
    assert not broken


def test_everything_that_can_be_noted() -> None:
    root = lay_photos()
    photo(0).convert("L").save(root / "train/a_grey.png")
    photo(900).convert("CMYK").save(root / "train/b_press.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(901).rotate(90, expand=True).save(root / "train/b_turned.jpg", exif=exif)
    photo(901).save(root / "test/c_upright.jpg", quality=60)
    shutil.copy(root / "train/a_1.jpg", root / "test/d_copy.jpg")
    shutil.copy(root / "test/c_0.jpg", root / "test/c_copy.jpg")
    Image.new("RGB", (40, 30), "white").save(root / "train/a_blank.png")
    (root / "test/c_broken.jpg").write_bytes((root / "test/c_1.jpg").read_bytes()[:900])
    (root / "test/d_text.jpg").write_bytes(b"hello")
    lines, broken = report()
    facts = "\n".join(lines[5:])
    assert facts.startswith(
        "  unreadable        2 images\n"
        "                    test/c_broken.jpg: can't read the image (image file is truncated"
    )
    assert "                    test/d_text.jpg: can't read the image (cannot identify image file)." in facts
    assert (
        "  grayscale         1 image\n"
        "                    train/a_grey.png\n"
        "  CMYK              1 image\n"
        "                    train/b_press.jpg\n"
        "  rotated by EXIF   1 image\n"
        "                    train/b_turned.jpg\n"
        "  identical files   2 groups of 4 images; across train and test: 1; of different classes: 1\n"
        "                    train/a_1.jpg = test/d_copy.jpg\n"
        "                    test/c_0.jpg = test/c_copy.jpg\n"
        "  similar images    2 groups of 4 images; across train and test: 1; of different classes: 1\n"
        "                    train/b_turned.jpg = test/c_upright.jpg\n"
        "                    train/a_0.jpg = train/a_grey.png\n"
        "                    (difference hashes that differ in at most 4 bits of 64; a hint, not proof)\n"
        "                    (without 1 flat image)"
    ) in facts
    assert broken


def test_a_drive_that_fails_ends_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    lay_photos()

    def fail(path: Path) -> bytes:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Path, "read_bytes", fail)
    monkeypatch.setattr("dmlcore.api.drives.time.sleep", lambda seconds: None)
    with pytest.raises(DataError, match=r"Stale file handle, in 4 attempts .*\nThe drive at .* may be disconnected"):
        check(Photos())


def deep_folder(root: Path, bits: dict[str, int]) -> None:
    """Three gray images of each class, stored in 16 bits."""
    for number, (name, depth) in enumerate(bits.items()):
        (root / name).mkdir(parents=True)
        for i in range(3):
            gray = np.asarray(photo(100 * number + i).convert("L"), float)
            gray = 255 * (gray - gray.min()) / np.ptp(gray)
            Image.fromarray(np.rint(gray / 255 * (2**depth - 1)).astype(np.uint16)).save(root / name / f"{i}.png")


def deep_lines(root: Path, **options: object) -> list[str]:
    lines = check(ImageFolder(root=root, **options)).lines
    start = next(index for index, line in enumerate(lines) if line.startswith("  above 8 bits"))
    end = next(index for index, line in enumerate(lines) if line.startswith("  identical files"))
    return [line.strip() for line in lines[start:end]]


def test_the_scale_of_images_above_8_bits(tmp_path: Path) -> None:
    deep_folder(tmp_path, {"a": 12, "b": 12})
    assert deep_lines(tmp_path) == [
        "above 8 bits      6 images",
        "16-bit: 6 images; white is 4,095, by the values of 6 images; largest value 4,095",
    ]
    assert deep_lines(tmp_path, depth=14) == [
        "above 8 bits      6 images",
        "16-bit: 6 images; white is 16,383, depth = 14; largest value 4,095",
        "16-bit: dark; if white is less, set dataset.depth of image_folder",
    ]


def test_cameras_of_different_depths_are_shown(tmp_path: Path) -> None:
    deep_folder(tmp_path, {"a": 12, "b": 16})
    assert deep_lines(tmp_path)[1:] == [
        "16-bit: 6 images; white is 65,535, by the values of 6 images; largest value 65,535",
        "16-bit: the values need 12 bits in 3 images, 16 bits in 3 images;"
        " with several cameras, convert the images to 8 bits",
    ]


def test_deep_images_have_the_difference_hash_of_8_bits(tmp_path: Path) -> None:
    deep_folder(tmp_path, {"a": 12, "b": 12})
    images = ImageFolder(root=tmp_path).load("train")
    assert look(images, 0).difference_hash == difference_hash(images.image(0))


def test_a_similar_image_includes_its_copies() -> None:
    root = lay_photos()
    shutil.copy(root / "train/a_0.jpg", root / "test/c_copy.jpg")
    photo(0).save(root / "train/a_again.jpg", quality=50)
    assert "                    train/a_0.jpg = train/a_again.jpg = test/c_copy.jpg" in report()[0]


def test_five_are_named_and_all_where_that_is_asked_for() -> None:
    root = lay_photos()
    for i in range(7):
        photo(1000 + i).convert("L").save(root / f"train/a_grey{i}.png")
    lines, _ = report()
    assert lines[6:12] == ["  grayscale         7 images"] + [f"{'':20}train/a_grey{i}.png" for i in range(5)]
    assert lines[12] == f"{'':20}… and 2 more; --all names them"
    assert f"{'':20}train/a_grey6.png" in report(name_all=True)[0]


def test_classes_in_both_splits_are_broken() -> None:
    root = lay_photos()
    photo(1).save(root / "test/a_0.jpg")
    lines, broken = report()
    assert "  classes           1 class in both train and test" in lines
    assert f"{'':20}a" in lines
    assert broken


def test_thousands_of_classes_in_both_splits_are_not_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    path = lay_photos() / "train/a_0.jpg"
    names = tuple(f"class {number}" for number in range(3000))
    both = ImageFiles([path] * 3000, np.arange(3000), names)
    seen = look(both, 0)
    monkeypatch.setattr(Photos, "load", lambda *_: both)
    monkeypatch.setattr("dmlcore.data.checking.look", lambda *_: seen)
    lines = check(Photos()).lines
    start = lines.index("  classes           3,000 classes in both train and test")
    assert lines[start + 1] == f"{'':20}class 0"
    assert lines[start + 6] == f"{'':20}… and 2,995 more; --all names them"
    assert max(map(len, lines)) < 200


def test_notes_of_both_splits_are_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    root = lay_photos()

    def load(_: Photos, split: Split) -> ImageFiles:
        paths = sorted((root / split).iterdir())
        return ImageFiles(paths, np.repeat([0, 1], 3), [split, f"{split} 2"], root, ["3 .txt", f"of {split}"])

    monkeypatch.setattr(Photos, "load", load)
    lines = list(check(Photos()).lines)
    start = lines.index("  notes             3 .txt")
    assert lines[start + 1 : start + 3] == [f"{'':20}of train", f"{'':20}of test"]


def test_problems_of_a_folder_and_of_its_images_come_in_one_go(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for i in range(2):
            photo(i + ord(name)).save(tmp_path / f"mine/{name}/{i}.jpg")
    photo(0).save(tmp_path / "mine/loose.jpg")
    (tmp_path / "mine/a/1.jpg").write_bytes(b"hello")
    (tmp_path / "mine/empty").mkdir()
    (tmp_path / "mine/__MACOSX").mkdir()
    done = invoke("data", "check", "image_folder", "--root", "mine", code=3)
    assert done.stdout.startswith(
        "image_folder: 5 images in mine\n"
        "  problems          dataset.root: 2 problems:\n"
        "                        - images are directly in mine, not in a class folder: loose.jpg. Move each into the"
        " folder of its class.\n"
        "                        - class folders without an image in mine: empty. Fill or remove them.\n"
        "  all               5 images of 3 classes, 1 to 2 per class, median 2\n"
        "  notes             skipped: 1 __MACOSX\n"
        "  shorter side      90 to 90 pixels, median 90\n"
        "  unreadable        1 image\n"
        "                    a/1.jpg: can't read the image (cannot identify image file).\n"
    )


def test_the_reader_refuses_another_edition() -> None:
    lay_out(Path("data/inner"), content(3))
    with pytest.raises(DataError, match=r"Flags: 3 of 4 images in data/inner/train\."):
        check(Flags())


def test_generated_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmlcore.api.progress_bar.SECONDS_A_LINE", 0)
    done = invoke("data", "check", "glyphs", "--set", "classes=8", "--set", "images_per_class=3")
    assert done.stdout.startswith(
        "glyphs: 24 images, generated\n  train             12 images of 4 classes, 3 to 3 per class, median 3\n"
    )
    assert "  train images: 12 images in " in done.stderr


def test_the_command_ends_with_3_where_something_is_broken(tmp_path: Path) -> None:
    for name in ("one", "two"):
        for i in range(2):
            (tmp_path / "mine" / name).mkdir(parents=True, exist_ok=True)
            photo(i).save(tmp_path / "mine" / name / f"{i}.jpg")
    command = ["data", "check", "image_folder", "--set", "root=mine"]
    done = invoke(*command)
    assert "identical files   2 groups of 4 images; across train and test: 2" in done.stdout
    (tmp_path / "mine/one/0.jpg").write_bytes(b"")
    broken = invoke(*command, code=3)
    assert "  unreadable        1 image\n" in broken.stdout


def test_the_difference_hash_is_that_of_its_definition() -> None:
    ramp = Image.fromarray(np.tile(np.arange(0, 90, 10, dtype=np.uint8), (8, 1)))
    assert difference_hash(ramp) == 2**64 - 1
    assert difference_hash(ramp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) == 0
    one = np.zeros((8, 9), dtype=np.uint8)
    one[0, 1] = 200
    assert difference_hash(Image.fromarray(one)) == 1 << 63
    assert difference_hash(Image.new("RGB", (50, 50), "white")) is None


@pytest.mark.parametrize("size", [(500, 375), (64, 48)])
def test_the_difference_hash_survives_saving_and_resizing(tmp_path: Path, size: tuple[int, int]) -> None:
    for seed in range(20):
        photo(seed, (1000, 750)).resize(size).save(tmp_path / "a.jpg", quality=40)
        seen = look(ImageFiles([tmp_path / "a.jpg"], np.array([0]), ["a"]), 0)
        other = difference_hash(photo(seed, (1000, 750)))
        assert seen.difference_hash is not None
        assert other is not None
        assert (seen.difference_hash ^ other).bit_count() <= 4


@given(
    st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 300), max_size=40),
    st.integers(0, 6),
)
def test_near_groups_are_those_of_all_pairs(hashes: list[int], most_bits: int) -> None:
    groups = list(range(len(hashes)))
    for i, one in enumerate(hashes):
        for j, other in enumerate(hashes):
            if (one ^ other).bit_count() <= most_bits:
                groups = [groups[i] if group == groups[j] else group for group in groups]
    assert sorted(near_groups(hashes, most_bits)) == sorted(equal_groups(groups))


def test_near_groups_of_many_are_found_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmlcore.data.duplicates.PAIRS_AT_ONCE", 2000)
    rng = np.random.default_rng(0)
    hashes = [int(bits) for bits in rng.integers(0, 2**63, 500, dtype=np.uint64)]
    chain = [hashes[0] ^ 1, hashes[0] ^ 3, hashes[0] ^ 7]
    assert near_groups([*hashes, *chain], 1) == [(0, 500, 501, 502)]


def test_nothing_is_no_group() -> None:
    assert near_groups([], 4) == []
