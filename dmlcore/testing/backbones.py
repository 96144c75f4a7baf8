"""Checks of backbones, built as for `dmlcore run --smoke`, without downloads."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from dmlcore.api.components import BackboneConfig
from dmlcore.api.values import BackboneContext, InputSpec
from dmlcore.errors import StudyError
from dmlcore.testing.chance import seeded
from dmlcore.testing.checking import ContractError, NotApplicable, checks_in, demand, refusals
from dmlcore.testing.modules import as_array, demand_registered
from dmlcore.testing.numbers import Numbers, demand_same

IMAGES = 2


class _NetworkUsedError(BaseException):
    """The network was used. Not an Exception, so that nothing retries."""


def numbers(component: BackboneConfig) -> Numbers:
    """The features of two images."""
    return {"features": as_array(_features(_built(component)))}


def builds(component: BackboneConfig) -> None:
    """After `for_smoke`, `build` returns a module with `feature_dim` and `input_spec`, without network access."""
    try:
        with _no_network(), refusals():
            module = _built(component)
    except _NetworkUsedError:
        raise ContractError(
            "no network access after for_smoke()",
            "a connection",
            "Return random weights from for_smoke(): attrs.evolve(self, weights=…).",
        ) from None
    demand(isinstance(module, nn.Module), "a torch.nn.Module", repr(type(module)), "Return a module from `build`.")
    for name, wanted in (("feature_dim", int), ("input_spec", InputSpec)):
        demand(
            isinstance(getattr(module, name, None), wanted),
            f"a module attribute {name} of type {wanted.__name__}",
            repr(getattr(module, name, None)),
            "Set it in the module's __init__.",
        )


def smoke_keeps_the_component(component: BackboneConfig) -> None:
    """`for_smoke` returns a component of the same class."""
    demand(
        type(component.for_smoke()) is type(component),
        f"a {type(component).__name__} from for_smoke()",
        repr(component.for_smoke()),
        "Return attrs.evolve(self, …), or self.",
    )


def features_are_as_promised(component: BackboneConfig) -> None:
    """Features of images with the size of `input_spec` are finite and (B, F), F = `feature_dim`."""
    module = _built(component)
    features = _features(module)
    demand(
        tuple(features.shape) == (IMAGES, module.feature_dim),
        f"features ({IMAGES}, {module.feature_dim})",
        f"{tuple(features.shape)}",
        "Pool the feature map, and set feature_dim to the number of features.",
    )
    demand(features.isfinite().all(), "finite features", "NaN or infinity", "Check the initialization of the weights.")


def feature_map_is_given_or_refused(component: BackboneConfig) -> None:
    """With `context.feature_map`, it returns a map (B, F, h, w) or raises StudyError."""
    try:
        module = _built(component, feature_map=True)
    except StudyError as error:
        raise NotApplicable(f"it refuses: {error}") from None
    features = _features(module)
    demand(
        features.ndim == 4 and features.shape[:2] == (IMAGES, module.feature_dim),
        f"a feature map ({IMAGES}, {module.feature_dim}, h, w)",
        f"{tuple(features.shape)}",
        "Do not pool if context.feature_map is set, or raise StudyError.",
    )


def each_image_stands_alone(component: BackboneConfig) -> None:
    """In evaluation mode, the features of an image do not vary, and do not depend on the rest of the batch."""
    module = _built(component)
    both, again = _features(module), _features(module)
    demand(
        torch.equal(both, again),
        "the same features each time in evaluation mode",
        "other features",
        "Apply dropout and the like only if self.training is set.",
    )
    demand_same(
        {"features": as_array(both[:1])},
        {"features": as_array(_features(module, images=1))},
        when="for an image alone and with another one, in evaluation mode",
        remedy="Do not use batch statistics if self.training is False.",
        relative=1e-3,
    )


def state_is_all_there_is(component: BackboneConfig) -> None:
    """Its `state_dict`, loaded into a network with other random weights, restores the features."""
    module, other = _built(component), _built(component, seed=1)
    other.load_state_dict(module.state_dict())
    demand_same(
        {"features": as_array(_features(module))},
        {"features": as_array(_features(other))},
        when="after loading `state_dict` into a new network",
        remedy="Store everything random or trained in parameters and buffers.",
    )


def can_be_trained(component: BackboneConfig) -> None:
    """In training mode, the gradients of its parameters are finite."""
    module = _built(component).train()
    with seeded():
        torch.autograd.backward(module(_images(module)).square().sum())
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    demand(
        gradients and all(gradient.isfinite().all() for gradient in gradients),
        "finite gradients of its parameters",
        "NaN or infinity" if gradients else "none",
        "Remove no_grad() and requires_grad_(False): the study says what is frozen.",
    )


def keeps_its_tensors_where_torch_finds_them(component: BackboneConfig) -> None:
    """Tensors are parameters or buffers, except scalars, so that they move with the module and are saved."""
    demand_registered(_built(component))


CHECKS = checks_in(__name__)


def _built(component: BackboneConfig, *, feature_map: bool = False, seed: int = 0) -> Any:
    with seeded(seed):
        return component.for_smoke().build(BackboneContext(feature_map=feature_map))


def _images(module: Any, images: int = IMAGES) -> Tensor:
    size = module.input_spec.size
    return torch.randn(IMAGES, 3, size, size, generator=torch.Generator().manual_seed(0))[:images]


def _features(module: Any, images: int = IMAGES) -> Tensor:
    """The features of a few images, in evaluation mode."""
    module.eval()
    with torch.no_grad():
        features: Tensor = module(_images(module, images))
    return features


@contextmanager
def _no_network() -> Iterator[None]:
    def refuse(*_: Any, **__: Any) -> None:
        raise _NetworkUsedError

    with (
        mock.patch.multiple(socket.socket, connect=refuse, connect_ex=refuse),
        mock.patch.object(socket, "getaddrinfo", refuse),
    ):
        yield
