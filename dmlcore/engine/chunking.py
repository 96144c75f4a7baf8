"""Gradient caching: a batch is embedded in chunks, with the gradient of the whole batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Embed = Callable[[Tensor], Tensor]
"""Images (B, 3, H, W) → embeddings (B, D)."""


class ChunkedBatch:
    """The embeddings of a batch, (B, D), with the activations of only one chunk in memory at a time.

    Gradient caching (Gao et al., 2021; also Patel et al., 2022): the chunks are embedded without a graph, the loss
    computes its gradient with respect to `embeddings`, and `backward` embeds each chunk again to propagate it. This is
    exact if the network processes images independently, so BatchNorm must be frozen. Random draws of the network, such
    as dropout, are seeded for each chunk, so that both passes draw the same.
    """

    def __init__(self, embed: Embed, images: Tensor, size: int) -> None:
        self._embed = embed
        self._chunks = torch.split(images, size)
        *self._seeds, self._next_seed = torch.randint(2**63 - 1, (len(self._chunks) + 1,)).tolist()
        with torch.no_grad():
            parts = [self._embed_seeded(*chunk) for chunk in zip(self._chunks, self._seeds, strict=True)]
        self.embeddings = torch.cat(parts).requires_grad_()

    def backward(self) -> None:
        """Propagate the gradient of `embeddings` to the gradients of the network."""
        if self.embeddings.grad is not None:
            gradients = torch.split(self.embeddings.grad, len(self._chunks[0]))
            for chunk, seed, gradient in zip(self._chunks, self._seeds, gradients, strict=True):
                embeddings = self._embed_seeded(chunk, seed)
                if embeddings.requires_grad:
                    torch.autograd.backward(embeddings, gradient)
        torch.manual_seed(self._next_seed)  # the next batch must not repeat the draws of this one

    def _embed_seeded(self, chunk: Tensor, seed: int) -> Tensor:
        torch.manual_seed(seed)
        return self._embed(chunk)
