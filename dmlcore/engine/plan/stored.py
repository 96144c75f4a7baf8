"""The stored results of a study file, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from attrs import evolve

from dmlcore.api.blocks import Section
from dmlcore.api.components import SectionConfig
from dmlcore.api.result import StudyResults
from dmlcore.api.values import LabelledImages
from dmlcore.engine.splits import load_data
from dmlcore.errors import DataError, DmlcoreError, PluginError
from dmlcore.host.faults import faults_of, named
from dmlcore.report.content.material import StudyMaterial, gather
from dmlcore.results.store import Store
from dmlcore.study.fingerprint import probe_fingerprint
from dmlcore.study.schema import Run, StudyFile


def study_material(file: StudyFile, store: Store) -> StudyMaterial:
    """Return all stored results of a study, with its test images if available."""
    study = file.study
    material = gather(
        store,
        study.name,
        study.question,
        file.path.read_text(encoding="utf-8"),
        tuple(file.grid),
        {_label(run): run.name for run in file.runs},
        images_at_hand(file),
    )
    wanted = probe_fingerprint(file.probe) if file.probe else None
    probe = material.probe if material.probe and material.probe.fingerprint == wanted else None
    return evolve(material, probe=probe, additions=tuple(partial(_section, section) for section in study.sections))


def _section(config: SectionConfig, study: StudyResults) -> Section | None:
    """Return the section of a plugin. Any error becomes a PluginError that names the plugin."""
    try:
        with faults_of(config, "build"):
            section: object = config.build(study)
            if section is not None and not isinstance(section, Section):
                raise TypeError(f"it must return a dmlcore.Section or None, not {section!r}")
            return section
    except PluginError:
        raise
    except DmlcoreError as error:
        raise PluginError(f"The {named(config)}: {error}") from error


def images_at_hand(file: StudyFile) -> LabelledImages | None:
    """Return the study's test images; None if they are not on this machine or the study has no runs."""
    try:
        return load_data(file.every_run[0]).test if file.every_run else None
    except (DataError, PluginError):
        return None


def missing(file: StudyFile, material: StudyMaterial) -> Sequence[str]:
    """Return the missing parts of a study, its probe and its runs, each with its state."""
    probe = ["its probe (not finished)"] if file.probe and material.probe is None else []
    failed = [f"{run} (failed: {why})" for run, why in material.failures.items()]
    return [*probe, *failed, *(f"{run} (not finished)" for run in material.unfinished)]


def _label(run: Run) -> str:
    return " ".join(part for part in (run.label, f"seed={run.seed}") if part)
