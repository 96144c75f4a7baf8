"""What is stored of a study, and what is missing of it."""

from __future__ import annotations

from collections.abc import Sequence

from dmlcore.errors import DataError
from dmlcore.report.material import StudyMaterial, gather
from dmlcore.store import Store
from dmlcore.study.schema import Run, StudyFile
from dmlcore.values import LabelledImages


def study_material(file: StudyFile, store: Store) -> StudyMaterial:
    """All that is stored of a study as loaded."""
    return gather(
        store,
        file.study.name,
        file.study.question,
        file.path.read_text(encoding="utf-8"),
        tuple(file.grid),
        {_label(run): run.name for run in file.runs},
        images_at_hand(file),
    )


def images_at_hand(file: StudyFile) -> LabelledImages | None:
    """The study's test images; None where they are not on this machine."""
    try:
        return file.study.dataset.load("test")
    except DataError:
        return None


def missing_runs(material: StudyMaterial) -> Sequence[str]:
    """The runs that the study still needs, each with its state.

    Sizes that can't be trained with are what a probe looks for; of any other study a failed run is missing.
    """
    if material.probe is not None:
        return ()
    failed = [f"{run} (failed: {why})" for run, why in material.failures.items()]
    return (*failed, *(f"{run} (not finished)" for run in material.unfinished))


def _label(run: Run) -> str:
    return " ".join(part for part in (run.label, f"seed={run.seed}") if part)
