"""The same pictures in 8, 12 and 16 bits and as floats give the same pixels and the same metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deep_images import write_png
from dmlcore import DataError, Embeddings
from dmlcore_plugins.datasets.image_folder import ImageFolder
from dmlcore_plugins.metrics.retrieval import Retrieval

Save = Callable[[Path, np.ndarray], object]

FORMS: Mapping[str, tuple[str, Save]] = {
    "8 bits": (".png", lambda path, s: Image.fromarray(np.rint(255 * s).astype(np.uint8)).save(path)),
    "12 bits": (".png", lambda path, s: write_png(path, np.rint(4095 * s).astype(np.uint16))),
    "12 bits, gray": (".tif", lambda path, s: Image.fromarray(np.rint(4095 * s[..., 1]).astype(np.uint16)).save(path)),
    "16 bits": (".png", lambda path, s: write_png(path, np.rint(65535 * s).astype(np.uint16))),
    "float": (".tif", lambda path, s: Image.fromarray(s[..., 1].astype(np.float32)).save(path)),
    "8 bits, gray": (".png", lambda path, s: Image.fromarray(np.rint(255 * s[..., 1]).astype(np.uint8)).save(path)),
}


def folder(root: Path, form: str) -> Path:
    """Six classes of four pictures: each a soft scene of its class, with noise."""
    suffix, save = FORMS[form]
    rng = np.random.default_rng(0)
    for name in "abcdef":
        scene = np.asarray(Image.fromarray(rng.integers(0, 256, (3, 3, 3), np.uint8)).resize((32, 32))) / 255
        (root / name).mkdir(parents=True)
        for i in range(4):
            save(root / name / f"{i}{suffix}", np.clip(0.2 * scene + rng.random((32, 32, 3)) - 0.1, 0, 1))
    return root


def pixels_and_metrics(root: Path) -> tuple[np.ndarray, Mapping[str, float]]:
    images = ImageFolder(root=root).load("test")
    pixels = np.stack([np.asarray(images.image(i), np.float32) for i in range(len(images.labels))])
    vectors = pixels.reshape(len(pixels), -1) - pixels.mean()
    return pixels, Retrieval(recall_at=(1,)).evaluate(Embeddings(vectors, images.labels))


@pytest.mark.parametrize(
    ("form", "like"),
    [("12 bits", "8 bits"), ("16 bits", "8 bits"), ("12 bits, gray", "8 bits, gray"), ("float", "8 bits, gray")],
)
def test_a_deeper_form_gives_the_pixels_and_metrics_of_8_bits(tmp_path: Path, form: str, like: str) -> None:
    pixels, metrics = pixels_and_metrics(folder(tmp_path / "deep", form))
    expected, of_8_bits = pixels_and_metrics(folder(tmp_path / "flat", like))
    assert np.abs(pixels - expected).max() <= 1
    assert np.corrcoef(pixels.ravel(), expected.ravel())[0, 1] > 0.9999
    assert metrics == pytest.approx(of_8_bits, abs=1e-3)
    assert 0.2 < metrics["map_at_r"] < 0.95, "a measure that could differ"


def test_train_and_test_have_one_scale(tmp_path: Path) -> None:
    root = folder(tmp_path / "deep", "12 bits")
    for path in sorted(root.glob("[def]/*.png")):  # the test classes are dark
        write_png(path, np.full((32, 32, 1), 200, np.uint16))
    dark = ImageFolder(root=root).load("test").image(0)
    assert dark.getpixel((0, 0)) == (round(255 * 200 / 4095),) * 3


def test_the_options_reach_the_images(tmp_path: Path) -> None:
    root = folder(tmp_path / "deep", "12 bits")
    wide = ImageFolder(root=root, depth=16).load("train").image(0)
    assert np.asarray(wide).max() <= 255 * 4095 / 65535 + 1
    with pytest.raises(
        DataError, match=r"a/0\.png: the image has 32 × 32 pixels, 0 megapixels\. The limit is 0\.001\."
    ):
        ImageFolder(root=root, max_megapixels=0.001).load("train").image(0)
    with pytest.raises(ValueError, match="depth must be ≥ 8 and ≤ 32 bits, not 4"):
        ImageFolder(root=root, depth=4)
