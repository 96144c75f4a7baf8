"""The stored results of a study file, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from attrs import evolve

from dmlcore.api.blocks import Section
from dmlcore.api.components import SectionConfig
from dmlcore.api.result import Result, StudyResults
from dmlcore.api.values import LabelledImages
from dmlcore.engine.splits import load_data, what_sets_the_images
from dmlcore.errors import DataError, DmlcoreError, PluginError, ResultsError
from dmlcore.host.faults import faults_of, named
from dmlcore.report.content.material import StudyMaterial, gather
from dmlcore.report.content.measurements import UNTRAINED
from dmlcore.results.store import PROBE, Store
from dmlcore.results.trials import Probe, read_probe
from dmlcore.study.fingerprint import probe_fingerprint
from dmlcore.study.schema import Run, StudyFile
from dmlcore.text import listing


def study_material(file: StudyFile, store: Store) -> StudyMaterial:
    """Return all stored results of a study, with its test images if available."""
    study = file.study
    material = gather(
        store,
        study.name,
        study.question,
        tuple(file.grid),
        {f"{run.label} seed={run.seed}".strip(): run.name for run in file.runs},
        images_at_hand(file),
    )
    material = evolve(material, additions=tuple(partial(_section, section) for section in study.sections))
    try:
        return evolve(material, probe=_probe(file, store))
    except ResultsError as error:
        return evolve(material, probe_damage=str(error))


def _probe(file: StudyFile, store: Store) -> Probe | None:
    path = store.study(file.study.name) / PROBE
    return read_probe(path, probe_fingerprint(file.probe)) if file.probe else None


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
    with suppress(DataError, PluginError):
        return load_data(file.every_run[0]).test if file.every_run else None
    return None


def require_images(files: Iterable[StudyFile], store: Store) -> None:
    """Raises DataError, for all studies at once, if images of unfinished runs are missing or damaged."""
    studies: dict[str, dict[str, None]] = {}
    for file in files:
        for run in {what_sets_the_images(run): run for run in _unfinished(file, store)}.values():
            with suppress(PluginError):  # a failure of that run: the others can still run
                try:
                    load_data(run)
                except DataError as error:
                    studies.setdefault(str(error), {})[str(file.path)] = None
    if studies:
        raise DataError("\n\n".join(f"{listing(paths)}: {message}" for message, paths in studies.items()))


def _unfinished(file: StudyFile, store: Store) -> Iterator[Run]:
    """The runs that still need images, including that of the probe."""
    yield from (run for run in file.runs if not store.run(run.study.name, run.name).finished)
    if file.probe is not None and not _probe_finished(file, store):
        yield file.probe.run


def _probe_finished(file: StudyFile, store: Store) -> bool:
    try:
        return _probe(file, store) is not None
    except ResultsError:  # a damaged probe runs again
        return False


def missing(file: StudyFile, material: StudyMaterial) -> Sequence[str]:
    """Return the missing parts of a study, its probe and its runs, each with its state."""
    probe = ["its probe (not finished)"] if file.probe and material.probe is None else []
    damaged = [f"{run} (damaged: {why})" for run, why in material.damaged.items()]
    failed = [f"{run} (failed: {why})" for run, why in material.failures.items()]
    return [*probe, *damaged, *failed, *(f"{run} (not finished)" for run in material.unfinished)]


def result_rows(file: StudyFile, store: Store) -> tuple[list[dict[str, object]], list[str]]:
    """A row for each untrained network and each run, and the metrics that a short table shows.

    A row has study, run, state, seed, the grid values, and the metrics and seconds of a finished run or the reason of
    a failed or damaged one.
    """
    rows: list[dict[str, object]] = []
    headline: dict[str, None] = {}
    baselines: dict[tuple[int, str], list[Result]] = {}
    for run in file.runs:
        folder = store.run(run.study.name, run.name)
        state = folder.state
        row = {"study": run.study.name, "run": run.name, "state": state, "seed": run.seed, **run.point}
        if state == "damaged":
            row["reason"] = folder.damage()
        elif state == "finished":
            result = folder.result()
            row |= {**result.metrics, "seconds": result.seconds}
            headline |= dict.fromkeys(result.headline)
            baselines.setdefault((run.seed, repr(sorted(result.baseline.items()))), []).append(result)
        elif reason := folder.failure():
            row["reason"] = reason
        rows.append(row)
    return [*(_untrained_row(results) for results in baselines.values()), *rows], list(headline)


def _untrained_row(results: Sequence[Result]) -> dict[str, object]:
    """The row of runs that start from the same network, with the grid values that they share."""
    first, *others = results
    shared = {path: value for path, value in first.point.items() if all(r.point.get(path) == value for r in others)}
    facts = {"study": first.study, "run": UNTRAINED, "state": UNTRAINED, "seed": first.seed}
    return {**facts, **(shared if others else {}), **first.baseline}
