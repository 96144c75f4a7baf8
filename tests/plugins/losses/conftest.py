"""What the tests of losses and miners share."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor]


@pytest.fixture
def batch() -> Batch:
    """Twelve embeddings (12, 5), float64 and of differing lengths, with labels (12,) of classes of 1 to 5."""
    generator = torch.Generator().manual_seed(7)
    labels = torch.tensor([0, 1, 2, 3, 1, 2, 3, 2, 3, 3, 1, 3])
    centres = torch.randn(4, 5, generator=generator, dtype=torch.float64)
    noise = torch.randn(12, 5, generator=generator, dtype=torch.float64)
    return centres[labels] + 1.2 * noise, labels


@pytest.fixture
def large_batch() -> Batch:
    """Sixty embeddings (60, 8) in float32: the library computes distances in another way above 25."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(12).repeat(5)
    return torch.randn(12, 8, generator=generator)[labels] + torch.randn(60, 8, generator=generator), labels
