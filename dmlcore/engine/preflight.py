"""Checks of a study before anything slow, without torch: `dmlcore check`, and the start of `dmlcore run`."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import Any, TypeVar

import numpy as np
from attrs import define, evolve, field, frozen

from dmlcore.api.components import DatasetConfig
from dmlcore.api.values import notes_of
from dmlcore.engine.probe.reasoning import (
    SAMPLES_PER_CLASS,
    reason,
    require_batches,
    smallest_batch,
    with_fewer_a_class,
)
from dmlcore.engine.splits import Data, load_data, what_sets_the_images
from dmlcore.errors import DataError, DmlcoreError, PluginError, StudyError, TrainingError
from dmlcore.host.faults import faults_of
from dmlcore.results.store import Store
from dmlcore.study.component import data_check
from dmlcore.study.data_sets import DataSets
from dmlcore.study.lookup import look_up, look_up_probe
from dmlcore.study.schema import PROBE, Run, StudyFile
from dmlcore.text import counted, listing

TRIED_IMAGES = 500
"""Images of a data set that are read: the first of each class, then the second, of all splits in turn."""

TRIED_S = 2.0
"""Seconds after which no further image is read."""

NAMED = 4
"""Classes, or grid points, that a line names."""

Value = TypeVar("Value")


@frozen(eq=False)
class Checked:
    """A run after the checks."""

    run: Run
    data: Data | None = None
    notes: tuple[str, ...] = ()
    """What its data, backbone and evaluators say without refusing it."""
    tried_images: int = 0
    error: DmlcoreError | None = None
    """The mistakes; a TrainingError if only its batches can't be trained on."""


def preflight(file: StudyFile, data_sets: DataSets | None = None) -> Iterator[str]:
    """Yield lines about a study: that it is OK, and its data and batches where runs differ.

    Raises DataError for images or weights that are missing or damaged, PluginError for a component that fails, and
    StudyError for all other mistakes of its runs, such as a batch size that the sampler or the loss can't use.
    """
    checks = Checks(data_sets or DataSets())
    checked = checks.all_of(file.every_run)
    if mistakes := [each for each in checked if each.error is not None]:
        hint = ""
        if len(mistakes) < len(checked) and all(isinstance(each.error, TrainingError) for each in mistakes):
            left = counted(len(checked) - len(mistakes), "run")
            hint = f"\n\n`dmlcore run` records {listing(_labels(mistakes))} as failed and runs the other {left}."
        raise _joined(mistakes, len(checked), hint)
    contents = ["a probe of the batch size"] if file.probe else []
    if file.runs:
        contents.append(counted(len(file.runs), "run"))
    yield f"{file.path}: OK, {' and '.join(contents)}"
    described: dict[str, dict[str, str]] = {}
    for each in checked:
        name = PROBE if file.probe and each.run is file.probe.run else _label(each.run)
        described[name] = checks.once(("lines", *_settings(each)), partial(_lines, each))
    for kind in dict.fromkeys(kind for lines in described.values() for kind in lines):
        yield from _where_they_differ(kind, {label: lines[kind] for label, lines in described.items() if kind in lines})


def states(file: StudyFile, store: Store) -> Iterator[str]:
    """Yield a line about the probe and about each run, and one about what to know of it unless it was just given."""
    if file.probe:
        probe = look_up_probe(file.probe, store)
        yield f"  probe    {probe.state}"
        if probe.note:
            yield f"           {probe.note}"
    if file.assumes_best:
        yield "  run      waiting for the studies that [best] needs"
        return
    noted = ""
    for run in file.runs:
        stored = look_up(run, store)
        yield f"  run      {stored.state:<11}  {stored.folder.final.name}"
        if stored.note not in ("", noted):
            yield f"           {stored.note}"
        noted = stored.note


def require_ready(files: Iterable[StudyFile], store: Store, data_sets: DataSets | None = None) -> list[str]:
    """Check the unfinished runs of all studies, and return a sentence for each that can't be trained.

    Such a run is recorded as failed when its turn comes, and the study continues, so that a grid may have sizes that
    can't work. Raises StudyError or DataError, for all studies at once, if no run of a study can be trained, or for any
    other mistake. Errors of plugins are left to the runs.
    """
    from dmlcore.engine.plan.stored import unfinished  # loads the report, which `dmlcore check` does not need

    checks, skipped = Checks(data_sets or DataSets()), []
    refused: dict[str, DmlcoreError] = {}
    for file in files:
        checked = checks.all_of(unfinished(file, store))
        mistakes = [each for each in checked if _stops(each, file)]
        untrainable = [each for each in mistakes if isinstance(each.error, TrainingError)]
        if len(untrainable) < len(mistakes) or (mistakes and len(mistakes) == len(file.runs)):
            refused[str(file.path)] = _joined(mistakes, len(checked))
        else:
            skipped += [f"{file.path}: {_label(each.run)} can't be trained: {each.error}" for each in untrainable]
    if refused:
        raise together(refused)
    return skipped


def _stops(checked: Checked, file: StudyFile) -> bool:
    """Whether a mistake can keep `dmlcore run` from starting: not a plugin's, and not a size that a probe tries."""
    if isinstance(checked.error, TrainingError):
        return checked.run in file.runs
    return checked.error is not None and not isinstance(checked.error, PluginError)


def together(errors: Mapping[str, DmlcoreError]) -> DmlcoreError:
    """One error for those of several studies, by path; equal ones are named once."""
    paths: dict[str, list[str]] = {}
    for path, error in errors.items():
        paths.setdefault(str(error), []).append(path)
    message = "\n\n".join(f"{listing(having)}: {text}" for text, having in paths.items())
    return _shared_kind(errors.values())(message)


def _shared_kind(errors: Iterable[DmlcoreError]) -> type[DmlcoreError]:
    """The class of the errors if they have one, else StudyError; also for batches: the study is what has to change."""
    kinds = {DataError if isinstance(error, DataError) else type(error) for error in errors}
    kind = kinds.pop()
    return StudyError if kinds or kind is TrainingError else kind


def _joined(mistakes: Sequence[Checked], count: int, hint: str = "") -> DmlcoreError:
    """One error for the mistakes of a study with `count` runs; each names its runs unless it is that of all."""
    texts: dict[str, list[Checked]] = {}
    for each in mistakes:
        texts.setdefault(str(each.error), []).append(each)
    messages = [
        text if len(having) == count else f"{listing(_few(_labels(having)))}: {text}" for text, having in texts.items()
    ]
    errors = [each.error for each in mistakes if each.error is not None]
    if messages == [str(errors[0])] and not isinstance(errors[0], TrainingError):
        return errors[0]
    return _shared_kind(errors)("\n\n".join(messages) + hint)


def _labels(checked: Iterable[Checked]) -> list[str]:
    return list(dict.fromkeys(_label(each.run) for each in checked))


def _label(run: Run) -> str:
    return run.label or f"seed={run.seed}"


def _few(names: Sequence[str]) -> list[str]:
    return [*names[:NAMED], *([f"and {len(names) - NAMED:,} more"] if len(names) > NAMED else [])]


@define
class Checks:
    """Checks runs; what several runs share is checked once."""

    _data_sets: DataSets
    _known: dict[Hashable, Any] = field(factory=dict)

    def all_of(self, runs: Iterable[Run]) -> list[Checked]:
        """Return the runs with what the checks found."""
        return [self._of(run) for run in runs]

    def _of(self, run: Run) -> Checked:
        errors: list[DmlcoreError] = []
        try:
            checked = self._with_data(run)
        except DmlcoreError as error:
            checked = Checked(run)
            errors.append(error)
        try:
            notes = self.once((run.study.backbone, run.study.backbone_context), lambda: _check_backbone(run))
        except DmlcoreError as error:
            errors.append(error)
        else:
            checked = evolve(checked, notes=(*checked.notes, *notes))
        if not errors:
            return checked
        both = len(errors) > 1
        return evolve(checked, error=_shared_kind(errors)("\n\n".join(map(str, errors))) if both else errors[0])

    def _with_data(self, run: Run) -> Checked:
        study, images = run.study, what_sets_the_images(run)
        data = self.once(images, lambda: load_data(run, self._data_sets))
        if run.unreadable:
            self._data_sets.contents(study)
        notes = self.once((images, study.evaluators), lambda: _check_evaluators(run, data))
        settings = (images, study.sampler, study.loss, study.training)
        self.once(settings, lambda: require_batches(run, np.asarray(data.train.labels), data.train.class_names))
        tried = self.once(("tried", study.dataset), lambda: _try_images(data))
        return Checked(run, data, (*_notes_of(data), *notes), tried)

    def once(self, key: Hashable, check: Callable[[], Value]) -> Value:
        """Return the value of a check, or raise its error, both as they were the first time."""
        if key not in self._known:
            try:
                self._known[key] = check()
            except DmlcoreError as error:
                self._known[key] = error
        if isinstance(self._known[key], DmlcoreError):
            raise self._known[key]
        value: Value = self._known[key]
        return value


def _check_backbone(run: Run) -> tuple[str, ...]:
    backbone = run.study.backbone
    with faults_of(backbone, "check"):
        return tuple(backbone.check(run.study.backbone_context))


def _check_evaluators(run: Run, data: Data) -> tuple[str, ...]:
    """Return the notes of the evaluators on the test and validation labels. Raises DataError if these don't do."""
    notes = []
    for name, images in data.splits().items():
        for evaluator in run.study.evaluators if name != "train" else ():
            try:
                with faults_of(evaluator, "check", passing=(ValueError,)):
                    found = evaluator.check(np.asarray(images.labels))
                notes += [f"{name}: {evaluator.name}: {note}" for note in found]
            except ValueError as error:
                raise DataError(f"{name}: {evaluator.name}: {error}. Check the split of the data set.") from None
    return tuple(notes)


def _notes_of(data: Data) -> Iterator[str]:
    """What the splits say about themselves, such as files that were not taken."""
    yield from dict.fromkeys(note for images in data.splits().values() for note in notes_of(images))


def _try_images(data: Data) -> int:
    """Read some images, and return their number. Raises DataError for the first that can't be read."""
    start, tried = time.perf_counter(), 0
    splits = list(data.splits().values())
    for round_ in zip_longest(*(_by_turns(np.asarray(images.labels)) for images in splits)):
        for images, index in zip(splits, round_, strict=True):
            if tried == TRIED_IMAGES or time.perf_counter() - start > TRIED_S:
                return tried
            if index is not None:
                images.image(index)
                tried += 1
    return tried


def _by_turns(labels: np.ndarray) -> list[int]:
    """Indices into labels (N,): the first of each class, then the second of each, and so on.

    >>> _by_turns(np.array([0, 0, 0, 1, 1]))
    [0, 3, 1, 4, 2]
    """
    order = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    turns = np.arange(len(labels)) - np.repeat(starts, counts)
    indices: list[int] = order[np.argsort(turns, kind="stable")].tolist()
    return indices


def _settings(checked: Checked) -> tuple[Hashable, ...]:
    """What the lines about a run depend on."""
    study = checked.run.study
    return what_sets_the_images(checked.run), study.sampler, study.loss, study.training, checked.notes


def _lines(checked: Checked) -> dict[str, str]:
    """Kind → text of each line about a run's data and batches."""
    return dict(_described(checked))


def _described(checked: Checked) -> Iterator[tuple[str, str]]:
    run, data = checked.run, checked.data
    assert data is not None
    labels = np.asarray(data.train.labels)
    sizes = ", ".join(
        f"{name} {counted(len(images.labels), 'image')} of {counted(len(images.class_names), 'class')}"
        for name, images in data.splits().items()
    )
    yield "data", "\n".join([sizes, *checked.notes])
    if run.study.trains:
        yield "classes", f"train on {listing(_few([str(name) for name in data.train.class_names]))}"
    count = sum(len(images.labels) for images in data.splits().values())
    yield "images", _tried(run.study.dataset, checked.tried_images, count)
    if run.study.trains:
        yield from _described_batches(run, labels)


def _tried(dataset: DatasetConfig, tried: int, count: int) -> str:
    if tried >= count:
        return f"all {counted(count, 'image')} can be read"
    rest = f"`{data_check(dataset)}` reads the rest"
    return f"{tried:,} of {counted(count, 'image')} tried, all can be read; {rest}"


def _described_batches(run: Run, labels: np.ndarray) -> Iterator[tuple[str, str]]:
    found = reason(run, labels, run.study.training.batch_size)
    yield "epoch", found.epoch_words()
    yield "batch", "\n".join(filter(None, (found.batch_words(), found.caution)))
    smallest, fewer = smallest_batch(run, labels), with_fewer_a_class(run, labels)
    less = fewer is not None and fewer.size and smallest.size and fewer.size < smallest.size
    hint = f"With sampler.{SAMPLES_PER_CLASS} = 2, it is {fewer.size}." if fewer and less else ""
    yield "smallest", "\n".join(filter(None, (smallest.sentence(), hint)))


def _where_they_differ(kind: str, texts: Mapping[str, str]) -> Iterator[str]:
    """Yield a line of a kind, by grid point: once if it is the same for all of them, else with its points."""
    points: dict[str, list[str]] = {}
    for label, text in texts.items():
        points.setdefault(text, []).append(label)
    for text, labels in points.items():
        first, *others = text.split("\n")
        where = f"{listing(_few(labels))}: " if len(points) > 1 else ""
        yield f"  {kind:<8} {where}{first}"
        yield from (f"           {other}" for other in others)
