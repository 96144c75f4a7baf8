"""What can be said of a study before anything is trained, and without torch."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.engine.batching import coverage, epoch_batches
from dmlcore.engine.splits import load_data
from dmlcore.store import Store
from dmlcore.study.schema import Run, StudyFile
from dmlcore.wording import counted


def preflight(file: StudyFile, store: Store) -> Iterator[str]:
    """Lines about a study's runs, data and batches.

    Raises the errors that the run would meet: DataError for missing images, StudyError and TrainingError for
    batches that can't be made or that the loss can't use.
    """
    yield f"{file.path}: {counted(len(file.runs), 'run')}"
    seen = None
    for run in file.runs:
        settings = (
            run.study.dataset,
            run.study.sampler,
            run.study.training,
            run.study.evaluation,
            run.study.loss,
        )
        if settings != seen:
            seen = settings
            data = load_data(run)
            yield "  data     " + ", ".join(
                f"{name} {counted(len(images.labels), 'image')} of {counted(len(images.class_names), 'class')}"
                for name, images in data.splits().items()
            )
            batches = epoch_batches(run, data.train.labels, 1)
            share = coverage(batches, len(data.train.labels))
            yield f"  epoch    {counted(len(batches), 'step')}, {share:.1%} of the training images"
        yield f"  run      {_state(run, store)}  {run.name}"


def _state(run: Run, store: Store) -> str:
    folder = store.run(run.study.name, run.name)
    if folder.finished:
        return "finished"
    if folder.failure():
        return "failed  "
    return "stopped " if folder.started else "to do   "
