"""`dmlcore plan`: the remaining work of studies, and estimates of what it takes on this machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import define, evolve, field, frozen

from dmlcore.api.progress import note
from dmlcore.engine import checkpoint
from dmlcore.engine.batching import epoch_batches
from dmlcore.engine.evaluation import is_measured
from dmlcore.engine.plan.pace import Pace, measure_pace
from dmlcore.engine.probe.probing import planned_sizes, stored_probe, stored_trials
from dmlcore.engine.splits import Data, load_data, what_sets_the_images
from dmlcore.errors import ResultsError
from dmlcore.results.store import Store
from dmlcore.study.data_sets import DataSets
from dmlcore.study.lookup import look_up
from dmlcore.study.schema import Run, StudyFile, StudyProbe

EVIDENCE_BYTES = 160
"""Approximate size of a test image in the evidence: its label, ten neighbors, and its values of ten metrics."""


@frozen
class Item:
    """One line of a plan: the runs of a grid point, or a study's probe."""

    label: str
    runs: int
    finished: int
    steps: int = 0
    """Remaining training steps."""
    images: int = 0
    """Remaining images, counted in every epoch."""
    seconds_each: float | None = None
    """Of a whole run; None if nothing remains, so that nothing was timed."""
    seconds_left: float = 0.0
    memory: int | None = None
    """Peak bytes of a run; None if nothing was timed or the device does not report it."""
    disk: int = 0
    """Bytes that the unfinished runs will store."""


@define
class Planner:
    """Plans studies; data and measurements that runs share are loaded and taken once."""

    store: Store
    data_sets: DataSets = field(factory=DataSets)
    measurements: list[tuple[Run, Pace]] = field(factory=list)
    """A run of each different setting so far, and its pace."""
    _paces: dict[Any, Pace] = field(factory=dict)
    _data: dict[Any, Data] = field(factory=dict)
    _steps: dict[Any, tuple[int, int]] = field(factory=dict)

    def plan(self, file: StudyFile) -> list[Item]:
        """Return the items of one study, its probe first.

        Raises the DataError, StudyError, PluginError or TrainingError of its runs.
        """
        points: dict[str, list[Run]] = {}
        for run in file.runs:
            points.setdefault(run.label, []).append(run)
        items = [self._point(label or "runs", runs) for label, runs in points.items()]
        return [self._probe(file.probe), *items] if file.probe else items

    def _point(self, label: str, runs: list[Run]) -> Item:
        """Return the item of one grid point."""
        run = runs[0]
        done = [epochs_done(run, self.store) for run in runs]
        left = [epochs for epochs in done if epochs is not None]
        if not left:
            return Item(label, len(runs), len(runs))
        steps, images = self._epoch(run)
        epochs = sum(run.study.training.epochs - max(epoch, 0) for epoch in left)
        pace = self._pace(run)
        return Item(
            label=label,
            runs=len(runs),
            finished=done.count(None),
            steps=epochs * steps,
            images=epochs * images,
            seconds_each=self._seconds(run, -1, pace, steps),
            seconds_left=sum(self._seconds(run, epoch, pace, steps) for epoch in left),
            memory=pace.memory,
            disk=len(left) * self._disk(run, pace),
        )

    def _seconds(self, run: Run, done: int, pace: Pace, steps: int) -> float:
        """Return the seconds of a run after the epoch `done`, or -1 for a run from the start."""
        data, epochs = self._images(run), run.study.training.epochs
        later = range(done + 1, epochs + 1)
        tests = 1 + sum(epoch == 0 or is_measured(run.study, epoch) for epoch in later)
        seconds = (epochs - max(done, 0)) * steps * pace.step_seconds
        seconds += tests * pace.measurement_seconds(len(data.test.labels))
        if data.validation is not None:
            seconds += (epochs - max(done, 0)) * pace.measurement_seconds(len(data.validation.labels))
        return seconds

    def _probe(self, probe: StudyProbe) -> Item:
        """Return the item of a probe; it assumes that a search doubles up to the study's own batch size."""
        try:
            finished, tried = stored_probe(probe, self.store), stored_trials(probe, self.store)
        except ResultsError as error:
            note(str(error))
            finished, tried = None, []
        if finished is not None:
            return Item(f"probe of {len(finished.trials)} batch sizes", 1, 1)
        data, table, pace = self._images(probe.run), probe.table, self._pace(probe.run)
        sizes = planned_sizes(probe, np.asarray(data.train.labels))
        left = sorted(set(sizes) - {trial.batch_size for trial in tried})
        unseen = len(data.test.labels)
        measured = pace.measurement_seconds(min(unseen, table.max_images or unseen))
        an_image = pace.step_seconds / probe.run.study.training.batch_size

        def seconds(sizes: list[int]) -> float:
            return table.steps * sum(sizes) * an_image + (len(sizes) + 1) * measured

        return Item(
            label=f"probe of about {len(sizes)} batch sizes",
            runs=1,
            finished=0,
            steps=table.steps * len(left),
            images=table.steps * sum(left),
            seconds_each=seconds(sizes),
            seconds_left=seconds(left),
            memory=pace.memory,
        )

    def _images(self, run: Run) -> Data:
        key = what_sets_the_images(run)
        if key not in self._data:
            self._data[key] = load_data(run, self.data_sets)
        return self._data[key]

    def _epoch(self, run: Run) -> tuple[int, int]:
        """Return the steps and images of an epoch; none if the study only measures."""
        study = run.study
        if not study.trains:
            return 0, 0
        key = (study.dataset, study.evaluation, study.sampler, study.loss, study.training)
        if key not in self._steps:
            images = self._images(run).train
            batches = epoch_batches(run, np.asarray(images.labels), 1, class_names=images.class_names)
            self._steps[key] = len(batches), sum(map(len, batches))
        return self._steps[key]

    def _pace(self, run: Run) -> Pace:
        """Return the pace of a run, measured once for all that are equal in what speed and memory depend on."""
        study = run.study
        training = evolve(study.training, epochs=min(1, study.training.epochs), warmup_epochs=0, max_steps=None)
        kinds = (study.loss and study.loss.name, study.optimizer.name, study.embedding.pooling)
        key = (study.dataset, study.backbone, study.transforms, training, study.evaluation, study.evaluators, *kinds)
        if key not in self._paces:
            self._paces[key] = measure_pace(run, self._images(run))
            self.measurements.append((run, self._paces[key]))
        return self._paces[key]

    def _disk(self, run: Run, pace: Pace) -> int:
        """Return the bytes of a finished run: the network, and embeddings and evidence of the test images."""
        dim, images = run.study.embedding.dim, len(self._images(run).test.labels)
        width = pace.feature_dim if dim == "features" else dim
        head = 0 if dim == "features" else 4 * (pace.feature_dim + 1) * dim
        return pace.backbone_bytes + head + images * (4 * width + 8) + 2 * images * EVIDENCE_BYTES


def epochs_done(run: Run, store: Store) -> int | None:
    """Return the last finished epoch, -1 before the first measurement; None if the run is finished.

    A damaged run or checkpoint has done nothing, because it runs again.
    """
    stored = look_up(run, store)
    if stored.state == "finished":
        return None
    if stored.state == "damaged":
        return -1
    try:
        state = checkpoint.load(stored.folder.partial)
    except ResultsError as error:
        note(str(error))
        return -1
    return -1 if state is None else state.epoch
