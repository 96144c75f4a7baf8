"""Random number generators: seeding them, and detecting their use."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from dmlcore.testing.checking import ContractError


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Seed torch's global generator inside the block, as the engine does, and restore it afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def nothing_drawn() -> Iterator[None]:
    """Raise ContractError if the block uses or seeds a global generator, and restore the generators."""
    before = _states()
    try:
        yield
        moved = [name for name, state in _states().items() if state != before[name]]
        if moved:
            raise ContractError(
                "unchanged global generators",
                f"{moved[0]} was used",
                "Draw from a separate generator, such as numpy.random.default_rng(seed) or random.Random(seed).",
            )
    finally:
        random.setstate(pickle.loads(before["random of Python"]))
        np.random.set_state(pickle.loads(before["numpy.random"]))
        torch.set_rng_state(torch.from_numpy(pickle.loads(before["torch's generator"])))


def _states() -> dict[str, bytes]:
    states = {
        "random of Python": random.getstate(),
        "numpy.random": np.random.get_state(),
        "torch's generator": torch.get_rng_state().numpy(),
    }
    return {name: pickle.dumps(state) for name, state in states.items()}
