"""What is stored of a study file, and what is missing of it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from dmlcore.engine.splits import load_data
from dmlcore.errors import DataError, PluginError
from dmlcore.report.material import StudyMaterial, gather
from dmlcore.store import Store
from dmlcore.study.fingerprint import probe_fingerprint
from dmlcore.study.schema import Run, StudyFile
from dmlcore.values import LabelledImages


def study_material(file: StudyFile, store: Store) -> StudyMaterial:
    """All that is stored of a study as loaded, with its test images where they are at hand."""
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
    return material if material.probe and material.probe.fingerprint == wanted else evolve(material, probe=None)


def images_at_hand(file: StudyFile) -> LabelledImages | None:
    """The study's test images; None where they are not on this machine, or nothing is to be run."""
    try:
        return load_data(file.every_run[0]).test if file.every_run else None
    except (DataError, PluginError):
        return None


def missing(file: StudyFile, material: StudyMaterial) -> Sequence[str]:
    """What is still to be made of a study: its probe, and its runs, each with its state."""
    probe = ["its probe (not finished)"] if file.probe and material.probe is None else []
    failed = [f"{run} (failed: {why})" for run, why in material.failures.items()]
    return [*probe, *failed, *(f"{run} (not finished)" for run in material.unfinished)]


def _label(run: Run) -> str:
    return " ".join(part for part in (run.label, f"seed={run.seed}") if part)
