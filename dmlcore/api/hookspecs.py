"""All hooks of dmlcore: registration hooks of plugins, and run hooks of observers.

A plugin is a module (or object) of the entry-point group `dmlcore` that implements any of RegistrationSpecs. These
hooks return only classes and commands; they must not open files or import torch.

An observer, built by an ObserverConfig for one run, implements any of RunSpecs. It receives frozen values, and its
return values are ignored. One that raises an error is dropped from the run, and the result says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import pluggy

from dmlcore.api.components import (
    KINDS,
    BackboneConfig,
    DatasetConfig,
    DistanceConfig,
    EvaluatorConfig,
    LossConfig,
    MinerConfig,
    ObserverConfig,
    ReducerConfig,
    RegularizerConfig,
    SamplerConfig,
    SectionConfig,
)

if TYPE_CHECKING:
    import click

    from dmlcore.api.result import Result
    from dmlcore.api.values import EpochSummary, Evaluation, Progress, RunInfo

GROUP = "dmlcore"
"""The entry-point group, and the project name of the pluggy markers."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


class RegistrationSpecs(Protocol):
    """Hooks that register component classes and commands. Each is called once per process."""

    @hookspec
    def dmlcore_register_datasets(self) -> Sequence[type[DatasetConfig]]:
        """Register data sets, for `[dataset]` of a study."""

    @hookspec
    def dmlcore_register_backbones(self) -> Sequence[type[BackboneConfig]]:
        """Register backbones, for `[backbone]` of a study."""

    @hookspec
    def dmlcore_register_losses(self) -> Sequence[type[LossConfig]]:
        """Register losses, for `[loss]` of a study."""

    @hookspec
    def dmlcore_register_miners(self) -> Sequence[type[MinerConfig]]:
        """Register miners, for `[loss.miner]` of a study."""

    @hookspec
    def dmlcore_register_distances(self) -> Sequence[type[DistanceConfig]]:
        """Register distances, for `[loss.distance]` of a loss with this option."""

    @hookspec
    def dmlcore_register_reducers(self) -> Sequence[type[ReducerConfig]]:
        """Register reducers, for `[loss.reducer]` of a loss with this option."""

    @hookspec
    def dmlcore_register_regularizers(self) -> Sequence[type[RegularizerConfig]]:
        """Register regularizers, for losses with an option of this kind."""

    @hookspec
    def dmlcore_register_samplers(self) -> Sequence[type[SamplerConfig]]:
        """Register samplers, for `[sampler]` of a study."""

    @hookspec
    def dmlcore_register_evaluators(self) -> Sequence[type[EvaluatorConfig]]:
        """Register evaluators, for `[[evaluators]]` of a study."""

    @hookspec
    def dmlcore_register_observers(self) -> Sequence[type[ObserverConfig]]:
        """Register observers, for `[[observers]]` of a study."""

    @hookspec
    def dmlcore_register_sections(self) -> Sequence[type[SectionConfig]]:
        """Register report sections, for `[[sections]]` of a study."""

    @hookspec
    def dmlcore_register_commands(self) -> Sequence[click.Command]:
        """Register commands of `dmlcore`. Called only for its help, and for a command that dmlcore does not have."""


class RunSpecs:
    """Hooks of a run. Every hook is optional, and can take any subset of its arguments."""

    @hookspec
    def dmlcore_on_run_start(self, run: RunInfo) -> None:
        """Called before anything is loaded or trained, also when an interrupted run resumes."""

    @hookspec
    def dmlcore_on_progress(self, run: RunInfo, progress: Progress) -> None:
        """Called many times per epoch, in every long stage."""

    @hookspec
    def dmlcore_on_epoch_end(self, run: RunInfo, epoch: EpochSummary) -> None:
        """Called after an epoch is trained, measured and saved; first with epoch 0, the untrained network."""

    @hookspec
    def dmlcore_on_evaluation(self, run: RunInfo, evaluation: Evaluation) -> None:
        """Called after the metrics of a split are measured."""

    @hookspec
    def dmlcore_on_run_end(self, run: RunInfo, result: Result) -> None:
        """Called after the last epoch, just before the run's folder is complete."""

    @hookspec
    def dmlcore_on_run_error(self, run: RunInfo, error: BaseException) -> None:
        """Called when the run stops with an error or by Ctrl-C."""


REGISTRATION_HOOKS = {kind: f"dmlcore_register_{kind}{'es' if kind.endswith('s') else 's'}" for kind in KINDS}
"""Kind of component → the hook that registers it."""

COMMANDS_HOOK = "dmlcore_register_commands"
