"""Pictures are made when they are needed, once, and only of the images that the results are of."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import field, frozen
from PIL import Image

from dmlcore.api.images import ImageFiles
from dmlcore.errors import DataError
from dmlcore.report.figures.pictures import PICTURES, SIDE, Pictures, sprite, study_pictures
from dmlcore.results.store import load_tensors, save_tensors


@frozen(eq=False)
class Colors:
    """Images of one color each, which remember which were asked for."""

    labels: np.ndarray
    class_names: Sequence[str] = ("a", "b")
    size: tuple[int, int] = (300, 200)
    asked: list[int] = field(factory=list)

    def image(self, index: int) -> Image.Image:
        self.asked.append(index)
        if index == 9:
            raise DataError("nine.jpg: the image is gone.")
        return Image.new("RGB", self.size, (10 * index, 200 - 10 * index, 99))


LABELS = np.repeat(np.arange(2), 5)


def color(pictures: Pictures, index: int) -> tuple[int, ...]:
    image = pictures.image(index)
    assert image.size == (SIDE, SIDE)
    return image.getpixel((40, 40))  # type: ignore[return-value]


def test_only_what_is_wanted_is_made_and_it_is_made_once(tmp_path: Path) -> None:
    images = Colors(LABELS)
    first = study_pictures(tmp_path, [3, 1, 3], LABELS, ("a", "b"), images)
    assert images.asked == [3, 1]
    more = study_pictures(tmp_path, [1, 4], LABELS, ("a", "b"), images)
    assert images.asked == [3, 1, 4]
    without = study_pictures(tmp_path, [4, 3, 1], LABELS, ("a", "b"), None)
    assert without.missing == ""
    for index in (1, 3, 4):
        expected = (10 * index, 200 - 10 * index, 99)
        assert np.abs(np.subtract(color(without, index), expected)).max() <= 4
    assert 3 in first
    assert 2 not in more


def test_names_of_images_are_kept_with_their_pictures(tmp_path: Path) -> None:
    class_and_number = {1: "a 2", 5: "b 1"}
    assert study_pictures(tmp_path, [1, 5], LABELS, ("a", "b"), Colors(LABELS)).names == class_and_number
    assert study_pictures(tmp_path, [1, 5], LABELS, ("a", "b"), None).names == class_and_number


def test_pictures_of_older_versions_have_no_names_until_the_images_are_there(tmp_path: Path) -> None:
    study_pictures(tmp_path, [1], LABELS, ("a", "b"), Colors(LABELS))
    arrays, metadata = load_tensors(tmp_path / PICTURES)
    metadata.pop("checksum")
    save_tensors(tmp_path / PICTURES, {name: array for name, array in arrays.items() if name != "names"}, metadata)
    old = study_pictures(tmp_path, [1], LABELS, ("a", "b"), None)
    assert (1 in old, old.names, old.missing) == (True, {}, "")
    images = Colors(LABELS)
    assert study_pictures(tmp_path, [1], LABELS, ("a", "b"), images).names == {1: "a 2"}
    assert images.asked == []


def test_image_files_are_named_by_their_files(tmp_path: Path) -> None:
    paths = [tmp_path / name / f"{name}_{number}.png" for name in ("a", "b") for number in range(5)]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    images = ImageFiles(paths, LABELS, ("a", "b"), tmp_path)
    assert study_pictures(tmp_path, [1, 7], LABELS, ("a", "b"), images).names == {1: "a_1.png", 7: "b_2.png"}


def test_without_images_the_report_says_so(tmp_path: Path) -> None:
    pictures = study_pictures(tmp_path, [1], LABELS, ("a", "b"), None)
    assert 1 not in pictures
    assert "not available" in pictures.missing
    assert not (tmp_path / PICTURES).exists()


def test_another_data_set_is_not_taken_for_the_one_measured(tmp_path: Path) -> None:
    study_pictures(tmp_path, [1], LABELS, ("a", "b"), Colors(LABELS))
    pictures = study_pictures(tmp_path, [1], LABELS[::-1], ("a", "b"), None)
    assert 1 not in pictures, "the cache is of other labels"
    changed = study_pictures(tmp_path, [1], LABELS, ("a", "c"), Colors(LABELS))
    assert 1 not in changed
    assert "data set has changed" in changed.missing


def test_pictures_of_files_that_changed_since_are_drawn_again(tmp_path: Path) -> None:
    study_pictures(tmp_path, [1], LABELS, ("a", "b"), Colors(LABELS), "before")
    images = Colors(LABELS)
    assert 1 in study_pictures(tmp_path, [1], LABELS, ("a", "b"), images, "now")
    assert images.asked == [1]


def test_an_image_that_is_gone_costs_its_pictures_alone(tmp_path: Path) -> None:
    pictures = study_pictures(tmp_path, [1, 9], LABELS, ("a", "b"), Colors(LABELS))
    assert pictures.missing.endswith("nine.jpg: the image is gone.")


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / PICTURES).write_bytes(b"not safetensors")
    assert 2 in study_pictures(tmp_path, [2], LABELS, ("a", "b"), Colors(LABELS))
    assert 2 in study_pictures(tmp_path, [2], LABELS, ("a", "b"), None)


def test_a_cache_with_a_flipped_bit_is_drawn_again(tmp_path: Path) -> None:
    study_pictures(tmp_path, [2], LABELS, ("a", "b"), Colors(LABELS))
    content = bytearray((tmp_path / PICTURES).read_bytes())
    content[-1] ^= 1
    (tmp_path / PICTURES).write_bytes(content)
    images = Colors(LABELS)
    study_pictures(tmp_path, [2], LABELS, ("a", "b"), images)
    assert images.asked == [2]


def test_results_that_may_only_be_read_get_pictures_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "not made"
    assert 2 in study_pictures(folder, [2], LABELS, ("a", "b"), Colors(LABELS))
    assert not folder.exists()


def test_a_sprite_holds_each_picture_in_its_cell(tmp_path: Path) -> None:
    pictures = study_pictures(tmp_path, range(5), LABELS, ("a", "b"), Colors(LABELS))
    made = sprite(pictures, [4, 0, 2, 4, 7], 32)
    assert made is not None
    assert list(made.places) == [4, 0, 2]
    sheet = Image.open(io.BytesIO(made.file)).convert("RGB")
    assert sheet.size == (made.columns * 32, made.rows * 32)
    for index, (column, row) in made.places.items():
        pixel = sheet.getpixel((column * 32 + 16, row * 32 + 16))
        assert np.abs(np.subtract(pixel, (10 * index, 200 - 10 * index, 99))).max() <= 6
    assert sprite(pictures, [7], 32) is None
