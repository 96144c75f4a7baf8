from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmlcore import DamagedDataError, DataError
from dmlcore_plugins.datasets.sop import StanfordOnlineProducts
from dmlcore_plugins.datasets.sop_reader import read

URL = "http://ftp.cs.stanford.edu/cs/cvgl/Stanford_Online_Products.zip"
HEADER = "image_id class_id super_class_id path"


def how_to_get(folder: Path) -> str:
    return (
        "Get it from Stanford:\n"
        f"    mkdir -p {folder} && cd {folder}\n"
        f"    curl -L -o Stanford_Online_Products.zip {URL}\n"
        "    md5sum Stanford_Online_Products.zip    # must be 7f73d41a2f44250d4779881525aea32e\n"
        "    unzip -q Stanford_Online_Products.zip"
    )


def refusal(root: Path) -> str:
    with pytest.raises(DataError) as refused:
        StanfordOnlineProducts(root=root).load("test")
    return str(refused.value)


def own_copy(sop: Path, base: Path) -> Path:
    """The lists, as files that a test may spoil, beside links to the folders."""
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


@pytest.mark.parametrize("around", ["Stanford_Online_Products", "sop", "Online-Products"])
def test_the_root_may_be_a_folder_around_it(sop: Path, tmp_path: Path, around: str) -> None:
    (tmp_path / around).symlink_to(sop / "Stanford_Online_Products", target_is_directory=True)
    assert len(StanfordOnlineProducts(root=tmp_path).load("test").labels) == 60502


def test_where_nothing_is_the_message_says_how_to_get_it(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        f"Stanford Online Products was not found in {tmp_path}, nor in a folder *online*products* or sop* below it.\n"
        f"Fetch it:\n    dmlcore data fetch sop --root {tmp_path}\n"
        f"Or by hand. {how_to_get(tmp_path)}\n"
        "If it lies elsewhere, set dataset.root in the study, or the environment variable DMLCORE_DATA."
    )


def test_other_numbers_of_images_are_refused(sop: Path, tmp_path: Path) -> None:
    base = own_copy(sop, tmp_path / "sop")
    lines = (base / "Ebay_test.txt").read_text().splitlines(keepends=True)
    (base / "Ebay_test.txt").write_text("".join(lines[:-1]))
    assert refusal(tmp_path) == (
        f"Stanford Online Products in {base} is damaged or of another edition: it has 22,634 classes, 59,551 images of"
        " the first 11,318 and 60,501 of the others; expected are 22,634 classes, 59,551 and 60,502 images."
        " Get it anew.\n"
        f"{how_to_get(base)}"
    )


def test_a_missing_folder_of_images_is_told(sop: Path, tmp_path: Path) -> None:
    base = own_copy(sop, tmp_path / "sop")
    (base / "kettle_final").unlink()
    said = refusal(tmp_path)
    assert said.startswith(f"Stanford Online Products in {base}: 20,00")
    assert said.endswith("(20,007 in all). Unpacking may have been cut short: unpack the archive again.")


@pytest.mark.parametrize("text", ["", "image_id path\n1 chair_final/0.JPG\n", f"{HEADER}\n1 1 1\n"])
def test_a_file_that_is_not_the_list_is_refused(tmp_path: Path, text: str) -> None:
    lists = small(tmp_path / "sop", (40, 30))
    lists[0].write_text(text)
    with pytest.raises(DamagedDataError) as caught:
        StanfordOnlineProducts(root=tmp_path).load("train")
    assert str(caught.value) == (
        f"Stanford Online Products: {lists[0]} is not the list of that name: expected are lines of {HEADER},"
        " the first of which says so. Get it anew."
    )


@pytest.mark.parametrize("side", [(224, 224), (224, 170), (300, 224)])
def test_the_copy_resized_to_224_pixels_is_refused(tmp_path: Path, side: tuple[int, int]) -> None:
    lists = small(tmp_path, side)
    with pytest.raises(DataError) as caught:
        read(*lists)
    assert str(caught.value) == (
        f"Stanford Online Products in {tmp_path} is a copy resized to 224 pixels, which circulates under the same name;"
        " published numbers are measured on the photographs in their own sizes. Get the archive"
        " Stanford_Online_Products.zip of Stanford (3.08 GB)."
    )


def test_a_photograph_may_have_224_pixels(tmp_path: Path) -> None:
    lists = small(tmp_path, (224, 168))
    for i in range(110, 120):
        Image.new("RGB", (400, 300)).save(tmp_path / f"chair_final/{i}.JPG")
    assert sum(map(len, read(*lists).values())) == 120
