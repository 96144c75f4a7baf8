"""Checks shared by losses, miners, distances, reducers and regularizers, which build a module for a LossContext."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dmlcore.api.values import LossContext
from dmlcore.testing.chance import seeded
from dmlcore.testing.checking import NotApplicable, demand, refusals
from dmlcore.testing.numbers import Numbers, demand_same

CONTEXT = LossContext(embedding_dim=8, num_classes=6, seed=3)
LABELS = torch.arange(CONTEXT.num_classes).repeat(4)
"""(24,): four images of each class."""

BATCHES = ((0, 1.0), (1, 0.3), (2, 3.0))
"""Seed and spread of embeddings: classes that overlap, are well separated, and hardly separable."""


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


def demand_same_in_any_order(result: Callable[[Tensor, int], Numbers]) -> None:
    """Raise ContractError if the result for an order of the batch and a seed depends on the order."""
    order = torch.arange(len(LABELS))
    first, again = result(order, 0), result(order, 1)
    if not all(np.array_equal(values, again[name]) for name, values in first.items()):
        raise NotApplicable("it is random")
    demand_same(
        first,
        result(torch.randperm(len(LABELS), generator=torch.Generator().manual_seed(0)), 0),
        when="for another order of the images",
        remedy="Check for an index that uses the position of an image as its class.",
        relative=1e-4,
    )


def gradient_of(loss: Tensor, embeddings: Tensor) -> Tensor:
    """The gradient of the embeddings (B, D), after a backward pass; zeros if the loss does not depend on them."""
    if loss.requires_grad:
        torch.autograd.backward(loss)
    return torch.zeros_like(embeddings) if embeddings.grad is None else embeddings.grad


def not_finite(loss: Tensor, embeddings: Tensor) -> str:
    """Which of the loss and the gradient of the embeddings is not finite, as text; empty if both are."""
    gradient = gradient_of(loss, embeddings)
    if not loss.isfinite():
        return f"a loss of {loss.item():g}"
    return "" if gradient.isfinite().all() else "a gradient that is NaN or infinite"


def as_array(tensor: Tensor) -> np.ndarray:
    """The values of a tensor, for comparison."""
    values = tensor.detach().cpu()
    return (values.double() if values.is_floating_point() else values).numpy()


def parameters_of(module: nn.Module) -> dict[str, np.ndarray]:
    """The tensors of the module's state, by name."""
    return {name: as_array(value) for name, value in module.state_dict().items() if isinstance(value, Tensor)}
