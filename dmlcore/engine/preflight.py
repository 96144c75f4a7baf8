"""Checks of a study before training, without torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dmlcore.engine.batching import epoch_batches
from dmlcore.engine.probe.reasoning import SAMPLES_PER_CLASS, reason, smallest_batch, with_fewer_a_class
from dmlcore.engine.splits import Data, load_data, what_sets_the_images
from dmlcore.errors import StudyError, TrainingError
from dmlcore.results.store import Store
from dmlcore.study.schema import Run, StudyFile
from dmlcore.text import counted


def preflight(file: StudyFile, store: Store) -> Iterator[str]:
    """Yield lines about a study's runs, data and batches.

    Raises the errors that the run would raise: DataError for missing images, StudyError and TrainingError for a batch
    size that the sampler or the loss can't use, with the smallest one that works.
    """
    contents = ["a probe of the batch size"] if file.probe else []
    if file.runs:
        contents.append(counted(len(file.runs), "run"))
    yield f"{file.path}: {' and '.join(contents)}"
    loaded: Any = None
    checked: Any = None
    shown: list[str] = []
    for run in file.every_run:
        study = run.study
        images = what_sets_the_images(run)
        if images != loaded:
            loaded, data = images, load_data(run)
        settings = (images, study.sampler, study.loss, study.training)
        if settings != checked:
            checked = settings
            lines = list(_setting_lines(run, data))
            yield from lines if lines != shown else ()
            shown = lines
        if run in file.runs:
            folder = store.run(run.study.name, run.name)
            yield f"  run      {folder.state:<11}  {run.name}"
            if damage := folder.damage():
                yield f"           {damage}"


def _setting_lines(run: Run, data: Data) -> Iterator[str]:
    """Yield lines about the data and the batches of a run, and about the smallest batch size that works."""
    labels = np.asarray(data.train.labels)
    yield "  data     " + ", ".join(
        f"{name} {counted(len(images.labels), 'image')} of {counted(len(images.class_names), 'class')}"
        for name, images in data.splits().items()
    )
    smallest = smallest_batch(run, labels)
    try:
        epoch_batches(run, labels, 1)
    except (StudyError, TrainingError) as error:
        raise type(error)(f"{error} {smallest.size_sentence()}") from None
    found = reason(run, labels, run.study.training.batch_size)
    yield f"  epoch    {found.epoch_words()}"
    yield f"  batch    {found.batch_words()}"
    if found.caution:
        yield f"           {found.caution}"
    yield f"  smallest {smallest.sentence()}"
    fewer = with_fewer_a_class(run, labels)
    if fewer is not None and fewer.size and smallest.size and fewer.size < smallest.size:
        yield f"           With sampler.{SAMPLES_PER_CLASS} = 2, it is {fewer.size}."
