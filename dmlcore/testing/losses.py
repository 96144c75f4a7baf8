"""Checks of losses."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from dmlcore.api.components import LossConfig
from dmlcore.testing.chance import seeded
from dmlcore.testing.checking import ContractError, NotApplicable, applies_if, checks_in, demand
from dmlcore.testing.modules import (
    BATCHES,
    CONTEXT,
    LABELS,
    as_array,
    builds,
    built,
    demand_same_in_any_order,
    embedded,
    gradient_of,
    keeps_its_tensors_where_torch_finds_them,
    not_finite,
    parameters_of,
)
from dmlcore.testing.numbers import Numbers, demand_same

STEPS = 3
"""Training steps before and after saving a module."""


def numbers(component: LossConfig) -> Numbers:
    """Losses and gradients of a few steps, and the parameters after them."""
    module = built(component)
    return {**_steps(module), **parameters_of(module)}


def gives_a_finite_scalar(component: LossConfig) -> None:
    """The loss of a batch is one finite number."""
    loss = _loss(built(component), embedded(LABELS), LABELS)
    demand(
        loss.isfinite(),
        "a finite loss",
        f"{loss.item()}",
        "Check for logarithms and divisions of zero, and for means of nothing.",
    )


def gradient_reaches_the_embeddings(component: LossConfig) -> None:
    """The gradient of the embeddings is finite, and not zero for all batches."""
    largest = 0.0
    for seed, spread in BATCHES:
        embeddings = embedded(LABELS, seed, spread).requires_grad_()
        loss = _loss(built(component), embeddings, LABELS)
        demand(
            loss.requires_grad,
            "a loss with a gradient",
            "a loss without a gradient",
            "Remove detach(), no_grad() or item() between the embeddings and the loss.",
        )
        gradient = gradient_of(loss, embeddings)
        demand(
            gradient.isfinite().all(),
            "a finite gradient",
            "NaN or infinity",
            "Avoid roots, divisions and logarithms of zero, such as for the distance of an image to itself.",
        )
        largest = max(largest, gradient.abs().max().item())
    demand(
        largest != 0,
        "a nonzero gradient for at least one of three batches",
        "zero for all batches",
        "Remove detach(), no_grad() or item() between the embeddings and the loss.",
    )


def order_of_the_batch_does_not_matter(component: LossConfig) -> None:
    """The loss does not depend on the order of the images in a batch."""
    demand_same_in_any_order(
        lambda order, seed: {"loss": as_array(_loss(built(component), embedded(LABELS)[order], LABELS[order], seed))}
    )


def manages_with_what_it_needs(component: LossConfig) -> None:
    """The smallest batch that the loss accepts gives a finite loss and gradient."""
    labels = [0] * (1 + component.needs_positives) + [1] * component.needs_negatives
    _demand_use_of(component, torch.tensor(labels), "the fewest images that it needs")


@applies_if(lambda loss: not loss.needs_positives, "it needs positives")
def manages_without_positives(component: LossConfig) -> None:
    """If `needs_positives` is False, a batch without two images of a class gives a finite loss and gradient."""
    _demand_use_of(component, torch.arange(CONTEXT.num_classes), "a batch without two images of a class")


@applies_if(lambda loss: not loss.needs_negatives, "it needs negatives")
def manages_without_negatives(component: LossConfig) -> None:
    """If `needs_negatives` is False, a batch of one class gives a finite loss and gradient."""
    _demand_use_of(component, torch.zeros(4, dtype=torch.int64), "a batch of one class", "needs_negatives")


@applies_if(lambda loss: not (loss.needs_positives or loss.needs_negatives), "it needs positives or negatives")
def manages_with_one_image(component: LossConfig) -> None:
    """If neither positives nor negatives are needed, a batch of one image gives a finite loss and gradient."""
    _demand_use_of(component, torch.ones(1, dtype=torch.int64), "one image")


def keeps_to_other_precisions(component: LossConfig) -> None:
    """The loss is the same in float64 as in float32, and finite or refused in float16 and bfloat16."""
    embeddings = embedded(LABELS)
    single = _loss(built(component), embeddings, LABELS).item()
    double = _loss(built(component).double(), embeddings.double(), LABELS).item()
    demand(
        math.isclose(single, double, rel_tol=1e-3, abs_tol=1e-5),
        "the same loss in float64",
        f"{single:.7g} in float32, {double:.7g} in float64",
        "Create tensors with the dtype of the embeddings: torch.zeros(…, dtype=embeddings.dtype).",
    )
    for dtype in (torch.float16, torch.bfloat16):
        try:
            loss = _loss(built(component), embeddings.to(dtype), LABELS)
        except (RuntimeError, TypeError, ValueError):
            continue
        demand(
            loss.isfinite(),
            f"a finite loss in {dtype}, or an error",
            f"{loss.item()}",
            "Compute in float32: embeddings = embeddings.float().",
        )


def leaves_its_inputs_alone(component: LossConfig) -> None:
    """The loss does not modify embeddings and labels."""
    embeddings, labels = embedded(LABELS), LABELS.clone()
    given = embeddings.clone()
    _loss(built(component), given, labels)
    demand(
        torch.equal(given, embeddings) and torch.equal(labels, LABELS),
        "unchanged embeddings and labels",
        "other values after the call",
        "Avoid in-place operations, such as `embeddings /= …` or `normalize(…, out=embeddings)`.",
    )


def goes_on_as_if_never_stopped(component: LossConfig) -> None:
    """After saving and loading into a new module, training continues with the same numbers as without."""
    module = built(component)
    _steps(module)
    saved = copy.deepcopy(module.state_dict())
    resumed = built(component)
    resumed.load_state_dict(saved)
    demand_same(
        _steps(module, STEPS),
        _steps(resumed, STEPS),
        when="after `state_dict` was loaded into a new module",
        remedy="Store everything that the loss keeps between batches in parameters and buffers.",
    )


def activity_is_shares_and_changes_nothing(component: LossConfig) -> None:
    """`activity` returns numbers from 0 to 1, or NaN, and does not change the module."""
    module = built(component)
    if not hasattr(module, "activity"):
        raise NotApplicable("its module has no `activity`")
    _loss(module, embedded(LABELS), LABELS)
    before = parameters_of(module)
    with torch.no_grad():
        shares = {name: float(value) for name, value in module.activity(embedded(LABELS), LABELS).items()}
    demand_same(
        before,
        parameters_of(module),
        when="after `activity`",
        remedy="Do not change any state in `activity`.",
        relative=0,
    )
    for name, share in shares.items():
        demand(
            0 <= share <= 1 or math.isnan(share),
            "shares from 0 to 1, or NaN if undefined",
            f"{name} = {share:g}",
            "Divide the number of active pairs or triplets by the number in the batch.",
        )


def class_vectors_are_of_the_training_classes(component: LossConfig) -> None:
    """`class_vectors` returns vectors (P, D), and the class of each, with every training class at least once."""
    found = component.class_vectors(built(component))
    if found is None:
        raise NotApplicable("it learns no vectors for classes")
    vectors, labels = found
    shapes = f"tensors of shape {tuple(vectors.shape)} and {tuple(labels.shape)}"
    demand(
        vectors.shape == (len(labels), CONTEXT.embedding_dim) and labels.ndim == 1,
        f"tensors of shape (P, {CONTEXT.embedding_dim}) and (P,)",
        shapes,
        "Return a row for each vector, and one class for each row.",
    )
    classes = sorted(set(labels.tolist()))
    demand(
        classes == list(range(CONTEXT.num_classes)),
        f"each class from 0 to {CONTEXT.num_classes - 1} at least once",
        f"the classes {classes}",
        "Return vectors of all classes of the context.",
    )


@applies_if(lambda loss: loss.formula, "it has no formula")
def formula_can_be_drawn(component: LossConfig) -> None:
    """`formula` is LaTeX that matplotlib's mathtext can draw."""
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(f"${component.formula}$")
    except ValueError as error:
        raise ContractError(
            "a formula that matplotlib can draw, without dollar signs",
            f"{component.formula}: {str(error).strip().splitlines()[-1].partition(', found')[0]}",
            r"Use only commands that mathtext supports, such as \frac, \sum, \max and \log.",
        ) from None


@applies_if(lambda loss: loss.margin_axis is not None, "it has no margin_axis")
def margin_can_be_reported(component: LossConfig) -> None:
    """A loss with a `margin_axis` has a numeric option `margin`."""
    demand(
        isinstance(getattr(component, "margin", None), int | float),
        "a numeric option `margin`, since there is a margin_axis",
        "none",
        "Name the option `margin`, or remove margin_axis.",
    )


CHECKS = (builds, *checks_in(__name__), keeps_its_tensors_where_torch_finds_them)


def _loss(module: Any, embeddings: Tensor, labels: Tensor, seed: int = 0) -> Tensor:
    with seeded(seed):
        loss = module(embeddings, labels)
    if not isinstance(loss, Tensor) or loss.shape != () or not loss.is_floating_point():
        found = f"a tensor of shape {tuple(loss.shape)}, {loss.dtype}" if isinstance(loss, Tensor) else repr(loss)
        raise ContractError("a loss of shape (), floating-point", found, "Reduce it: loss.mean() or loss.sum().")
    return loss


def _demand_use_of(component: LossConfig, labels: Tensor, what: str, attribute: str = "needs_positives") -> None:
    embeddings = embedded(labels).requires_grad_()
    try:
        found = not_finite(_loss(built(component), embeddings, labels), embeddings)
    except ContractError:
        raise
    except (Exception, SystemExit) as error:
        found = f"{type(error).__name__}: {error}"
    demand(
        not found,
        f"a finite loss and gradient for {what}",
        found,
        f"Return a loss of 0 without terms, or set {attribute} = True, so that dmlcore refuses such batches.",
    )


def _steps(module: nn.Module, first: int = 0) -> Numbers:
    """Losses and gradients of a few steps of training."""
    with seeded(1 + first):
        steps = [_step(module, first + number) for number in range(STEPS)]
    losses, gradients = zip(*steps, strict=True)
    return {"losses": as_array(torch.stack(losses)), "gradients": as_array(torch.stack(gradients))}


def _step(module: nn.Module, seed: int) -> tuple[Tensor, Tensor]:
    """A step of gradient descent on the loss's parameters; returns loss and gradient of the embeddings."""
    embeddings = embedded(LABELS, seed).requires_grad_()
    module.train()
    module.zero_grad()
    loss = module(embeddings, LABELS)
    gradient = gradient_of(loss, embeddings)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.grad is not None:
                parameter.sub_(parameter.grad, alpha=0.1)
    return loss.detach(), gradient
