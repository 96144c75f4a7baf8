"""A component that is one class of pytorch-metric-learning, built from its options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from attrs import frozen

from dmlcore import DistanceConfig, LossContext, ReducerConfig, RegularizerConfig, StudyError

if TYPE_CHECKING:
    import torch


@frozen(slots=False)
class Adapted:
    """What such components share; a subclass is its options, and the checks of what goes together."""

    kind: ClassVar[str]
    adapts: ClassVar[str]
    """The class that it is; by default that of its name and kind: losses.CircleLoss for the loss Circle."""
    libraries: ClassVar[tuple[str, ...]] = ("pytorch-metric-learning",)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls) and "adapts" not in vars(cls):
            family = "losses" if cls.kind == "loss" else f"{cls.kind}s"
            cls.adapts = f"{family}.{cls.__name__}{cls.kind.title()}"

    def __attrs_post_init__(self) -> None:
        for problem in self.problems():
            raise ValueError(problem)

    def problems(self) -> Iterator[str]:
        """Options that conflict; each a sentence that says what to write instead."""
        yield from ()

    def build(self, context: LossContext) -> torch.nn.Module:
        """The library's object; see `build` of the component's kind."""
        from dmlcore_plugins.losses.catalogue.library_module import library_class

        return library_class(self.adapts)(**self.arguments(context))

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """Arguments of the library's class: the options, without those that are None."""
        values = {attribute.name: getattr(self, attribute.name) for attribute in attrs.fields(type(self))}
        return {name: built(value, context) for name, value in values.items() if value is not None}


def built(value: Any, context: LossContext) -> Any:
    """The module of a distance, reducer or regularizer; any other value as it is.

    Raises StudyError where another plugin's distance or reducer is not of the library's base class.
    """
    if not isinstance(value, DistanceConfig | ReducerConfig | RegularizerConfig):
        return value
    from pytorch_metric_learning.distances import BaseDistance
    from pytorch_metric_learning.reducers import BaseReducer

    module = value.build(context)
    needed = {"distance": BaseDistance, "reducer": BaseReducer}.get(value.kind)
    if needed and not isinstance(module, needed):
        raise StudyError(
            f'The {value.kind} "{value.name}" builds a {type(module).__name__}, but pytorch-metric-learning needs a '
            f"{needed.__name__}. Use another {value.kind} here."
        )
    return module
