"""A batch through the network in chunks, with the gradient of the whole."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Embed = Callable[[Tensor], Tensor]
"""Images (B, 3, H, W) → embeddings (B, D)."""


class ChunkedBatch:
    """The embeddings of a batch, (B, D), with the activations of one chunk at a time in memory.

    Gradient caching (Gao et al., 2021; so do Patel et al., 2022): the chunks are embedded without a graph, the loss
    gives its gradient with respect to `embeddings`, and `backward` embeds each chunk again and goes on from there. That
    is exact for a network that treats images one by one, so BatchNorm must keep its statistics. What the network draws,
    such as dropout, is seeded for each chunk, and so is drawn alike both times.
    """

    def __init__(self, embed: Embed, images: Tensor, size: int) -> None:
        self._embed = embed
        self._chunks = torch.split(images, size)
        *self._seeds, self._next_seed = torch.randint(2**63 - 1, (len(self._chunks) + 1,)).tolist()
        with torch.no_grad():
            parts = [self._embed_seeded(*chunk) for chunk in zip(self._chunks, self._seeds, strict=True)]
        self.embeddings = torch.cat(parts).requires_grad_()

    def backward(self) -> None:
        """Adds to the gradients of the network what follows from that of `embeddings`."""
        if self.embeddings.grad is not None:
            gradients = torch.split(self.embeddings.grad, len(self._chunks[0]))
            for chunk, seed, gradient in zip(self._chunks, self._seeds, gradients, strict=True):
                embeddings = self._embed_seeded(chunk, seed)
                if embeddings.requires_grad:
                    torch.autograd.backward(embeddings, gradient)
        torch.manual_seed(self._next_seed)  # so that the next batch draws nothing that this one has drawn

    def _embed_seeded(self, chunk: Tensor, seed: int) -> Tensor:
        torch.manual_seed(seed)
        return self._embed(chunk)
