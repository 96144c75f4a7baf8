"""The tables of a study file that are not components, by name."""

from __future__ import annotations

from collections.abc import Mapping

from dmlcore.study.best import Best
from dmlcore.study.plugins import PluginsTable, RequiresTable
from dmlcore.study.probe import ProbeTable
from dmlcore.study.schema import EmbeddingHead, EvaluationProtocol, Optimizer, Scheduler, Study, Training, Transforms

TABLES: Mapping[str, type] = {
    "study": Study,
    "embedding": EmbeddingHead,
    "transforms": Transforms,
    "training": Training,
    "optimizer": Optimizer,
    "scheduler": Scheduler,
    "evaluation": EvaluationProtocol,
    "best": Best,
    "probe": ProbeTable,
    "plugins": PluginsTable,
    "requires": RequiresTable,
}
""""study" is the top level of the file."""
