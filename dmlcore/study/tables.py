"""The tables of a study file that are not components, by name."""

from __future__ import annotations

from collections.abc import Mapping

from dmlcore.study import schema
from dmlcore.study.best import Best
from dmlcore.study.plugins import PluginsTable, RequiresTable

TABLES: Mapping[str, type] = {
    "study": schema.Study,
    "embedding": schema.EmbeddingHead,
    "transforms": schema.Transforms,
    "training": schema.Training,
    "optimizer": schema.Optimizer,
    "scheduler": schema.Scheduler,
    "evaluation": schema.EvaluationProtocol,
    "best": Best,
    "probe": schema.ProbeTable,
    "plugins": PluginsTable,
    "requires": RequiresTable,
}
""""study" is the top level of the file."""
