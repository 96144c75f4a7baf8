"""Seeds by name: every random draw of a run has a generator of its own, so that none shifts another."""

from __future__ import annotations

import hashlib
import os

import numpy as np


def derive_seed(seed: int, *names: str | int) -> int:
    """A seed of 63 bits from the run's seed and the name of what is drawn, such as ("sampler", epoch)."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator with a name."""
    return np.random.default_rng(derive_seed(seed, *names))


def seed_torch(seed: int, *names: str | int) -> None:
    """Seeds torch's global generators, which initialisation, dropout and drop-path draw from."""
    import torch

    torch.manual_seed(derive_seed(seed, *names))


def use_deterministic_algorithms(deterministic: bool) -> None:
    """Has torch take algorithms that give the same numbers again, and warn where it has none."""
    import torch

    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    torch.backends.cudnn.benchmark = not deterministic
