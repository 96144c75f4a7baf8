"""Every draw has a seed of its own, by name."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from dmlcore.engine.seeding import derive_seed, generator, seed_torch


@given(st.integers(0, 2**31), st.text(max_size=9), st.integers(0, 1000))
def test_seeds_are_reproducible_and_fit_every_generator(seed: int, name: str, epoch: int) -> None:
    derived = derive_seed(seed, name, epoch)
    assert derived == derive_seed(seed, name, epoch)
    assert 0 <= derived < 2**63


def test_names_and_numbers_tell_draws_apart() -> None:
    names = [(seed, name, epoch) for seed in range(20) for name in ("sampler", "augmentation") for epoch in range(20)]
    assert len({derive_seed(*name) for name in names}) == len(names)


def test_seeds_stay_what_they_are() -> None:
    """A change here would make every stored run another run."""
    assert derive_seed(0, "sampler", 1) == 8198810900731450103


def test_generators_are_independent_of_each_other() -> None:
    first = generator(0, "sampler", 1)
    generator(0, "sampler", 2).random(1000)
    assert first.random() == generator(0, "sampler", 1).random()


def test_torch_is_seeded_by_name() -> None:
    seed_torch(0, "epoch", 1)
    first = torch.rand(3)
    seed_torch(0, "epoch", 2)
    assert not torch.equal(first, torch.rand(3))
    seed_torch(0, "epoch", 1)
    assert torch.equal(first, torch.rand(3))
