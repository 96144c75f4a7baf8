from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmlcore import DamagedDataError, DataError
from dmlcore_plugins.datasets.published import Half
from dmlcore_plugins.datasets.sop import StanfordOnlineProducts, read
from plugins.datasets.archives import make_sop

HEADER = "image_id class_id super_class_id path"


def refusal(root: Path) -> str:
    with pytest.raises(DataError) as refused:
        StanfordOnlineProducts(root=root).load("test")
    return str(refused.value)


def own_copy(sop: Path, base: Path) -> Path:
    """The lists, as files that a test may spoil, with links to the folders."""
    base.mkdir(parents=True)
    for entry in (sop / "Stanford_Online_Products").iterdir():
        if entry.is_dir():
            (base / entry.name).symlink_to(entry)
        else:
            (base / entry.name).write_bytes(entry.read_bytes())
    return base


def small(base: Path, side: tuple[int, int], images: int = 60) -> tuple[Path, Path]:
    """Lists of a few images of a size."""
    (base / "chair_final").mkdir(parents=True)
    for i in range(2 * images):
        Image.new("RGB", side).save(base / f"chair_final/{i}.JPG")
    lists = base / "Ebay_train.txt", base / "Ebay_test.txt"
    for half, file in enumerate(lists):
        rows = [f"{i + 1} {i // 5 + 1} 1 chair_final/{i}.JPG" for i in range(half * images, (half + 1) * images)]
        file.write_text("\n".join([HEADER, *rows]))
    return lists


def test_the_lists_say_what_trains_and_what_tests(sop: Path) -> None:
    train, test = StanfordOnlineProducts(root=sop).load("train"), StanfordOnlineProducts(root=sop).load("test")
    for images, count, classes in ((train, 59551, 11318), (test, 60502, 11316)):
        assert images.labels.dtype == np.int64
        assert images.labels.shape == (count,)
        assert len(images.class_names) == len(set(images.class_names)) == classes
        assert len(set(images.paths)) == count
    assert train.class_names[:2] == ("cabinet/1", "chair/2")
    assert not set(train.class_names) & set(test.class_names)
    for images in (train, test):
        for label, path in zip(images.labels[::1000], images.paths[::1000], strict=True):
            kind, number = images.class_names[label].split("/")
            assert path.parent.name == f"{kind}_final"
            assert path.name.startswith(f"{110000000000 + int(number)}_")
    assert pickle.loads(pickle.dumps(test)).image(0).mode == "RGB"


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds an edition of few images."""
    monkeypatch.setattr(StanfordOnlineProducts, "train", Half(classes=30, images=90))
    monkeypatch.setattr(StanfordOnlineProducts, "test", Half(classes=31, images=95))
    return make_sop(tmp_path / "made", train=(90, 30), test=(95, 31))


@pytest.mark.parametrize("around", ["Stanford_Online_Products", "sop", "Online-Products"])
def test_the_root_may_be_a_folder_around_it(few: Path, tmp_path: Path, around: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / around).symlink_to(few / "Stanford_Online_Products", target_is_directory=True)
    assert len(StanfordOnlineProducts(root=root).load("test").labels) == 95


def test_missing_files_are_reported_with_the_command_to_run(tmp_path: Path) -> None:
    said = refusal(tmp_path)
    assert said.startswith(f"Stanford Online Products was not found in {tmp_path}")
    assert f"\n    dmlcore data fetch sop --root {tmp_path}\n" in said


def test_other_numbers_of_images_are_refused(sop: Path, tmp_path: Path) -> None:
    base = own_copy(sop, tmp_path / "sop")
    lines = (base / "Ebay_test.txt").read_text().splitlines(keepends=True)
    (base / "Ebay_test.txt").write_text("".join(lines[:-1]))
    said = refusal(tmp_path)
    assert said.startswith(f"Stanford Online Products: {base} ")
    for half in ("22,634 classes", "59,551 images of the first 11,318", "60,502 of the others", "60,501 of the others"):
        assert half in said
    assert f"\n    dmlcore data fetch sop --root {tmp_path}" in said


def test_a_missing_folder_of_images_is_reported(few: Path, tmp_path: Path) -> None:
    base = own_copy(few, tmp_path / "own" / "sop")
    gone = len(list((base / "kettle_final").iterdir()))
    (base / "kettle_final").unlink()
    said = refusal(base.parent)
    assert said.startswith(f"Stanford Online Products: {gone} of 185 images are missing in {base}: kettle_final/")
    assert f"({gone} in all)" in said


@pytest.mark.parametrize("text", ["", "image_id path\n1 chair_final/0.JPG\n", f"{HEADER}\n1 1 1\n"])
def test_a_file_that_is_not_the_list_is_refused(tmp_path: Path, text: str) -> None:
    lists = small(tmp_path / "sop", (40, 30))
    lists[0].write_text(text)
    with pytest.raises(DamagedDataError) as caught:
        StanfordOnlineProducts(root=tmp_path).load("train")
    assert str(caught.value).startswith(f"Stanford Online Products: {lists[0]} ")
    assert HEADER in str(caught.value)


@pytest.mark.parametrize("side", [(224, 224), (224, 170), (300, 224)])
def test_the_copy_resized_to_224_pixels_is_refused(tmp_path: Path, side: tuple[int, int]) -> None:
    lists = small(tmp_path, side)
    with pytest.raises(DataError, match="a copy resized to 224 pixels"):
        read(*lists)


def test_a_photograph_may_have_224_pixels(tmp_path: Path) -> None:
    lists = small(tmp_path, (224, 168))
    for i in range(110, 120):
        Image.new("RGB", (400, 300)).save(tmp_path / f"chair_final/{i}.JPG")
    assert sum(map(len, read(*lists).values())) == 120
