"""Every hook of dmlcore: what a plugin may offer, and what an observer may watch.

A plugin is a module (or object) named under the entry-point group `dmlcore`; it implements any of
RegistrationSpecs. These hooks return classes, and commands, only: they open no file and import no torch.
An observer, built by an ObserverConfig for one run, implements any of RunSpecs. It gets frozen values,
what it returns is ignored, and one that raises is dropped from the run and named in the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

from dmlcore.api.components import (
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


class RegistrationSpecs:
    """Offer component classes, and commands. Each hook is called once a process."""

    @hookspec
    def dmlcore_register_datasets(self) -> Sequence[type[DatasetConfig]]:
        """Data sets that a study may name under `[dataset]`."""
        raise NotImplementedError

    @hookspec
    def dmlcore_register_backbones(self) -> Sequence[type[BackboneConfig]]:
        """Backbones that a study may name under `[backbone]`."""
        raise NotImplementedError

    @hookspec
    def dmlcore_register_losses(self) -> Sequence[type[LossConfig]]:
        """Losses that a study may name under `[loss]`."""
        raise NotImplementedError

    @hookspec
    def dmlcore_register_miners(self) -> Sequence[type[MinerConfig]]:
        """Miners that a study may name under `[loss.miner]`."""
        raise NotImplementedError

    @hookspec
    def dmlcore_register_distances(self) -> Sequence[type[DistanceConfig]]:
        """Distances that a study may name under `[loss.distance]`, where the loss takes one."""
        raise NotImplementedError

    @hookspec
    def dmlcore_register_reducers(self) -> Sequence[type[ReducerConfig]]:
        """Reducers that a study may name under `[loss.reducer]`, where the loss takes one."""
        raise NotImplementedError

    @hookspec
    def dmlcore_register_regularizers(self) -> Sequence[type[RegularizerConfig]]:
        """Regularizers that a study may name in a table of a loss that takes one."""
        raise NotImplementedError

    @hookspec
    def dmlcore_register_samplers(self) -> Sequence[type[SamplerConfig]]:
        """Samplers that a study may name under `[sampler]`."""
        raise NotImplementedError

    @hookspec
    def dmlcore_register_evaluators(self) -> Sequence[type[EvaluatorConfig]]:
        """Evaluators that a study may name under `[[evaluators]]`."""
        raise NotImplementedError

    @hookspec
    def dmlcore_register_observers(self) -> Sequence[type[ObserverConfig]]:
        """Observers that a study may name under `[[observers]]`."""
        raise NotImplementedError

    @hookspec
    def dmlcore_register_sections(self) -> Sequence[type[SectionConfig]]:
        """Sections of the report that a study may name under `[[sections]]`."""
        raise NotImplementedError

    @hookspec
    def dmlcore_register_commands(self) -> Sequence[click.Command]:
        """Commands under `dmlcore`. Called only when dmlcore has no command of the name given, and by its help."""
        raise NotImplementedError


class RunSpecs:
    """Watch one run. Every hook is optional, and may take any subset of its arguments."""

    @hookspec
    def dmlcore_on_run_start(self, run: RunInfo) -> None:
        """Before anything is loaded or trained; also when a stopped run goes on."""

    @hookspec
    def dmlcore_on_progress(self, run: RunInfo, progress: Progress) -> None:
        """Many times an epoch, from every long stage."""

    @hookspec
    def dmlcore_on_epoch_end(self, run: RunInfo, epoch: EpochSummary) -> None:
        """After an epoch was trained, measured and saved; first with epoch 0, the untrained network."""

    @hookspec
    def dmlcore_on_evaluation(self, run: RunInfo, evaluation: Evaluation) -> None:
        """After the metrics of a split were measured."""

    @hookspec
    def dmlcore_on_run_end(self, run: RunInfo, result: Result) -> None:
        """After the last epoch, just before the run's folder is completed."""

    @hookspec
    def dmlcore_on_run_error(self, run: RunInfo, error: BaseException) -> None:
        """When the run stops with an error, or by Ctrl-C."""


REGISTRATION_HOOKS = {
    "dataset": "dmlcore_register_datasets",
    "backbone": "dmlcore_register_backbones",
    "loss": "dmlcore_register_losses",
    "miner": "dmlcore_register_miners",
    "distance": "dmlcore_register_distances",
    "reducer": "dmlcore_register_reducers",
    "regularizer": "dmlcore_register_regularizers",
    "sampler": "dmlcore_register_samplers",
    "evaluator": "dmlcore_register_evaluators",
    "observer": "dmlcore_register_observers",
    "section": "dmlcore_register_sections",
}
"""Kind of component → the hook that offers it."""

COMMANDS_HOOK = "dmlcore_register_commands"
