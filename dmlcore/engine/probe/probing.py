"""`[probe]`: which batch sizes run and which learn, found by reasoning about each and then really trying it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from attrs import define, evolve, field
from filelock import FileLock

from dmlcore.api.progress import note
from dmlcore.engine.environment import environment
from dmlcore.engine.probe.reasoning import Reasoning, reason, refusal, smallest_batch
from dmlcore.engine.probe.trial import Bench, as_first_steps
from dmlcore.engine.probe.verdict import (
    compared,
    conclusions,
    in_short,
    smallest_that_learns,
    smallest_that_runs,
    trial_of,
)
from dmlcore.results.store import PROBE, Store, write_atomically
from dmlcore.results.trials import Probe, Trial, from_json, to_json
from dmlcore.study.fingerprint import probe_fingerprint
from dmlcore.study.probe import PATH
from dmlcore.study.schema import StudyProbe

PARTIAL = "probe.partial.json"
"""The sizes tried so far of a probe that is not finished."""


def probe_study(probe: StudyProbe, store: Store) -> Probe:
    """The study's probe: read back where it is finished, else gone on with after the last size that was tried.

    A probe that another process makes is waited for.
    """
    folder = store.study(probe.run.study.name)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{PROBE}.lock"):
        finished = stored_probe(probe, store)
        return _made(probe, folder) if finished is None else finished


def stored_probe(probe: StudyProbe, store: Store) -> Probe | None:
    """The finished probe, where it is stored and of the same settings and versions.

    Raises DmlcoreError where the file is damaged.
    """
    return _stored(store.study(probe.run.study.name) / PROBE, probe)


def tried_sizes(probe: StudyProbe, store: Store) -> tuple[int, ...]:
    """The sizes that an unfinished probe has tried."""
    partial = _stored(store.study(probe.run.study.name) / PARTIAL, probe)
    return tuple(trial.batch_size for trial in partial.trials) if partial else ()


def planned_sizes(probe: StudyProbe, labels: np.ndarray) -> list[int]:
    """The sizes that steps will be made with; of a search a guess, as if only the last one learnt."""
    run, own = as_first_steps(probe.run, probe.table.max_images), probe.run.study.training.batch_size
    if probe.table.sizes is not None:
        return [size for size in probe.table.sizes if reason(run, labels, size).batches]
    size = smallest_batch(run, labels).size or own
    sizes = {own}
    while size < own:
        sizes.add(size)
        size *= 2
    return sorted(sizes)


def _stored(path: Path, probe: StudyProbe) -> Probe | None:
    if not path.is_file():
        return None
    stored = from_json(path.read_text(encoding="utf-8"), str(path))
    return stored if stored.fingerprint == probe_fingerprint(probe) else None


def _made(probe: StudyProbe, folder: Path) -> Probe:
    note(f"probe  {probe.run.study.name}  {PATH}  {probe.table.steps} steps a size")
    partial = _stored(folder / PARTIAL, probe)
    trials = _Trials(probe, Bench.of(probe), folder, list(partial.trials) if partial else [])
    if probe.table.sizes is None:
        search(trials, probe.run.study.training.batch_size)
    else:
        for size in probe.table.sizes:
            trials.at(size)
    largest = largest_that_fits(trials.bench)
    finished = trials.probe(largest)
    _write(folder / PROBE, finished)
    (folder / PARTIAL).unlink(missing_ok=True)
    for sentence in finished.conclusions:
        note(f"  {sentence}")
    return finished


def _write(path: Path, probe: Probe) -> None:
    write_atomically(path, lambda scratch: scratch.write_text(to_json(probe), encoding="utf-8"))


@define(eq=False)
class _Trials:
    """The sizes tried so far; each is stored before the next is tried."""

    study: StudyProbe
    bench: Bench
    folder: Path
    done: list[Trial] = field(factory=list)
    _refused: dict[int, bool] = field(factory=dict)

    def at(self, size: int) -> Trial:
        """The trial of a size, made where it has not been."""
        known = next((trial for trial in self.done if trial.batch_size == size), None)
        if known is not None:
            return known
        reasoning = reason(self.bench.run, self.bench.labels, size)
        trial = self._tried(reasoning)
        self.done.append(trial)
        # as they are: what they are beside each other is not told before all are made
        _write(self.folder / PARTIAL, evolve(self.probe(None), trials=tuple(self.done), conclusions=()))
        note(f"  {size:>5}  {'learns' if trial.learns else trial.regime}  {in_short(trial)}")
        return trial

    def _tried(self, reasoning: Reasoning) -> Trial:
        seen = None
        if reasoning.batches:
            seen = self.bench.try_size(reasoning.batch_size, reasoning.batches)
        return trial_of(reasoning, seen, self.study.table.metric)

    def works(self, size: int) -> bool:
        """Whether reasoning allows a size."""
        if size not in self._refused:
            self._refused[size] = refusal(self.bench.run, self.bench.labels, size) is not None
        return not self._refused[size]

    def can_be_made(self, size: int) -> bool:
        """Whether the sampler makes batches of a size, though the loss may not be able to use them."""
        return bool(reason(self.bench.run, self.bench.labels, size).batches)

    def first_that_works(self, first: int, last: int) -> int | None:
        """The smallest size from `first` to `last` that reasoning allows."""
        return next((size for size in range(first, last + 1) if self.works(size)), None)

    def probe(self, largest: int | None) -> Probe:
        """All that was tried, judged together."""
        trials = compared(self.done)
        run = self.study.run
        return Probe(
            study=run.study.name,
            path=PATH,
            metric=self.study.table.metric,
            steps=self.study.table.steps,
            trials=trials,
            smallest_that_runs=smallest_that_runs(trials),
            smallest_that_learns=smallest_that_learns(trials),
            largest_that_fits=largest,
            conclusions=conclusions(self.study, len(self.bench.data.train.class_names), trials, largest),
            settings=run.settings,
            environment=environment(self.bench.test.device),
            fingerprint=probe_fingerprint(self.study),
        )


def search(trials: _Trials, own: int) -> None:
    """Tries the smallest size that works with both its neighbours, then larger ones until one learns, and `own`.

    Below the smallest, the largest that the sampler makes batches of is tried too, to see what the refusal spares.
    Sizes are doubled until one learns, and the gap below it is halved until no size that works is left in it.
    """
    smallest = smallest_batch(trials.bench.run, trials.bench.labels)
    if smallest.size is None:
        trials.at(own)
        return
    made = next((below for below in range(smallest.below, 0, -1) if trials.can_be_made(below)), smallest.below)
    for below in sorted({made, smallest.below} - {0}):
        trials.at(below)
    size: int | None = smallest.size
    while size is not None and not trials.at(size).runs:
        size = trials.first_that_works(size + 1, own)
    if size is not None:
        trials.at(size + 1)
        _climb(trials, size, own)
    trials.at(own)


def _climb(trials: _Trials, size: int, own: int) -> None:
    """From the smallest size that runs up to one that learns, with the size below it."""
    fails = None
    while not trials.at(size).learns:
        fails = size
        larger = trials.first_that_works(min(2 * size, own), own)
        if larger is None or larger <= size:
            return
        size = larger
    while fails is not None:
        middle = _near(trials.works, (fails + size) // 2, fails, size)
        if middle is None:
            return
        if trials.at(middle).learns:
            size = middle
        else:
            fails = middle


def largest_that_fits(bench: Bench) -> int | None:
    """The largest batch that a CUDA device holds for a whole step; None where a device can't say when it is full."""
    if bench.test.device.type != "cuda":
        return None

    def fits(size: int) -> bool:
        fitting = bench.fits(size)
        note(f"  {size:>5}  {'fits' if fitting else 'does not fit'} the device")
        return fitting

    start = bench.run.study.training.batch_size
    return largest(fits, lambda size: refusal(bench.run, bench.labels, size) is None, start, len(bench.labels))


def largest(fits: Callable[[int], bool], works: Callable[[int], bool], start: int, most: int) -> int | None:
    """The largest size up to `most` that works and fits, found by doubling from `start` and halving the gap.

    Fitting is taken to end at one size. None where not even the smallest fits.
    """
    good, bad = 0, most + 1
    size: int | None = start
    while size is not None:
        if fits(size):
            good = size
            target = 2 * size if bad == most + 1 else (good + bad) // 2
        else:
            bad = size
            target = (good + bad) // 2
        size = _near(works, min(target, most), good, bad)
    return good or None


def _near(works: Callable[[int], bool], target: int, low: int, high: int) -> int | None:
    """The size that works nearest to a target, strictly between two others: above it first, then below."""
    above = (size for size in range(max(target, low + 1), high) if works(size))
    below = (size for size in range(min(target, high - 1), low, -1) if works(size))
    return next(above, None) or next(below, None)
