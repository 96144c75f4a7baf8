"""The stored results of a study file, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

from attrs import evolve, frozen

from dmlcore.api.blocks import Section
from dmlcore.api.components import SectionConfig
from dmlcore.api.result import Result, StudyResults
from dmlcore.api.values import LabelledImages
from dmlcore.engine.splits import load_data
from dmlcore.errors import DataError, DmlcoreError, PluginError
from dmlcore.host.faults import faults_of, named
from dmlcore.report.content.material import StudyMaterial, gather
from dmlcore.report.content.measurements import UNTRAINED, is_as_loaded
from dmlcore.results.store import Store
from dmlcore.study.data_sets import DataSets
from dmlcore.study.lookup import Stored, StoredProbe, look_up, look_up_probe
from dmlcore.study.schema import Run, StudyFile
from dmlcore.text import listing

NAMES = 3
"""Runs that a remark names."""


@frozen
class Remark:
    """What a reader must know about stored runs, such as why they are outdated."""

    state: str
    """Of the runs: finished, outdated …"""
    names: tuple[str, ...]
    """Labels of runs, or "probe"."""
    note: str

    def __str__(self) -> str:
        more = f", … ({len(self.names)} in all)" if len(self.names) > NAMES else ""
        return f"{listing(self.names[:NAMES])}{more}: {self.note}"


def remarks(file: StudyFile, store: Store) -> list[Remark]:
    """Return remarks on a study's probe and on its runs; runs with the same note share one."""
    probe = look_up_probe(file.probe, store) if file.probe else None
    return _remarks({_label(run): look_up(run, store) for run in file.runs}, probe)


def _remarks(stored: Mapping[str, Stored], probe: StoredProbe | None) -> list[Remark]:
    found: dict[tuple[str, str], list[str]] = {}
    for label, each in stored.items():
        found.setdefault((each.state, each.note), []).append(label)
    runs = [Remark(state, tuple(names), note) for (state, note), names in found.items() if note]
    return [Remark(probe.state, ("probe",), probe.note), *runs] if probe and probe.note else runs


def study_material(file: StudyFile, store: Store, data_sets: DataSets | None = None) -> StudyMaterial:
    """Return all stored results of a study, with its test images if available."""
    study = file.study
    stored = {_label(run): look_up(run, store) for run in file.runs}
    material = gather(
        store,
        study.name,
        study.question,
        tuple(file.grid),
        {label: found.folder.final.name for label, found in stored.items()},
        images_at_hand(file, data_sets),
    )
    probe = look_up_probe(file.probe, store) if file.probe else None
    outdated = {label: found.note for label, found in stored.items() if found.state == "outdated"}
    return evolve(
        material,
        unfinished=tuple(label for label in material.unfinished if label not in outdated),
        outdated=outdated,
        remarks=tuple(str(remark) for remark in _remarks(stored, probe) if remark.state not in ("outdated", "damaged")),
        probe=probe.finished if probe else None,
        probe_damage=probe.note if probe and probe.state == "damaged" else "",
        choices=file.choices,
        additions=tuple(partial(_section, section) for section in study.sections),
    )


def _label(run: Run) -> str:
    return f"{run.label} seed={run.seed}".strip()


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


def images_at_hand(file: StudyFile, data_sets: DataSets | None = None) -> LabelledImages | None:
    """Return the study's test images; None if they are not on this machine or the study has no runs."""
    with suppress(DataError, PluginError):
        return load_data(file.every_run[0], data_sets).test if file.every_run else None
    return None


def unfinished(file: StudyFile, store: Store) -> Iterator[Run]:
    """The runs that still need images, including that of the probe."""
    yield from (run for run in file.runs if look_up(run, store).state != "finished")
    if file.probe and not look_up_probe(file.probe, store).finished:
        yield file.probe.run


def missing(file: StudyFile, material: StudyMaterial) -> Sequence[str]:
    """Return the missing parts of a study, its probe and its runs, each with its state."""
    probe = ["its probe (not finished)"] if file.probe and material.probe is None else []
    damaged = [f"{run} (damaged: {why})" for run, why in material.damaged.items()]
    failed = [f"{run} (failed: {why})" for run, why in material.failures.items()]
    failed += [f"{run} (outdated: {why})" for run, why in material.outdated.items()]
    return [*probe, *damaged, *failed, *(f"{run} (not finished)" for run in material.unfinished)]


def result_rows(file: StudyFile, store: Store) -> tuple[list[dict[str, object]], list[str]]:
    """A row for each untrained network and each run, and the metrics that a short table shows.

    A row has study, run, state, seed, the grid values, and the metrics and seconds of a finished run or the reason of
    a failed, damaged or outdated one. A note says that the files of a run were not recorded or not compared.
    """
    rows: list[dict[str, object]] = []
    headline: dict[str, None] = {}
    baselines: dict[tuple[int, str], list[Result]] = {}
    for run in file.runs:
        stored = look_up(run, store)
        row = {"study": run.study.name, "run": run.name, "state": stored.state, "seed": run.seed, **run.point}
        if result := stored.result():
            row |= {**result.metrics, "seconds": result.seconds}
            headline |= dict.fromkeys(result.headline)
            if not is_as_loaded(result):
                baselines.setdefault((run.seed, repr(sorted(result.baseline.items()))), []).append(result)
        elif reason := stored.failure() or (stored.note if stored.state in ("outdated", "damaged") else None):
            row["reason"] = reason
        if stored.note and "reason" not in row:
            row["note"] = stored.note
        rows.append(row)
    return [*(_untrained_row(results) for results in baselines.values()), *rows], list(headline)


def _untrained_row(results: Sequence[Result]) -> dict[str, object]:
    """The row of runs that start from the same network, with the grid values that they share."""
    first, *others = results
    shared = {path: value for path, value in first.point.items() if all(r.point.get(path) == value for r in others)}
    facts = {"study": first.study, "run": UNTRAINED, "state": UNTRAINED, "seed": first.seed}
    return {**facts, **(shared if others else {}), **first.baseline}
