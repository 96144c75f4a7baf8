"""From images to embeddings, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dmlcore.api.progress import report_progress
from dmlcore.api.values import Embeddings, LabelledImages
from dmlcore.engine.loading import embedding_loader, eval_transform, resolve_device, to_batch
from dmlcore.engine.model import EmbeddingModel
from dmlcore.host.faults import faults_of
from dmlcore.study.schema import Study, Transforms

KEPT = 2**28
"""Largest split, in bytes of transformed images, that stays in memory, so that images are read only once."""

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(study: Study, device: torch.device) -> torch.autocast:
    """Return the autocast context for the study's precision."""
    precision = study.training.precision
    return torch.autocast(device.type, PRECISIONS[precision], enabled=precision != "fp32")


class SplitEmbedder:
    """Embeds one split repeatedly; its worker processes and its device persist."""

    def __init__(self, images: LabelledImages, study: Study, transforms: Transforms) -> None:
        self._images = images
        self._study = study
        self.device = resolve_device(study.training.device)
        self._batches = embedding_loader(
            images, eval_transform(transforms), study.evaluation.batch_size, study.training
        )
        self._kept: list[Tensor] = []

    def embeddings(self, model: EmbeddingModel) -> Embeddings:
        """Return the split's embeddings (N, D)."""
        return self._embed(model, model)

    def features(self, model: EmbeddingModel) -> Embeddings:
        """Return the backbone's pooled features (N, F), L2-normalized if the embeddings are: the untrained row."""
        normalize = model.normalize

        def pooled(images: Tensor) -> Tensor:
            features = model.features(images)
            return functional.normalize(features, dim=1) if normalize else features

        return self._embed(model, pooled)

    @torch.no_grad()
    def _embed(self, model: nn.Module, embed: Callable[[Tensor], Tensor]) -> Embeddings:
        model.eval()
        parts: list[np.ndarray] = []
        done, total = 0, len(self._images.labels)
        for images in self._loaded():
            batch = to_batch(images, self.device, self._study.training.channels_last)
            with (
                faults_of(self._study.backbone, "forward", (torch.OutOfMemoryError,)),
                autocast(self._study, self.device),
            ):
                vectors = embed(batch)
            parts.append(vectors.float().cpu().numpy())
            done += len(images)
            report_progress(done, total)
        return Embeddings(np.concatenate(parts), np.asarray(self._images.labels), tuple(self._images.class_names))

    def _loaded(self) -> Iterator[Tensor]:
        """Yield the split's images (B, 3, size, size), batch by batch."""
        if self._kept:
            yield from self._kept
            return
        kept: list[Tensor] = []
        for images, _ in self._batches:
            if len(self._images.labels) * images[0].nbytes <= KEPT:
                kept.append(images.clone())  # worker processes have little shared memory
            yield images
        self._kept = kept
