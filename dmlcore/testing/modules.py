"""Checks shared by losses, miners, distances, reducers and regularizers, which build a module for a LossContext."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dmlcore.api.values import LossContext
from dmlcore.testing.chance import seeded
from dmlcore.testing.checking import demand, refusals

CONTEXT = LossContext(embedding_dim=8, num_classes=6, seed=3)
LABELS = torch.arange(CONTEXT.num_classes).repeat(4)
"""(24,): four images of each class."""


def embedded(labels: Tensor, seed: int = 0, spread: float = 1.0) -> Tensor:
    """Unit-length embeddings (B, D) float32 around a center per class; `spread` is the noise."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(CONTEXT.num_classes, CONTEXT.embedding_dim, generator=generator)
    noise = torch.randn(len(labels), CONTEXT.embedding_dim, generator=generator)
    return functional.normalize(centers[labels] + spread * noise, dim=1)


def built(component: Any, seed: int = 0) -> Any:
    """The component's module, with parameters drawn under a seed."""
    with seeded(seed):
        return component.build(CONTEXT)


def builds(component: Any) -> None:
    """`build` returns a `torch.nn.Module`."""
    with refusals():
        module = built(component)
    demand(isinstance(module, nn.Module), "a torch.nn.Module", repr(type(module)), "Return a module from `build`.")


def keeps_its_tensors_where_torch_finds_them(component: Any) -> None:
    """Tensors are parameters or buffers, except scalars, so that they move with the module and are saved."""
    demand_registered(built(component))


def demand_registered(module: nn.Module) -> None:
    """Raise ContractError if a module has a tensor as a plain attribute."""
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            demand(
                name in ("_parameters", "_buffers", "_modules") or not any(_tensors(value)),
                "tensors as parameters or buffers",
                f"{'.'.join(filter(None, (path, name)))} of {type(part).__name__}, a plain attribute",
                f"Write self.register_buffer({name!r}, tensor), or self.{name} = torch.nn.Parameter(tensor).",
            )


def _tensors(value: Any) -> Iterator[bool]:
    """For each tensor or module in a value, whether torch must know it: scalars work on any device."""
    if isinstance(value, Tensor):
        yield value.ndim > 0 or value.requires_grad
    elif isinstance(value, nn.Module):
        yield True
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))


def as_array(tensor: Tensor) -> np.ndarray:
    """The values of a tensor, for comparison."""
    values = tensor.detach().cpu()
    return (values.double() if values.is_floating_point() else values).numpy()


def parameters_of(module: nn.Module) -> dict[str, np.ndarray]:
    """The tensors of the module's state, by name."""
    return {name: as_array(value) for name, value in module.state_dict().items() if isinstance(value, Tensor)}
