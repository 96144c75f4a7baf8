"""Transforms come from the backbone and the study; chance in them comes from the item's seed alone."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import create_transform

from dmlcore import InputSpec, StudyError, TrainingError
from dmlcore.engine.loading import (
    TrainLoader,
    TransformedImages,
    embedding_loader,
    eval_transform,
    resolve_device,
    resolve_transforms,
    train_transform,
)
from dmlcore.study.schema import Training, Transforms
from toys import SquareImages, Squares

SPEC = InputSpec(224, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2), "bicubic", 0.875)


def gradient(width: int, height: int) -> Image.Image:
    columns = np.linspace(0, 255, width)[None, :, None]
    return Image.fromarray(np.broadcast_to(columns, (height, width, 3)).astype(np.uint8))


def test_gaps_are_filled_from_the_backbone() -> None:
    resolved = resolve_transforms(Transforms(), SPEC)
    assert (resolved.size, resolved.test_resize, resolved.interpolation) == (224, 256, "bicubic")
    assert (resolved.mean, resolved.std) == (SPEC.mean, SPEC.std)
    own = resolve_transforms(Transforms(size=96, mean=(0.0, 0.0, 0.0), interpolation="bilinear", test_resize=100), SPEC)
    assert (own.size, own.test_resize, own.interpolation, own.mean) == (96, 100, "bilinear", (0.0, 0.0, 0.0))
    assert resolve_transforms(Transforms(size=48), InputSpec(224, SPEC.mean, SPEC.std, crop_pct=1.0)).test_resize == 48


def test_the_test_transform_is_resize_then_centre_crop() -> None:
    resolved = resolve_transforms(Transforms(size=8, test_resize=16), SPEC)
    tensor = eval_transform(resolved)(gradient(64, 32))
    assert tensor.shape == (3, 8, 8)
    pixels = np.asarray(gradient(64, 32).resize((32, 16), Image.Resampling.BICUBIC).crop((12, 4, 20, 12)))
    expected = (pixels / 255 - np.array(SPEC.mean)) / 0.2
    assert tensor.numpy() == pytest.approx(expected.transpose(2, 0, 1), abs=0.03)


@pytest.mark.parametrize("size", [(64, 33), (31, 80), (48, 48), (7, 200), (300, 20)])
@pytest.mark.parametrize("crop_pct", [0.875, 0.95, 1.0])
@pytest.mark.parametrize("crop", ["center", "squash", "border"])
def test_every_crop_is_that_of_timm(crop: Any, crop_pct: float, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    spec = InputSpec(32, SPEC.mean, SPEC.std, "bicubic", crop_pct, crop)
    timms = create_transform(
        32, crop_pct=crop_pct, crop_mode=crop, interpolation="bicubic", mean=SPEC.mean, std=SPEC.std
    )
    resolved = resolve_transforms(Transforms(), spec)
    image = Image.fromarray(noise)
    torch.testing.assert_close(eval_transform(resolved)(image), timms(image), rtol=0, atol=1e-6)
    training = resolve_transforms(Transforms(train_crop="center", flip=0), spec)
    torch.testing.assert_close(train_transform(training)(image), timms(image), rtol=0, atol=1e-6)


def test_a_study_decides_the_crop_before_the_backbone() -> None:
    bordered = InputSpec(224, SPEC.mean, SPEC.std, crop_mode="border")
    assert resolve_transforms(Transforms(), bordered).test_crop == "border"
    assert resolve_transforms(Transforms(test_crop="squash"), bordered).test_crop == "squash"
    assert resolve_transforms(Transforms(), SPEC).test_crop == "center"


@pytest.mark.parametrize("crop", ["random_resized", "center"])
def test_training_images_depend_on_the_seed_alone(crop: str) -> None:
    resolved = resolve_transforms(Transforms(size=8, train_crop=crop, train_resize=12), SPEC)  # type: ignore[arg-type]
    images = TransformedImages(SquareImages(0, 2, 2), train_transform(resolved))
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first, again, other = images[0, 1][0], images[0, 1][0], [images[0, seed][0] for seed in range(2, 8)]
    assert torch.equal(first, again)
    assert any(not torch.equal(first, tensor) for tensor in other)
    assert torch.equal(state, torch.get_rng_state()), "the global generator is left as it was"


def test_without_chance_training_and_test_images_are_equal() -> None:
    resolved = resolve_transforms(Transforms(size=8, train_crop="center", flip=0), SPEC)
    image = gradient(40, 30)
    assert torch.equal(train_transform(resolved)(image), eval_transform(resolved)(image))


def test_a_loader_gives_the_batches_asked_for() -> None:
    images = SquareImages(0, 3, 2)
    transform = train_transform(resolve_transforms(Transforms(size=8), SPEC))
    loader = TrainLoader(images, transform, Training(workers=0, device="cpu"), seed=0)

    def epoch(number: int) -> list[Any]:
        return list(loader.epoch(number, [[5, 0], [1]]))

    first = epoch(1)
    assert [labels.tolist() for _, labels in first] == [[2, 0], [0]]
    assert [tensor.shape for tensor, _ in first] == [(2, 3, 8, 8), (1, 3, 8, 8)]
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, epoch(1), strict=True))
    assert not torch.equal(first[0][0], epoch(2)[0][0])


def test_embedding_goes_through_a_split_in_order() -> None:
    images = SquareImages(0, 3, 3)
    transform = eval_transform(resolve_transforms(Transforms(size=8), SPEC))
    batches = list(embedding_loader(images, transform, 4, Training(workers=0, device="cpu")))
    assert [len(labels) for _, labels in batches] == [4, 4, 1]
    assert torch.cat([labels for _, labels in batches]).tolist() == images.labels.tolist()


def test_a_device_that_is_not_there() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    for name in ("cuda:99", "gpu"):
        with pytest.raises(StudyError, match=f'training.device = "{name}" is not available: '):
            resolve_device(name)


def test_a_process_that_ends_is_an_error_of_the_run(make_study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SquareImages, "image", lambda *_: os._exit(3))
    study = make_study("training.workers=1").runs[0].study
    loader = embedding_loader(Squares().load("test"), lambda image: image, 4, study.training)
    with pytest.raises(TrainingError) as caught:
        list(loader)
    assert re.fullmatch(
        r"A process that loads images ended: DataLoader worker \(pid\(s\) \d+\) exited unexpectedly\. The memory may"
        r" have run out, or the data set's code ended it\. Use fewer processes \(training\.workers\), or none"
        r" \(training\.workers = 0\) to see what ends it\.",
        str(caught.value),
    )
