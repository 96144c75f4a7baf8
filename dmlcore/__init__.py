"""Studies of deep metric learning, every component a plugin.

All that a plugin may import stands here, and in `dmlcore.neighbors` for exact ranking and clustering.
Importing it loads neither torch nor any plugin.
"""

from dmlcore.api.blocks import Formula, Section, Table, Text
from dmlcore.api.components import (
    BackboneConfig,
    DatasetConfig,
    DistanceConfig,
    EvaluatorConfig,
    LossConfig,
    MetricWarning,
    MinerConfig,
    ObserverConfig,
    ReducerConfig,
    RegularizerConfig,
    SamplerConfig,
    SectionConfig,
    option,
)
from dmlcore.api.hookspecs import hookimpl
from dmlcore.api.images import ImageFiles, read_rgb
from dmlcore.api.progress import report_progress, tell_progress
from dmlcore.api.progress_bar import ProgressBar
from dmlcore.api.result import Result, StudyResults
from dmlcore.api.sources import Archive, Source, Way
from dmlcore.api.values import (
    BackboneContext,
    Embeddings,
    EpochSummary,
    Evaluation,
    InputSpec,
    LabelledImages,
    LossContext,
    MarginAxis,
    MarginKind,
    Progress,
    RunInfo,
    SamplerContext,
    Split,
)
from dmlcore.errors import (
    DamagedDataError,
    DataError,
    DmlcoreError,
    PluginError,
    StudyError,
    TrainingError,
    UnknownComponentError,
)
from dmlcore.report.figures.plot import plot

__version__ = "0.1.0"

Grid = Table
"""The former name of `Table`."""

API_VERSION = tuple(int(number) for number in __version__.split(".")[:2])
"""What plugins depend on, as (major, minor): the first numbers of the version. See docs/api-policy.md."""

__all__ = [
    "API_VERSION",
    "Archive",
    "BackboneConfig",
    "BackboneContext",
    "DamagedDataError",
    "DataError",
    "DatasetConfig",
    "DistanceConfig",
    "DmlcoreError",
    "Embeddings",
    "EpochSummary",
    "Evaluation",
    "EvaluatorConfig",
    "Formula",
    "Grid",
    "ImageFiles",
    "InputSpec",
    "LabelledImages",
    "LossConfig",
    "LossContext",
    "MarginAxis",
    "MarginKind",
    "MetricWarning",
    "MinerConfig",
    "ObserverConfig",
    "PluginError",
    "Progress",
    "ProgressBar",
    "ReducerConfig",
    "RegularizerConfig",
    "Result",
    "RunInfo",
    "SamplerConfig",
    "SamplerContext",
    "Section",
    "SectionConfig",
    "Source",
    "Split",
    "StudyError",
    "StudyResults",
    "Table",
    "Text",
    "TrainingError",
    "UnknownComponentError",
    "Way",
    "__version__",
    "hookimpl",
    "option",
    "plot",
    "read_rgb",
    "report_progress",
    "tell_progress",
]
