"""Optimizer and learning-rate schedule, from timm's factories.

The core imports timm only here and in `averaging`: the factories are plain functions of a name and numbers, and a kind
of component for them would only forward.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from dmlcore.engine.model import EmbeddingModel
from dmlcore.errors import DmlcoreError, PluginError, StudyError
from dmlcore.host.faults import NO_FAULT, own_line, plugin_error
from dmlcore.study.schema import Optimizer, Study, Training
from dmlcore.text import did_you_mean

if TYPE_CHECKING:
    from timm.scheduler.scheduler import Scheduler


def check_optimizer(name: str) -> None:
    """Raise StudyError if timm has no optimizer of that name."""
    from timm.optim import list_optimizers

    known = list_optimizers()
    if name not in known:
        raise StudyError(f"optimizer.name = {name!r}: timm has no such optimizer.{did_you_mean(name, known)}")


def build_optimizer(settings: Optimizer, model: EmbeddingModel, loss: nn.Module) -> torch.optim.Optimizer:
    """Return an optimizer with parameter groups named backbone, head and loss.

    With `layer_decay`, each layer of the backbone is a group; so are parts of the loss with different learning rates.

    Raises StudyError if timm has no such optimizer or refuses the settings, or if `layer_decay` is set and the backbone
    does not define layers.
    """
    from timm.optim import create_optimizer_v2

    check_optimizer(settings.name)
    rate = settings.learning_rate
    groups = [
        *_backbone_groups(settings, model.backbone),
        _group("head", model.linear.parameters(), settings.head_learning_rate or rate, settings.weight_decay),
        *_loss_groups(loss, settings.loss_learning_rate or 100 * rate),
    ]
    options = {} if settings.momentum is None else {"momentum": settings.momentum}
    try:
        return create_optimizer_v2(  # type: ignore[no-any-return]
            [group for group in groups if group["params"]],
            opt=settings.name,
            lr=rate,
            weight_decay=settings.weight_decay,
            **options,
        )
    except (TypeError, ValueError) as error:
        raise StudyError(f"optimizer.name = {settings.name!r} does not accept these settings: {error}.") from None


def _loss_groups(loss: nn.Module, rate: float) -> list[dict[str, Any]]:
    """Return the groups of the loss's parameters: one for each child in its `rate_factors`, one for the rest."""
    factors: Mapping[str, float] = getattr(loss, "rate_factors", {})
    parts = {name: list(loss.get_submodule(name).parameters()) for name in factors}
    apart = {id(parameter) for parameters in parts.values() for parameter in parameters}
    rest = [parameter for parameter in loss.parameters() if id(parameter) not in apart]
    return [
        _group("loss", rest, rate, 0.0),
        *(_group(f"loss.{name}", parameters, rate * factors[name], 0.0) for name, parameters in parts.items()),
    ]


def _backbone_groups(settings: Optimizer, backbone: nn.Module) -> list[dict[str, Any]]:
    """Return the backbone's groups, from output to input: the first has the full learning rate.

    timm's schedules vary `initial_lr` over the epochs and multiply the result by `lr_scale`.
    """
    rate, weight_decay = settings.learning_rate, settings.weight_decay
    if settings.layer_decay is None:
        return [_group("backbone", backbone.parameters(), rate, weight_decay)]
    groups = []
    for depth, (number, layer) in enumerate(reversed(list(enumerate(_layers(backbone))))):
        scale = settings.layer_decay**depth
        group = _group(f"backbone layer {number}", layer, rate * scale, weight_decay)
        groups.append(group | {"initial_lr": rate, "lr_scale": scale})
    return groups


def _layers(backbone: nn.Module) -> Sequence[Sequence[nn.Parameter]]:
    layer_groups = getattr(backbone, "layer_groups", None)
    if layer_groups is None:
        raise StudyError("optimizer.layer_decay: this backbone does not define layers. Remove the option.")
    try:
        layers: Sequence[Sequence[nn.Parameter]] = layer_groups()
    except (*NO_FAULT, DmlcoreError):
        raise
    except BaseException as error:
        line = own_line(error, type(backbone).__module__)
        raise plugin_error(
            "The backbone's `layer_groups` failed", error, line, "Remove optimizer.layer_decay."
        ) from error
    if sorted(id(parameter) for layer in layers for parameter in layer) != sorted(map(id, backbone.parameters())):
        raise PluginError("The backbone's `layer_groups` must return each of its parameters exactly once.")
    return layers


def _group(name: str, parameters: Iterable[nn.Parameter], rate: float, weight_decay: float) -> dict[str, Any]:
    return {"name": name, "params": list(parameters), "lr": rate, "weight_decay": weight_decay}


def build_schedule(study: Study, optimizer: torch.optim.Optimizer) -> Scheduler | None:
    """Return the schedule of the study, by epochs counted from 0, or None if the learning rates are constant."""
    from timm.scheduler import create_scheduler_v2

    settings = study.scheduler
    if settings.name == "constant":
        return None
    schedule, _ = create_scheduler_v2(
        optimizer,
        sched=settings.name,
        num_epochs=study.training.epochs,
        decay_epochs=settings.decay_epochs or study.training.epochs,
        decay_rate=settings.decay_rate or (0.1 if settings.name == "step" else 1.0),
        min_lr=settings.min_learning_rate or 0.0,
        warmup_epochs=0,
    )
    return schedule


def clip_gradients(training: Training, parameters: list[nn.Parameter]) -> None:
    """Clip gradients in place, by norm or by value, as set in the study."""
    if training.clip_norm is not None:
        nn.utils.clip_grad_norm_(parameters, training.clip_norm)
    if training.clip_value is not None:
        nn.utils.clip_grad_value_(parameters, training.clip_value)
