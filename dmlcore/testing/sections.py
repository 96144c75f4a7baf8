"""Checks of report sections."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dmlcore.api.blocks import Section
from dmlcore.api.components import SectionConfig
from dmlcore.api.result import StudyResults
from dmlcore.api.values import EpochSummary
from dmlcore.results.store import EMBEDDINGS, save_tensors
from dmlcore.testing.checking import checks_in, demand, refusals
from dmlcore.testing.finished_run import BASELINE, METRICS, a_result

CURVE = (
    EpochSummary(0, None, None, 1.0, None, test=BASELINE),
    EpochSummary(1, 0.7, 1e-3, 2.0, 32.0, test=METRICS, diagnostics={"mean_cosine": 0.1}),
)


def makes_a_section_of_one_run(component: SectionConfig) -> None:
    """For a study with one run, it returns a `Section`, or None."""
    _demand_section(component, [{}])


def makes_a_section_of_a_grid(component: SectionConfig) -> None:
    """For a study with a grid of two runs, it returns a `Section`, or None."""
    _demand_section(component, [{"loss.margin": 0.1}, {"loss.margin": 0.5}])


CHECKS = checks_in(__name__)


def _demand_section(component: SectionConfig, points: list[Mapping[str, object]]) -> None:
    with _study(points) as study, refusals():
        section = component.build(study)
    demand(
        section is None or isinstance(section, Section),
        "a dmlcore.Section, or None",
        repr(section),
        "Return Section(title, [blocks]).",
    )


@contextmanager
def _study(points: list[Mapping[str, object]]) -> Iterator[StudyResults]:
    """A study with a finished run at each of these grid points, measured by `retrieval`."""
    with tempfile.TemporaryDirectory() as home:
        results = tuple(a_result("contract", f"run-{number}", point, CURVE) for number, point in enumerate(points))
        folders = {result.run: Path(home) / result.run for result in results}
        vectors = np.random.default_rng(0).standard_normal((24, 8)).astype(np.float32)
        for folder in folders.values():
            folder.mkdir()
            save_tensors(folder / EMBEDDINGS, {"vectors": vectors, "labels": np.arange(24) // 4}, {})
        yield StudyResults("contract", "Does it make a section?", tuple(points[0]), results, folders)
