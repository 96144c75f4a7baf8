from __future__ import annotations

import hashlib
import pickle
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterable

import numpy as np
import pytest

from dmlcore import DataError, LabelledImages
from dmlcore_plugins.datasets.glyph_alphabet import choose_letters, distinct_letters
from dmlcore_plugins.datasets.glyph_faces import FACES, font
from dmlcore_plugins.datasets.glyphs import Glyphs

SMALL = Glyphs(classes=10, images_per_class=4)


def pixels(images: LabelledImages, index: int) -> np.ndarray:
    return np.asarray(images.image(index))


def digest(images: LabelledImages, indices: Iterable[int]) -> str:
    return hashlib.sha256(b"".join(images.image(i).tobytes() for i in indices)).hexdigest()


def test_the_default_has_a_hundred_training_letters_and_a_hundred_others() -> None:
    train, test = Glyphs().load("train"), Glyphs().load("test")
    for images in (train, test):
        assert images.labels.dtype == np.int64
        assert images.labels.shape == (3000,)
        assert np.array_equal(np.bincount(images.labels), np.full(100, 30))
        assert len(images.class_names) == 100
    assert len({*train.class_names, *test.class_names}) == 200


def test_an_odd_number_of_classes_gives_the_last_one_to_testing() -> None:
    glyphs = Glyphs(classes=5, images_per_class=2)
    assert len(glyphs.load("train").class_names) == 2
    assert len(glyphs.load("test").class_names) == 3


def test_each_half_mixes_scripts() -> None:
    for split in ("train", "test"):
        scripts = {name.split()[1] for name in Glyphs().load(split).class_names}
        assert scripts == {"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN"}


def test_class_names_are_those_of_unicode() -> None:
    for name in SMALL.load("train").class_names:
        code = re.match(r"U\+([0-9A-F]{4}) ", name)
        assert code
        assert name.endswith(unicodedata.name(chr(int(code[1], 16))))


def test_images_are_rgb_of_the_size_asked_for() -> None:
    image = Glyphs(classes=4, images_per_class=2, size=64).load("test").image(3)
    assert image.mode == "RGB"
    assert image.size == (64, 64)


def test_an_image_does_not_depend_on_what_was_asked_before() -> None:
    forward, backward = SMALL.load("test"), SMALL.load("test")
    expected = [pixels(forward, i) for i in range(20)]
    for i in reversed(range(20)):
        assert np.array_equal(pixels(backward, i), expected[i])


def test_an_image_is_the_same_in_another_process_and_after_pickling() -> None:
    images = SMALL.load("train")
    images.image(0)
    here = digest(images, range(20))
    assert digest(pickle.loads(pickle.dumps(images)), range(20)) == here
    code = (
        "import sys, pickle, hashlib; images = pickle.load(sys.stdin.buffer)\n"
        "print(hashlib.sha256(b''.join(images.image(i).tobytes() for i in range(20))).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(images), capture_output=True, check=True)
    assert other.stdout.decode().strip() == here


def test_a_letter_is_drawn_alike_whatever_the_number_of_classes_and_images() -> None:
    few, many = Glyphs(classes=4, images_per_class=2).load("train"), Glyphs(classes=8, images_per_class=6).load("train")
    assert few.class_names[1] == many.class_names[1]
    assert np.array_equal(pixels(few, 2 + 1), pixels(many, 6 + 1))


def test_images_of_a_letter_differ() -> None:
    images = SMALL.load("train")
    assert len({images.image(i).tobytes() for i in range(20)}) == 20


def test_another_seed_gives_other_letters_and_other_pictures() -> None:
    other = Glyphs(classes=10, images_per_class=4, seed=1).load("train")
    assert set(other.class_names) != set(SMALL.load("train").class_names)
    everything = len(distinct_letters())
    first, second = (Glyphs(classes=everything, images_per_class=2, seed=s).load("train") for s in (0, 1))
    shared = next(name for name in first.class_names if name in second.class_names)
    places = [2 * images.class_names.index(shared) for images in (first, second)]
    assert not np.array_equal(pixels(first, places[0]), pixels(second, places[1]))


def test_rotation_turns_letters() -> None:
    upright, turned = (
        Glyphs(classes=4, images_per_class=8, rotation=rotation, noise=0).load("train") for rotation in (0.0, 90.0)
    )
    assert all(not np.array_equal(pixels(upright, i), pixels(turned, i)) for i in range(16))


@pytest.mark.parametrize("noise", [0.0, 0.04])
def test_noise_is_the_deviation_of_the_ground(noise: float) -> None:
    images = Glyphs(classes=4, images_per_class=40, size=96, noise=noise, contrast=0.2).load("train")
    corners = [pixels(images, i)[:6, :6] / 255 for i in range(80)]
    unclipped = [corner for corner in corners if corner.min() > 0.02 and corner.max() < 0.98]
    deviations = [corner - corner.mean(axis=(0, 1)) for corner in unclipped]
    assert len(deviations) > 10
    assert np.std(deviations) == pytest.approx(noise, rel=0.1, abs=1e-6)


@pytest.mark.parametrize("contrast", [0.3, 0.8, 1.0])
def test_letter_and_ground_differ_by_the_contrast_in_every_channel(contrast: float) -> None:
    images = Glyphs(classes=6, images_per_class=6, size=96, noise=0, contrast=contrast).load("train")
    for i in range(18):
        flat = pixels(images, i).reshape(-1, 3).astype(int)
        assert (np.ptp(flat, axis=0) >= 255 * contrast - 1).all()


def bitmap(letter: str, face: str) -> bytes:
    mask = font(face, 48).getmask(letter)
    return bytes(mask) + str(mask.size).encode()


def test_no_two_letters_are_the_same_picture_in_any_face() -> None:
    for face in FACES:
        bitmaps = {bitmap(letter, face) for letter in distinct_letters()}
        assert len(bitmaps) == len(distinct_letters())


def test_no_letter_is_blank_or_the_sign_of_a_missing_glyph() -> None:
    for face in FACES:
        missing = bitmap("\U0010ffff", face)
        for letter in distinct_letters():
            assert any(font(face, 48).getmask(letter))
            assert bitmap(letter, face) != missing


@pytest.mark.parametrize("doubles", ["AΑА", "HΗН", "EΕЕ", "TТΤ"])
def test_of_letters_that_are_one_picture_the_first_is_kept(doubles: str) -> None:
    assert set(doubles) & set(distinct_letters()) == {doubles[0]}


@pytest.mark.parametrize("doubles", ["Oo", "Cc", "Ss", "тm", "ΘӨ"])
def test_letters_of_one_shape_are_not_both_kept(doubles: str) -> None:
    assert len(set(doubles) & set(distinct_letters())) < 2


def test_letters_are_chosen_without_repetition_and_by_seed() -> None:
    chosen = choose_letters(200, seed=3)
    assert len(set(chosen)) == 200
    assert set(chosen) <= set(distinct_letters())
    assert chosen == choose_letters(200, seed=3)
    assert chosen != choose_letters(200, seed=4)


def test_more_classes_than_letters_are_refused() -> None:
    most = len(distinct_letters())
    assert len(Glyphs(classes=most, images_per_class=2).load("test").class_names) == most - most // 2
    with pytest.raises(DataError) as refused:
        Glyphs(classes=most + 1).load("train")
    assert f"dataset.classes = {most + 1}" in str(refused.value)
    assert f"{most} or fewer" in str(refused.value)


def test_missing_fonts_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    from dmlcore_plugins.datasets.glyph_faces import face_file

    monkeypatch.setattr(mpl, "get_data_path", lambda: "/nowhere")
    with pytest.raises(DataError) as refused:
        face_file("DejaVuSans")
    assert str(refused.value).startswith("glyphs: /nowhere/fonts/ttf/DejaVuSans.ttf")
    assert str(refused.value).endswith("\n    pip install --force-reinstall --no-deps matplotlib")


def test_raw_pixels_find_a_quarter_of_the_unseen_letters() -> None:
    images = Glyphs().load("test")
    vectors = np.stack([pixels(images, i).ravel() for i in range(3000)]).astype(np.float32)
    vectors -= vectors.mean(axis=0)
    squares = (vectors**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * vectors @ vectors.T
    np.fill_diagonal(distances, np.inf)
    recall = (images.labels[distances.argmin(axis=1)] == images.labels).mean()
    assert recall == pytest.approx(0.25, abs=0.02)
