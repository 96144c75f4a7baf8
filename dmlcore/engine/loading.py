"""From images to batches of tensors: transforms, and loaders that return the same for any number of workers."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from attrs import evolve, frozen
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate
from torchvision.transforms import v2

from dmlcore.api.values import InputSpec, LabelledImages
from dmlcore.engine.batching import Batches
from dmlcore.engine.crops import square_crop
from dmlcore.engine.seeding import derive_seed
from dmlcore.errors import DmlcoreError, StudyError, TrainingError
from dmlcore.study.schema import Training, Transforms

Transform = Callable[[Any], Any]
"""PIL RGB → (3, size, size) float32, normalized."""


def resolve_transforms(transforms: Transforms, spec: InputSpec) -> Transforms:
    """Return the study's transforms, with what is not set taken from the backbone's input spec."""
    size = transforms.size or spec.size
    return evolve(
        transforms,
        size=size,
        mean=transforms.mean or spec.mean,
        std=transforms.std or spec.std,
        interpolation=transforms.interpolation or spec.interpolation,
        test_resize=transforms.test_resize or max(size, math.floor(size / spec.crop_pct)),
        test_crop=transforms.test_crop or spec.crop_mode,
    )


def train_transform(resolved: Transforms) -> v2.Compose:
    """Return the training transform: random crop and horizontal flip."""
    interpolation = v2.InterpolationMode(resolved.interpolation)
    steps: list[torch.nn.Module] = []
    if resolved.train_crop == "random_resized":
        if resolved.train_resize is not None:
            steps.append(v2.Resize(resolved.train_resize, interpolation, antialias=True))
        scale, ratio = list(resolved.crop_scale), list(resolved.crop_ratio)
        steps.append(v2.RandomResizedCrop(resolved.size, scale, ratio, interpolation, antialias=True))
    else:
        steps += square_crop(resolved, resolved.train_resize or resolved.test_resize)
    if resolved.flip > 0:
        steps.append(v2.RandomHorizontalFlip(resolved.flip))
    return v2.Compose([*steps, *_to_tensor(resolved)])


def eval_transform(resolved: Transforms) -> v2.Compose:
    """Return the test transform: resize and crop."""
    return v2.Compose([*square_crop(resolved, resolved.test_resize), *_to_tensor(resolved)])


def _to_tensor(resolved: Transforms) -> list[torch.nn.Module]:
    assert resolved.mean is not None
    assert resolved.std is not None
    return [
        v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(list(resolved.mean), list(resolved.std)),
    ]


@frozen(eq=False)
class TransformedImages(Dataset[tuple[Tensor, int]]):
    """Images with a transform, by (index, seed): the seed determines all random draws of the transform."""

    images: LabelledImages
    transform: Transform

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> list[tuple[Tensor, int]] | DmlcoreError:
        """Return a batch, or the error: raised in a worker process, it would arrive as a traceback."""
        try:
            return [self[item] for item in items]
        except DmlcoreError as error:
            return error

    def __getitem__(self, item: tuple[int, int]) -> tuple[Tensor, int]:
        index, seed = item
        image = self.images.image(index)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return self.transform(image), int(self.images.labels[index])


SeededBatches = list[list[tuple[int, int]]]
"""Batches of pairs of index and seed."""


class Loader:
    """Batches of images and labels, loaded by worker processes."""

    def __init__(self, images: TransformedImages, batches: SeededBatches, training: Training) -> None:
        workers = worker_count(training)
        self._loader: DataLoader[Any] = DataLoader(
            images,
            batch_sampler=batches,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=resolve_device(training.device).type == "cuda",
            collate_fn=_collate,
            worker_init_fn=_one_thread if workers else None,
            generator=torch.Generator(),  # it draws a seed per epoch, which must not advance the global generator
        )

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches. Raises TrainingError if a process that loads them ends."""
        batches = _living(iter(self._loader))
        for loaded in batches:
            if isinstance(loaded, DmlcoreError):
                raise loaded
            yield loaded

    def __len__(self) -> int:
        return len(self._loader)


def _living(batches: Iterator[Any]) -> Iterator[Any]:
    """Yield the batches of worker processes. Raises TrainingError if one of them was killed or ended itself."""
    while True:
        try:
            loaded = next(batches, None)
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            reason = " ".join(str(error).split()).rstrip(".")
            raise TrainingError(
                f"A process that loads images ended: {reason}. The memory may have run out, or the data set's code"
                " ended it. Use fewer processes (training.workers), or none (training.workers = 0) to see what ends it."
            ) from error
        if loaded is None:
            return
        yield loaded


def _collate(loaded: list[tuple[Tensor, int]] | DmlcoreError) -> Any:
    return loaded if isinstance(loaded, DmlcoreError) else default_collate(loaded)


class TrainLoader:
    """The training images, epoch by epoch, in the sampler's batches."""

    def __init__(self, images: LabelledImages, transform: Transform, training: Training, seed: int) -> None:
        self._seed = seed
        self._batches: SeededBatches = []
        self._loader = Loader(TransformedImages(images, transform), self._batches, training)

    def epoch(self, epoch: int, batches: Batches) -> Loader:
        """Return batches of images (B, 3, size, size) and labels (B,).

        An image's augmentation is seeded by run, epoch, batch and position: it is the same in any worker process, and
        after resuming.
        """
        base = derive_seed(self._seed, "augmentation", epoch)
        # replaced in place, so that the worker processes persist
        self._batches[:] = [
            [(index, derive_seed(base, number, place)) for place, index in enumerate(batch)]
            for number, batch in enumerate(batches)
        ]
        return self._loader


def embedding_loader(
    images: LabelledImages, transform: Transform, batch_size: int, training: Training
) -> Iterable[tuple[Tensor, Tensor]]:
    """Return all images of a split in order, as batches of images (B, 3, size, size) and labels (B,)."""
    count = len(images.labels)
    batches = [[(i, 0) for i in range(start, min(start + batch_size, count))] for start in range(0, count, batch_size)]
    return Loader(TransformedImages(images, transform), batches, training)


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)


def worker_count(training: Training) -> int:
    """Return the number of loading processes; "auto" leaves half of the cores to a network on the CPU."""
    if training.workers != "auto":
        return training.workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores // 2 if resolve_device(training.device).type == "cpu" else cores)


def resolve_device(name: str) -> torch.device:
    """Return the device for a study's `device`; "auto" prefers CUDA, then Apple's MPS, then the CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise StudyError(f'training.device = "{name}" is not available: {reason}') from None
    return device


def to_batch(images: Tensor, device: torch.device, channels_last: bool) -> Tensor:
    """Return a batch of images on the device, in the memory layout of the network."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return images.to(device, non_blocking=True, memory_format=layout)
