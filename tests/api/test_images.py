"""Images come upright and in RGB, whatever the file holds."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmlcore import DataError, ImageFiles, read_rgb


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGB", "I;16"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("image.tif" if mode in ("CMYK", "I;16") else "image.png")
    Image.new(mode, (5, 3)).save(path)
    image = read_rgb(path)
    assert (image.mode, image.size) == ("RGB", (5, 3))


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    image.save(tmp_path / "image.png")
    assert list(read_rgb(tmp_path / "image.png").get_flattened_data()) == [(255, 255, 255), (10, 20, 30)]


def test_a_transparent_palette(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([9, 9, 9, 200, 0, 0])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "image.gif", transparency=0)
    assert list(read_rgb(tmp_path / "image.gif").get_flattened_data()) == [(255, 255, 255), (200, 0, 0)]


def test_a_photograph_taken_sideways_is_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4)).save(tmp_path / "image.jpg", exif=exif)
    assert read_rgb(tmp_path / "image.jpg").size == (4, 8)


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    with pytest.raises(DataError) as caught:
        read_rgb(path)
    assert str(caught.value).startswith(f"{path}: the image was removed")
    path.write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"image\.jpg: can't read .*\nReplace"):
        read_rgb(path)
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError, match="can't read the image"):
        read_rgb(path)


def test_image_files_go_to_worker_processes(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    images = pickle.loads(pickle.dumps(ImageFiles([tmp_path / "a.png"], np.array([0]), ["a"])))
    assert images.image(0).mode == "RGB"
    with pytest.raises(ValueError, match="1 paths but 2 labels"):
        ImageFiles([tmp_path], np.array([0, 1]), ["a"])
