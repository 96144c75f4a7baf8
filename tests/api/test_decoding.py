"""Every format of photographs is read, large scans too, and an error names the file."""

from __future__ import annotations

import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmlcore import DataError, Reading, read_rgb, readable_suffixes
from dmlcore.api import decoding

RAMP = np.broadcast_to(np.arange(0, 256, 2, dtype=np.uint8)[None, :, None], (96, 128, 3))


@pytest.mark.parametrize("suffix", [".avif", ".jfif", ".webp", ".jp2", ".bmp", ".gif", ".tga", ".ppm", ".qoi"])
def test_formats_of_pillow(tmp_path: Path, suffix: str) -> None:
    assert suffix in readable_suffixes()
    Image.fromarray(RAMP).save(tmp_path / f"image{suffix}")
    pixels = np.asarray(read_rgb(tmp_path / f"image{suffix}"))
    assert np.abs(pixels.astype(int) - RAMP).mean() < 3


def test_suffixes_of_documents_and_data_are_not_images() -> None:
    assert not readable_suffixes() & {".pdf", ".eps", ".mpg", ".h5", ".fits", ".ico", ".psd", ".wmf"}


@pytest.mark.parametrize("name", ["photo.heic", "export.jpg"])
def test_heic_by_its_content(tmp_path: Path, name: str) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.fromarray(RAMP)).save(tmp_path / "image.heic", quality=90)
    (tmp_path / "image.heic").rename(tmp_path / name)
    pixels = np.asarray(read_rgb(tmp_path / name))
    assert np.abs(pixels.astype(int) - RAMP).mean() < 3
    assert ".heic" in readable_suffixes()


def test_heic_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_has_heif", lambda: False)
    path = tmp_path / "photo.heic"
    path.write_bytes(struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic")
    monkeypatch.setattr(Image, "OPEN", {name: entry for name, entry in Image.OPEN.items() if name != "HEIF"})
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])
    assert not {".heic", ".heif"} & readable_suffixes()
    with pytest.raises(DataError) as caught:
        read_rgb(path)
    assert str(caught.value) == f"{path}: reading HEIC images needs pillow-heif.\n    pip install 'dmlcore[heif]'"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".gif", ".jp2"])
def test_a_large_image_is_reduced_and_looks_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(decoding, "REDUCED_ABOVE", 96 * 128 // 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 96 * 128 // 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {} if suffix in (".gif", ".jp2") else {"exif": exif}
    Image.fromarray(RAMP).save(tmp_path / f"image{suffix}", **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        image = read_rgb(tmp_path / f"image{suffix}")
    assert not caught
    upright = image.rotate(90, expand=True) if options else image
    assert upright.size == (64, 48)
    assert np.abs(np.asarray(upright)[:, 1:-1].astype(int) - RAMP[::2, 2:-2:2]).mean() < 3


def test_the_largest_image_that_is_not_reduced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(RAMP).save(tmp_path / "image.jpg")
    whole = np.asarray(read_rgb(tmp_path / "image.jpg"))
    monkeypatch.setattr(decoding, "REDUCED_ABOVE", 96 * 128)
    assert np.array_equal(np.asarray(read_rgb(tmp_path / "image.jpg")), whole)


def white_png(path: Path, width: int, height: int) -> Path:
    """A PNG of 1 bit per pixel, which is small as a file."""
    row = b"\0" + b"\xff" * ((width + 7) // 8)
    pack = zlib.compressobj(1)
    data = b"".join(pack.compress(row) for _ in range(height)) + pack.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d)) for name, d in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def test_an_image_above_the_limit_is_named(tmp_path: Path) -> None:
    path = white_png(tmp_path / "scan.png", 20_000, 16_000)
    with pytest.raises(DataError) as caught:
        read_rgb(path)
    assert str(caught.value) == (
        f"{path}: the image has 20,000 × 16,000 pixels, 320 megapixels. The limit is 300.\n"
        "Reduce or remove the image, or raise the limit: dataset.max_megapixels of image_folder."
    )
    with pytest.raises(DataError, match=r"1 megapixels\. The limit is 0\.5\."):
        read_rgb(white_png(path, 1000, 1000), Reading(max_megapixels=0.5))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured on Linux")
def test_a_scan_of_195_megapixels_in_little_memory(tmp_path: Path) -> None:
    Image.new("RGB", (15_000, 13_000), "teal").save(tmp_path / "scan.jpg")
    script = (
        "import sys; from pathlib import Path; from dmlcore import read_rgb;"
        "print(read_rgb(Path(sys.argv[1])).size, Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "scan.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    size, memory = done.stdout.rsplit(maxsplit=1)
    assert size == "(7500, 6500)"
    assert int(memory) < 500_000  # KiB; the whole image takes 780,000,000 bytes


@pytest.mark.parametrize("size", [0, 8, 30, 60, 200])
@pytest.mark.parametrize("suffix", [".png", ".gif", ".tif", ".bmp", ".webp", ".jp2", ".avif", ".jpg"])
def test_damaged_files_are_named(tmp_path: Path, suffix: str, size: int) -> None:
    path = tmp_path / f"image{suffix}"
    Image.effect_noise((64, 64), 50).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError) as caught:
        read_rgb(path)
    assert str(caught.value).startswith(f"{path}: can't read the image (")
    assert "_io" not in str(caught.value)
    assert str(caught.value).endswith(").\nReplace or remove the file.")
