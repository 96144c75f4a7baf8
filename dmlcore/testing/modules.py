"""What losses, miners, distances, reducers and regularizers share: they build a module for the same context."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dmlcore.api.values import LossContext
from dmlcore.testing.chance import seeded
from dmlcore.testing.checking import REFUSALS, ContractError, refused

CONTEXT = LossContext(embedding_dim=8, num_classes=6, seed=3)
LABELS = torch.arange(CONTEXT.num_classes).repeat(4)
"""(24,): four images of each class."""


def embedded(labels: Tensor, seed: int = 0, spread: float = 1.0) -> Tensor:
    """Embeddings (B, D) float32 of unit length, around a centre for each class; `spread` is the noise on it."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(CONTEXT.num_classes, CONTEXT.embedding_dim, generator=generator)
    noise = torch.randn(len(labels), CONTEXT.embedding_dim, generator=generator)
    return functional.normalize(centres[labels] + spread * noise, dim=1)


def built(component: Any, seed: int = 0) -> Any:
    """The component's module, its parameters drawn under a seed."""
    with seeded(seed):
        return component.build(CONTEXT)


def builds(component: Any) -> None:
    """`build` gives a `torch.nn.Module`."""
    try:
        module = built(component)
    except REFUSALS as error:
        raise refused(error) from error
    if not isinstance(module, nn.Module):
        raise ContractError("a torch.nn.Module", repr(type(module)), "Return a module from `build`.")


def keeps_its_tensors_where_torch_finds_them(component: Any) -> None:
    """Tensors, but for single numbers, are parameters or buffers: they move with the module and are saved with it."""
    demand_registered(built(component))


def demand_registered(module: nn.Module) -> None:
    """Raises ContractError where a module holds a tensor as a plain attribute."""
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if name not in ("_parameters", "_buffers", "_modules") and any(_tensors(value)):
                raise ContractError(
                    "every tensor a parameter or a buffer",
                    f"{'.'.join(filter(None, (path, name)))} of {type(part).__name__}, which torch does not know",
                    f"Write self.register_buffer({name!r}, tensor), or self.{name} = torch.nn.Parameter(tensor).",
                )


def _tensors(value: Any) -> Iterator[bool]:
    """For each tensor or module in a value, whether torch should know it: a single number goes with any device."""
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
    """A tensor's values, for comparison."""
    values = tensor.detach().cpu()
    return (values.double() if values.is_floating_point() else values).numpy()


def parameters_of(module: nn.Module) -> dict[str, np.ndarray]:
    """Everything in the module's state, by its name."""
    return {name: as_array(value) for name, value in module.state_dict().items() if isinstance(value, Tensor)}
