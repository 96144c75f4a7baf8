"""Images of 12, 16 and 32 bits look as their 8-bit versions, by one scale for a data set."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deep_images import write_png, write_tiff
from dmlcore import DataError, ImageFiles, Reading, read_rgb

Write = Callable[[Path, np.ndarray], Path]


def scene(bands: int = 1) -> np.ndarray:
    """(48, 64, bands): shares of white from 0 to 1, softly changing as in photographs."""
    coarse = np.random.default_rng(bands).random((6, 8, bands))
    fine = np.stack(
        [
            np.asarray(Image.fromarray(coarse[..., band]).resize((64, 48), Image.Resampling.BICUBIC))
            for band in range(bands)
        ],
        axis=-1,
    )
    fine = fine.astype(float)
    low, high = fine.min(), fine.max()
    return (fine - low) / (high - low)


def in_bits(shares: np.ndarray, bits: int) -> np.ndarray:
    return np.rint(shares * (2**bits - 1)).astype(np.uint16)


def by_pillow(path: Path, values: np.ndarray, **options: object) -> Path:
    Image.fromarray(values[..., 0]).save(path, **options)
    return path


def pixels(path: Path, reading: Reading | None = None) -> np.ndarray:
    return np.asarray(read_rgb(path, reading or Reading.of([path])))


def expected(shares: np.ndarray) -> np.ndarray:
    """The pixels of the 8-bit version: (h, w, 3)."""
    return np.broadcast_to(np.rint(255 * shares).astype(np.uint8), (*shares.shape[:2], 3))


WRITERS: dict[str, tuple[str, int, Write]] = {
    "gray PNG": (".png", 1, by_pillow),
    "gray TIFF": (".tif", 1, by_pillow),
    "compressed TIFF": (".tif", 1, lambda path, values: by_pillow(path, values, compression="tiff_lzw")),
    "big-endian TIFF": (".tif", 1, lambda path, values: write_tiff(path, values, order=">")),
    "color PNG": (".png", 3, write_png),
    "color TIFF": (".tif", 3, write_tiff),
    "color TIFF in planes": (".tif", 3, lambda path, values: write_tiff(path, values, planes=True)),
    "big-endian color TIFF": (".tif", 3, lambda path, values: write_tiff(path, values, order=">")),
}


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("writer", WRITERS)
def test_every_depth_in_16_bits_has_the_pixels_of_8_bits(tmp_path: Path, writer: str, bits: int) -> None:
    suffix, bands, write = WRITERS[writer]
    path = write(tmp_path / f"image{suffix}", in_bits(scene(bands), bits))
    difference = pixels(path).astype(int) - expected(scene(bands))
    assert np.abs(difference).max() <= 1
    assert np.corrcoef(pixels(path).ravel(), expected(scene(bands)).ravel())[0, 1] > 0.999


@pytest.mark.parametrize("white", [1, 255, 4095, 65535])
def test_float_images_of_any_usual_range(tmp_path: Path, white: float) -> None:
    path = by_pillow(tmp_path / "image.tif", (scene() * white).astype(np.float32))
    assert np.array_equal(pixels(path), expected(scene()))


def test_alpha_of_16_bits(tmp_path: Path) -> None:
    alpha = np.ones((48, 64, 1))
    alpha[:10] = 0
    for bands in (1, 3):
        path = write_png(tmp_path / "image.png", in_bits(np.concatenate([scene(bands), alpha], axis=-1), 12))
        assert (pixels(path)[:10] == 255).all()
        assert np.abs(pixels(path)[10:].astype(int) - expected(scene(bands))[10:]).max() <= 1


def test_a_transparent_gray_level_of_16_bits_is_white(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(np.array([[7, 65535, 0]], np.uint16)).save(path, transparency=7)
    assert pixels(path)[0, :, 0].tolist() == [255, 255, 0]


def test_integers_of_32_bits_signed_ones_and_inverted_ones(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    shares = scene()
    assert np.array_equal(pixels(write_tiff(path, (shares * (2**32 - 1)).astype(np.uint32))), expected(shares))
    signed = np.rint(shares * (2**15 - 1)).astype(np.int16)
    assert np.abs(pixels(write_tiff(path, signed, sample_format=2)).astype(int) - expected(shares)).max() <= 1
    inverted = pixels(write_tiff(path, in_bits(shares, 16), inverted=True))
    assert np.abs(inverted.astype(int) - (255 - expected(shares))).max() <= 1


def test_the_scale_is_one_for_the_data_set(tmp_path: Path) -> None:
    bright = by_pillow(tmp_path / "a.png", in_bits(scene(), 12))
    dark = by_pillow(tmp_path / "b.png", in_bits(scene() / 20, 12))
    for order in ([bright, dark], [dark, bright]):
        reading = pickle.loads(pickle.dumps(Reading.of(order)))
        assert np.abs(pixels(dark, reading).astype(int) - expected(scene() / 20)).max() <= 1
        assert np.abs(pixels(bright, reading).astype(int) - expected(scene())).max() <= 1


def test_the_files_that_decide_do_not_depend_on_the_order_and_are_few() -> None:
    paths = [Path(f"{i:04d}.png") for i in range(1000)]
    sample = Reading.of(paths).sample
    assert sample == Reading.of(paths[::-1]).sample
    assert (len(sample), sample[0], sample[-1]) == (64, paths[0], paths[984])


def test_a_tag_of_the_largest_value_counts_and_a_statistic_does_not(tmp_path: Path) -> None:
    values = in_bits(scene() / 20, 12)  # up to 205, which would be 8 bits
    for tag, stated, white in ((281, 4095, 4095), (281, 3000, 255)):
        path = by_pillow(tmp_path / "image.tif", values, tiffinfo={tag: stated})
        assert pixels(path)[..., 0].max() == round(255 * values.max() / white)


def test_without_files_to_decide_by_the_range_is_that_of_the_type(tmp_path: Path) -> None:
    path = by_pillow(tmp_path / "image.png", in_bits(scene(), 12))
    images = ImageFiles([path], np.array([0]), ["a"])
    assert np.asarray(images.image(0)).max() == round(255 * 4095 / 65535)


def test_the_option_decides(tmp_path: Path) -> None:
    path = by_pillow(tmp_path / "image.png", in_bits(scene(), 12))
    assert pixels(path, Reading.of([path], depth=13)).max() == 127
    with pytest.raises(DataError) as caught:
        read_rgb(path, Reading.of([path], depth=10))
    assert str(caught.value) == (
        f"{path}: 16-bit pixels from 0 to 4,095, but black is 0 and white 1,023 for all 16-bit images of the data set"
        " (depth = 10).\nRescale this image, or set dataset.depth of image_folder, such as 12."
    )


def test_values_beyond_the_scale_are_errors(tmp_path: Path) -> None:
    paths = [by_pillow(tmp_path / f"{i:03}.png", in_bits(scene(), 12)) for i in range(3)]
    late = by_pillow(tmp_path / "late.png", in_bits(scene(), 16))
    with pytest.raises(
        DataError, match=r"from 0 to 65,535, but .* white 4,095 for all .* \(by the values of 3 images\)"
    ):
        read_rgb(late, Reading.of(paths))
    signed = write_tiff(tmp_path / "signed.tif", np.array([[[-5], [9]]], np.int16), sample_format=2)
    with pytest.raises(DataError, match=r"16-bit signed pixels from -5 to 9, .*\nRescale this image\.$"):
        pixels(signed)
    for value in (np.nan, np.inf):
        odd = by_pillow(tmp_path / "odd.tif", np.array([[[0.5], [value]]], np.float32))
        with pytest.raises(DataError, match=r"odd\.tif: float pixels are NaN or infinite\. Replace them"):
            pixels(odd)
    negative = by_pillow(tmp_path / "negative.tif", np.array([[[-1.0], [1.0]]], np.float32))
    with pytest.raises(DataError, match=r"32-bit float pixels from -1 to 1, but black is 0 and white 1 "):
        pixels(negative)


def test_what_pillow_cannot_read_is_named(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "image.tif", scene(3).astype(np.float32), sample_format=3)
    with pytest.raises(DataError) as caught:
        read_rgb(path)
    assert str(caught.value) == (
        f"{path}: Pillow can't read a TIFF of 3 samples of 32-bit float.\nConvert it, for example to a PNG of 16 bits."
    )


def test_small_overshoots_of_float_values_are_clipped(tmp_path: Path) -> None:
    path = by_pillow(tmp_path / "image.tif", np.array([[[-0.02], [0.5], [1.04]]], np.float32))
    assert pixels(path)[0, :, 0].tolist() == [0, 128, 255]


def test_pictures_of_8_bits_are_as_pillow_reads_them(tmp_path: Path) -> None:
    for mode in ("L", "RGB", "P", "1", "CMYK"):
        image = Image.fromarray(in_bits(scene(3), 8).astype(np.uint8)).convert(mode)
        path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
        image.save(path)
        assert np.array_equal(pixels(path), np.asarray(image.convert("RGB")))
