"""Studies of deep metric learning, every component a plugin.

All that a plugin may import stands here, and in `dmlcore.neighbors` for exact ranking and clustering.
Importing it loads neither torch nor any plugin.
"""

from dmlcore.api.blocks import Formula as Formula
from dmlcore.api.blocks import Section as Section
from dmlcore.api.blocks import Table as Table
from dmlcore.api.blocks import Text as Text
from dmlcore.api.components import BackboneConfig as BackboneConfig
from dmlcore.api.components import DatasetConfig as DatasetConfig
from dmlcore.api.components import DistanceConfig as DistanceConfig
from dmlcore.api.components import EvaluatorConfig as EvaluatorConfig
from dmlcore.api.components import LossConfig as LossConfig
from dmlcore.api.components import MetricWarning as MetricWarning
from dmlcore.api.components import MinerConfig as MinerConfig
from dmlcore.api.components import ObserverConfig as ObserverConfig
from dmlcore.api.components import ReducerConfig as ReducerConfig
from dmlcore.api.components import RegularizerConfig as RegularizerConfig
from dmlcore.api.components import SamplerConfig as SamplerConfig
from dmlcore.api.components import SectionConfig as SectionConfig
from dmlcore.api.components import option as option
from dmlcore.api.depth import Reading as Reading
from dmlcore.api.hookspecs import hookimpl as hookimpl
from dmlcore.api.images import ImageFiles as ImageFiles
from dmlcore.api.images import read_rgb as read_rgb
from dmlcore.api.images import readable_suffixes as readable_suffixes
from dmlcore.api.progress import report_progress as report_progress
from dmlcore.api.progress import tell_progress as tell_progress
from dmlcore.api.progress_bar import ProgressBar as ProgressBar
from dmlcore.api.result import Result as Result
from dmlcore.api.result import StudyResults as StudyResults
from dmlcore.api.sources import Archive as Archive
from dmlcore.api.sources import Source as Source
from dmlcore.api.sources import Way as Way
from dmlcore.api.values import BackboneContext as BackboneContext
from dmlcore.api.values import Embeddings as Embeddings
from dmlcore.api.values import EpochSummary as EpochSummary
from dmlcore.api.values import Evaluation as Evaluation
from dmlcore.api.values import InputSpec as InputSpec
from dmlcore.api.values import LabelledImages as LabelledImages
from dmlcore.api.values import LossContext as LossContext
from dmlcore.api.values import MarginAxis as MarginAxis
from dmlcore.api.values import MarginKind as MarginKind
from dmlcore.api.values import Progress as Progress
from dmlcore.api.values import RunInfo as RunInfo
from dmlcore.api.values import SamplerContext as SamplerContext
from dmlcore.api.values import Split as Split
from dmlcore.errors import DamagedDataError as DamagedDataError
from dmlcore.errors import DataError as DataError
from dmlcore.errors import DmlcoreError as DmlcoreError
from dmlcore.errors import PluginError as PluginError
from dmlcore.errors import StudyError as StudyError
from dmlcore.errors import TrainingError as TrainingError
from dmlcore.errors import UnknownComponentError as UnknownComponentError
from dmlcore.report.figures.plot import plot as plot
from dmlcore.text import visible as visible

__version__ = "0.1.0"

Grid = Table
"""The former name of `Table`."""

API_VERSION = tuple(int(number) for number in __version__.split(".")[:2])
"""What plugins depend on, as (major, minor): the first numbers of the version. See docs/api-policy.md."""
