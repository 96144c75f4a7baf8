"""What a loss must do."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from dmlcore.api.components import LossConfig
from dmlcore.testing.chance import seeded
from dmlcore.testing.checking import ContractError, NotApplicable
from dmlcore.testing.modules import (
    CONTEXT,
    LABELS,
    as_array,
    builds,
    built,
    embedded,
    keeps_its_tensors_where_torch_finds_them,
    parameters_of,
)
from dmlcore.testing.numbers import Numbers, demand_same

STEPS = 3
"""Steps of training before a module is saved, and after."""


def numbers(component: LossConfig) -> Numbers:
    """Parameters, losses and gradients of a few steps."""
    module = built(component)
    with seeded(1):
        steps = [_step(module, seed) for seed in range(STEPS)]
    return {
        "losses": as_array(torch.stack([loss for loss, _ in steps])),
        "gradients": as_array(torch.stack([gradient for _, gradient in steps])),
        **parameters_of(module),
    }


def gives_a_finite_scalar(component: LossConfig) -> None:
    """The loss of a batch is one finite number."""
    _demand_finite(_loss(built(component), embedded(LABELS), LABELS))


def gradient_reaches_the_embeddings(component: LossConfig) -> None:
    """The gradient of the embeddings is finite, and not zero for every batch."""
    largest = 0.0
    for seed, spread in ((0, 1.0), (1, 0.3), (2, 3.0)):
        gradient = _gradient(built(component), embedded(LABELS, seed, spread), LABELS)
        if not gradient.isfinite().all():
            raise ContractError(
                "a finite gradient",
                "NaN or infinity",
                "Look for a root, a division or a logarithm of zero, such as the distance of an image to itself.",
            )
        largest = max(largest, gradient.abs().max().item())
    if largest == 0:
        raise ContractError(
            "a gradient that is not zero for at least one of three batches",
            "zero for all of them",
            "Look for a detach(), a no_grad() or an item() on the way from the embeddings to the loss.",
        )


def order_of_the_batch_does_not_matter(component: LossConfig) -> None:
    """The images of a batch in another order give the same loss."""
    embeddings = embedded(LABELS)
    if _drawn(component, embeddings, seed=0) != _drawn(component, embeddings, seed=1):
        raise NotApplicable("it draws by chance in every batch")
    order = torch.randperm(len(LABELS), generator=torch.Generator().manual_seed(0))
    first, second = (
        _loss(built(component), embeddings, LABELS),
        _loss(built(component), embeddings[order], LABELS[order]),
    )
    if not math.isclose(first.item(), second.item(), rel_tol=1e-4, abs_tol=1e-6):
        raise ContractError(
            "the same loss with the images in another order",
            f"{first.item():.7g}, then {second.item():.7g}",
            "Look for an index that takes the place of an image for its class.",
        )


def manages_without_positives(component: LossConfig) -> None:
    """A batch without two images of a class gives a finite loss and gradient, where `needs_positives` is False."""
    if component.needs_positives:
        raise NotApplicable("it says that it needs positives")
    _demand_use_of(component, torch.arange(CONTEXT.num_classes), "no two images of one class", "needs_positives")


def manages_without_negatives(component: LossConfig) -> None:
    """A batch of one class gives a finite loss and gradient, where `needs_negatives` is False."""
    if component.needs_negatives:
        raise NotApplicable("it says that it needs negatives")
    _demand_use_of(component, torch.zeros(4, dtype=torch.int64), "images of one class only", "needs_negatives")


def manages_with_one_image(component: LossConfig) -> None:
    """A batch of one image gives a finite loss and gradient, where positives and negatives are both not needed."""
    if component.needs_positives or component.needs_negatives:
        raise NotApplicable("it says that it needs positives or negatives")
    _demand_use_of(component, torch.ones(1, dtype=torch.int64), "one image", "needs_positives")


def manages_with_what_it_needs(component: LossConfig) -> None:
    """The smallest batch that the loss says it can use gives a finite loss and gradient."""
    labels = [0, 0] if component.needs_positives else [0]
    _demand_use_of(
        component,
        torch.tensor([*labels, 1] if component.needs_negatives else labels),
        "just the images that it says it needs",
        "needs_positives",
    )


def keeps_to_other_precisions(component: LossConfig) -> None:
    """In float64 the loss is that of float32; in float16 and bfloat16 it is finite, or the loss refuses them."""
    embeddings = embedded(LABELS)
    single = _loss(built(component), embeddings, LABELS).item()
    double = _loss(built(component).double(), embeddings.double(), LABELS).item()
    if not math.isclose(single, double, rel_tol=1e-3, abs_tol=1e-5):
        raise ContractError(
            "the same loss in float64",
            f"{single:.7g} in float32, {double:.7g} in float64",
            "Make new tensors in the type of the embeddings: torch.zeros(…, dtype=embeddings.dtype).",
        )
    for dtype in (torch.float16, torch.bfloat16):
        try:
            loss = _loss(built(component), embeddings.to(dtype), LABELS)
        except (RuntimeError, TypeError, ValueError):
            continue
        if not loss.isfinite():
            raise ContractError(
                f"a finite loss in {dtype}, or an error",
                f"{loss.item()}",
                "Compute in float32: embeddings = embeddings.float().",
            )


def leaves_its_inputs_alone(component: LossConfig) -> None:
    """Embeddings and labels are the same after the loss as before."""
    embeddings, labels = embedded(LABELS), LABELS.clone()
    given = embeddings.clone()
    _loss(built(component), given, labels)
    if not torch.equal(given, embeddings) or not torch.equal(labels, LABELS):
        raise ContractError(
            "embeddings and labels as they were given",
            "other values after the call",
            "Leave out operations in place, such as `embeddings /= …` or `normalize(…, out=embeddings)`.",
        )


def goes_on_as_if_never_stopped(component: LossConfig) -> None:
    """Trained, saved and loaded into a new module, it goes on with the numbers of one that was not stopped."""
    module = built(component)
    with seeded(1):
        for seed in range(STEPS):
            _step(module, seed)
    saved = copy.deepcopy(module.state_dict())
    resumed = built(component)
    resumed.load_state_dict(saved)
    demand_same(
        _goes_on(module),
        _goes_on(resumed),
        when="after `state_dict` was loaded into a new module",
        cure="Keep all that the loss remembers between batches in parameters and buffers.",
    )


def activity_is_shares_and_changes_nothing(component: LossConfig) -> None:
    """`activity` gives numbers from 0 to 1, or NaN, and leaves the module as it was."""
    module = built(component)
    if not hasattr(module, "activity"):
        raise NotApplicable("its module has no method `activity`")
    _loss(module, embedded(LABELS), LABELS)
    before = parameters_of(module)
    with torch.no_grad():
        shares = {name: float(value) for name, value in module.activity(embedded(LABELS), LABELS).items()}
    demand_same(
        before, parameters_of(module), when="after `activity`", cure="Change nothing in `activity`.", relative=0
    )
    for name, share in shares.items():
        if not (0 <= share <= 1 or math.isnan(share)):
            raise ContractError(
                "shares from 0 to 1, or NaN where one is undefined",
                f"{name} = {share:g}",
                "Divide the number of active pairs or triplets by that of all in the batch.",
            )


def formula_can_be_drawn(component: LossConfig) -> None:
    """`formula` is LaTeX that matplotlib's mathtext can draw."""
    if not component.formula:
        raise NotApplicable("it tells no formula")
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(f"${component.formula}$")
    except ValueError as error:
        raise ContractError(
            "a formula in the part of LaTeX that matplotlib draws, without dollar signs",
            f"{component.formula}: {str(error).strip().splitlines()[-1].partition(', found')[0]}",
            r"Write it with \frac, \sum, \max, \log and the like; other commands are not known.",
        ) from None


def margin_can_be_reported(component: LossConfig) -> None:
    """A loss with a `margin_axis` has an option `margin`, and says by `margin_kind` what it bounds."""
    if component.margin_axis is None:
        raise NotApplicable("it tells no margin_axis")
    if not isinstance(getattr(component, "margin", None), int | float):
        raise ContractError(
            "an option `margin` that is a number, since there is a margin_axis",
            "none",
            "Name the option `margin`, or leave margin_axis out.",
        )


CHECKS = (
    builds,
    gives_a_finite_scalar,
    gradient_reaches_the_embeddings,
    order_of_the_batch_does_not_matter,
    manages_with_what_it_needs,
    manages_without_positives,
    manages_without_negatives,
    manages_with_one_image,
    keeps_to_other_precisions,
    leaves_its_inputs_alone,
    goes_on_as_if_never_stopped,
    keeps_its_tensors_where_torch_finds_them,
    activity_is_shares_and_changes_nothing,
    formula_can_be_drawn,
    margin_can_be_reported,
)


def _loss(module: Any, embeddings: Tensor, labels: Tensor) -> Tensor:
    with seeded():
        loss = module(embeddings, labels)
    if not isinstance(loss, Tensor) or loss.shape != () or not loss.is_floating_point():
        found = f"a tensor of shape {tuple(loss.shape)}, {loss.dtype}" if isinstance(loss, Tensor) else repr(loss)
        raise ContractError("a loss of shape (), floating-point", found, "Reduce it: loss.mean() or loss.sum().")
    return loss


def _demand_finite(loss: Tensor) -> None:
    if not loss.isfinite():
        raise ContractError(
            "a finite loss", f"{loss.item()}", "Look for a logarithm or a division of zero, and for an empty mean."
        )


def _gradient(module: Any, embeddings: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the embeddings (B, D); zeros where the loss does not depend on them."""
    embeddings = embeddings.clone().requires_grad_()
    loss = _loss(module, embeddings, labels)
    if not loss.requires_grad:
        raise ContractError(
            "a loss with a gradient",
            "one that depends on nothing that is trained",
            "Look for a detach(), a no_grad() or an item() on the way from the embeddings to the loss.",
        )
    torch.autograd.backward(loss)
    return torch.zeros_like(embeddings) if embeddings.grad is None else embeddings.grad


def _drawn(component: LossConfig, embeddings: Tensor, seed: int) -> float:
    """The loss where chance in the batch comes from this seed."""
    module = built(component)
    with seeded(seed):
        return float(module(embeddings, LABELS).item())


def _demand_use_of(component: LossConfig, labels: Tensor, what: str, attribute: str) -> None:
    embeddings = embedded(labels).requires_grad_()
    try:
        loss = _loss(built(component), embeddings, labels)
        if loss.requires_grad:
            torch.autograd.backward(loss)
    except ContractError:
        raise
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
    else:
        gradient = embeddings.grad
        if loss.isfinite() and (gradient is None or gradient.isfinite().all()):
            return
        found = f"a loss of {loss.item():g}" if not loss.isfinite() else "a gradient that is not finite"
    raise ContractError(
        f"a finite loss and gradient for {what}",
        found,
        f"Make the loss 0 where it has no term, or leave {attribute} = True, so that dmlcore refuses such batches.",
    )


def _step(module: nn.Module, seed: int) -> tuple[Tensor, Tensor]:
    """One step of gradient descent on the loss's own parameters: loss, and gradient of the embeddings."""
    embeddings = embedded(LABELS, seed).requires_grad_()
    module.train()
    module.zero_grad()
    loss = module(embeddings, LABELS)
    if loss.requires_grad:
        torch.autograd.backward(loss)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.grad is not None:
                parameter.sub_(parameter.grad, alpha=0.1)
    gradient = torch.zeros_like(embeddings) if embeddings.grad is None else embeddings.grad
    return loss.detach(), gradient


def _goes_on(module: nn.Module) -> Numbers:
    with seeded(2):
        losses = [_step(module, STEPS + seed)[0] for seed in range(STEPS)]
    return {"losses": as_array(torch.stack(losses))}
