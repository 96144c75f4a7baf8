"""Named seeds: every random draw of a run has its own generator, so that no draw shifts another."""

from __future__ import annotations

import hashlib
import os

import numpy as np


def derive_seed(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed from the run's seed and the name of the draw, such as ("sampler", epoch)."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a NumPy generator for a named draw."""
    return np.random.default_rng(derive_seed(seed, *names))


def seed_torch(seed: int, *names: str | int) -> None:
    """Seed torch's global generators, which initialization, dropout and drop-path use."""
    import torch

    torch.manual_seed(derive_seed(seed, *names))


def use_deterministic_algorithms(deterministic: bool) -> None:
    """Make torch use deterministic algorithms, with a warning for operations that have none."""
    import torch

    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    torch.backends.cudnn.benchmark = not deterministic
