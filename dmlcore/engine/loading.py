"""From images to batches of tensors: transforms, and loaders whose numbers don't depend on the workers."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from attrs import define, frozen
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate
from torchvision.transforms import v2

from dmlcore.api.values import InputSpec, LabelledImages
from dmlcore.engine.batching import Batches
from dmlcore.engine.seeding import derive_seed
from dmlcore.errors import DmlcoreError, StudyError
from dmlcore.study.schema import Training, Transforms

Transform = Callable[[Any], Any]
"""PIL RGB → (3, size, size) float32, normalised."""


def resolve_transforms(transforms: Transforms, spec: InputSpec) -> Transforms:
    """The study's transforms with every gap filled from the backbone's data config."""
    size = transforms.size or spec.size
    return Transforms(
        size=size,
        mean=transforms.mean or spec.mean,
        std=transforms.std or spec.std,
        interpolation=transforms.interpolation or spec.interpolation,
        train_resize=transforms.train_resize,
        train_crop=transforms.train_crop,
        crop_scale=transforms.crop_scale,
        crop_ratio=transforms.crop_ratio,
        flip=transforms.flip,
        test_resize=transforms.test_resize or max(size, math.floor(size / spec.crop_pct)),
    )


def train_transform(resolved: Transforms) -> v2.Compose:
    """Random crop and mirroring."""
    interpolation = v2.InterpolationMode(resolved.interpolation)
    steps: list[torch.nn.Module] = []
    if resolved.train_crop == "random_resized":
        if resolved.train_resize is not None:
            steps.append(v2.Resize(resolved.train_resize, interpolation, antialias=True))
        steps.append(
            v2.RandomResizedCrop(
                resolved.size,
                list(resolved.crop_scale),
                list(resolved.crop_ratio),
                interpolation,
                antialias=True,
            )
        )
    else:
        steps.append(v2.Resize(resolved.train_resize or resolved.test_resize, interpolation, antialias=True))
        steps.append(v2.CenterCrop(resolved.size))
    if resolved.flip > 0:
        steps.append(v2.RandomHorizontalFlip(resolved.flip))
    return v2.Compose([*steps, *_to_tensor(resolved)])


def eval_transform(resolved: Transforms) -> v2.Compose:
    """Resize of the short side and centre crop."""
    resize = v2.Resize(resolved.test_resize, v2.InterpolationMode(resolved.interpolation), antialias=True)
    return v2.Compose([resize, v2.CenterCrop(resolved.size), *_to_tensor(resolved)])


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
    """Images with a transform, asked for as (index, seed): the seed decides all chance in the transform."""

    images: LabelledImages
    transform: Transform

    def __getitems__(self, items: Sequence[tuple[int, int]]) -> list[tuple[Tensor, int]] | DmlcoreError:
        """A batch; or the error, as it is: raised in a worker process, it would come back as a traceback."""
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


@define
class _SeededBatches:
    """A batch sampler whose batches are set anew for each epoch, so that worker processes live on."""

    batches: list[list[tuple[int, int]]]

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class Loader:
    """Batches of images and labels, made by worker processes."""

    def __init__(self, images: TransformedImages, batches: _SeededBatches, training: Training) -> None:
        workers = worker_count(training)
        self._loader: DataLoader[Any] = DataLoader(
            images,
            batch_sampler=batches,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=resolve_device(training.device).type == "cuda",
            collate_fn=_collate,
            worker_init_fn=_one_thread if workers else None,
            generator=torch.Generator(),  # it draws a seed an epoch, which must not move the global generator
        )

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for loaded in self._loader:
            if isinstance(loaded, DmlcoreError):
                raise loaded
            yield loaded

    def __len__(self) -> int:
        return len(self._loader)


def _collate(loaded: list[tuple[Tensor, int]] | DmlcoreError) -> Any:
    return loaded if isinstance(loaded, DmlcoreError) else default_collate(loaded)


class TrainLoader:
    """The training images, epoch by epoch, in the sampler's batches."""

    def __init__(self, images: LabelledImages, transform: Transform, training: Training, seed: int) -> None:
        self._seed = seed
        self._batches = _SeededBatches([])
        self._loader = Loader(TransformedImages(images, transform), self._batches, training)

    def epoch(self, epoch: int, batches: Batches) -> Loader:
        """Pairs of images (B, 3, size, size) and labels (B,), one a batch.

        An image's augmentation is seeded by run, epoch, batch and position: it comes out the same in any
        worker process, and after a resumption.
        """
        base = derive_seed(self._seed, "augmentation", epoch)
        self._batches.batches = [
            [(index, derive_seed(base, number, place)) for place, index in enumerate(batch)]
            for number, batch in enumerate(batches)
        ]
        return self._loader


def embedding_loader(
    images: LabelledImages, transform: Transform, batch_size: int, training: Training
) -> Iterable[tuple[Tensor, Tensor]]:
    """All images of a split in their order; pairs of images (B, 3, size, size) and labels (B,)."""
    count = len(images.labels)
    batches = [[(i, 0) for i in range(start, min(start + batch_size, count))] for start in range(0, count, batch_size)]
    return Loader(TransformedImages(images, transform), _SeededBatches(batches), training)


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)


def worker_count(training: Training) -> int:
    """Processes that load images; "auto" leaves the processors to the network where it runs on them too."""
    if training.workers != "auto":
        return training.workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores // 2 if resolve_device(training.device).type == "cpu" else cores)


def resolve_device(name: str) -> torch.device:
    """The device of a study's `device`; "auto" takes CUDA, then Apple's MPS, then the processor."""
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
        raise StudyError(f'training.device = "{name}" can\'t be used here: {reason}') from None
    return device


def to_batch(images: Sequence[Tensor] | Tensor, device: torch.device, channels_last: bool) -> Tensor:
    """A batch of images on the device, in the memory layout that the network runs in."""
    batch = images if isinstance(images, Tensor) else torch.stack(list(images))
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return batch.to(device, non_blocking=True, memory_format=layout)
