"""`[probe]`: which batch sizes run and which learn, by reasoning about each and a short trial."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from attrs import define, evolve, field
from filelock import FileLock

from dmlcore.api.progress import note
from dmlcore.engine.machine import environment
from dmlcore.engine.probe.reasoning import reason, refusal, smallest_batch
from dmlcore.engine.probe.trial import Bench, as_first_steps
from dmlcore.engine.probe.verdict import compared, in_short, rule_of, trial_of
from dmlcore.engine.splits import refuse_changes
from dmlcore.errors import DamagedResultsError
from dmlcore.report.explanation.batch_size import conclusions
from dmlcore.results.contents import save_contents
from dmlcore.results.store import PROBE, Store, aside, write_atomically
from dmlcore.results.trials import Probe, Rule, Trial, read_probe, to_json
from dmlcore.study.data_sets import DataSets
from dmlcore.study.fingerprint import probe_fingerprint
from dmlcore.study.lookup import look_up_probe
from dmlcore.study.schema import PROBED, StudyProbe

PARTIAL = "probe.partial.json"
"""The trials so far of an unfinished probe."""


def probe_study(probe: StudyProbe, store: Store) -> Probe:
    """Return the study's probe: the stored one if it is finished, else resumed after the last size tried.

    A probe that another process runs is awaited.
    """
    folder = store.study(probe.run.study.name)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{PROBE}.lock"):
        for name in (PROBE, PARTIAL):
            _set_aside_if_damaged(folder / name)
        if finished := stored_probe(probe, store):
            return finished
        if probe.run.contents:
            save_contents(probe.run.contents, store.root)
        note(f"probe  {probe.run.study.name}  {PROBED}  {probe.table.steps} steps per size")
        data_sets = DataSets()
        bench = Bench.of(probe, data_sets)
        trials = _Trials(probe, bench, folder, stored_trials(probe, store), rule_of(bench.run, bench.labels))
        refuse_changes(probe.run, data_sets, "after the command started")
        if probe.table.sizes is None:
            search(trials, probe.run.study.training.batch_size)
        else:
            for size in probe.table.sizes:
                trials.at(size)
        finished = trials.probe(largest_that_fits(bench))
        refuse_changes(probe.run, DataSets(), "during the probe")
        _keep_outdated(probe, store)
        _write(folder / PROBE, finished)
        (folder / PARTIAL).unlink(missing_ok=True)
    for sentence in conclusions(finished):
        note(f"  {sentence}")
    return finished


def _set_aside_if_damaged(path: Path) -> None:
    """Rename a damaged probe, so that it runs again."""
    try:
        read_probe(path, "")
    except DamagedResultsError as error:
        note(f"{error} Now at {aside(path)}")


def stored_probe(probe: StudyProbe, store: Store) -> Probe | None:
    """Return the finished probe, if one with the same settings, versions and files is stored."""
    return look_up_probe(probe, store).finished


def _keep_outdated(probe: StudyProbe, store: Store) -> None:
    """Give a stored probe of the same study on other files another name."""
    stored, path = look_up_probe(probe, store), store.study(probe.run.study.name) / PROBE
    if stored.probe is not None and stored.state == "outdated":
        path.rename(path.with_name(f"{path.stem}_{stored.probe.fingerprint[:12]}{path.suffix}"))


def stored_trials(probe: StudyProbe, store: Store) -> list[Trial]:
    """Return the trials of an unfinished probe."""
    partial = read_probe(store.study(probe.run.study.name) / PARTIAL, probe_fingerprint(probe))
    return list(partial.trials) if partial else []


def planned_sizes(probe: StudyProbe, labels: np.ndarray) -> list[int]:
    """Return the sizes to train with; for a search an estimate, as if only the last one learns."""
    run, own = as_first_steps(probe.run, probe.table.max_images), probe.run.study.training.batch_size
    if probe.table.sizes is not None:
        return [size for size in probe.table.sizes if reason(run, labels, size).batches]
    size = smallest_batch(run, labels).size or own
    sizes = {own}
    while size < own:
        sizes.add(size)
        size *= 2
    return sorted(sizes)


def _write(path: Path, probe: Probe) -> None:
    write_atomically(path, lambda scratch: scratch.write_text(to_json(probe), encoding="utf-8"))


@define(eq=False)
class _Trials:
    """The sizes tried so far; each is stored before the next is tried."""

    study: StudyProbe
    bench: Bench
    folder: Path
    done: list[Trial]
    rule: Rule
    _refused: dict[int, bool] = field(factory=dict)

    def at(self, size: int) -> Trial:
        """Return the trial of a size, which is run unless it was before."""
        known = next((trial for trial in self.done if trial.batch_size == size), None)
        if known is not None:
            return known
        reasoning = reason(self.bench.run, self.bench.labels, size)
        seen = self.bench.try_size(size, reasoning.batches) if reasoning.batches else None
        trial = trial_of(reasoning, seen, self.study.table.metric)
        self.done.append(trial)
        # trials are only compared with each other once all are finished
        _write(self.folder / PARTIAL, evolve(self.probe(None), trials=tuple(self.done)))
        note(f"  {size:>5}  {'refused, ' if trial.refused else ''}{trial.regime}  {in_short(trial)}")
        return trial

    def works(self, size: int) -> bool:
        """Whether reasoning allows a size."""
        if size not in self._refused:
            self._refused[size] = refusal(self.bench.run, self.bench.labels, size) is not None
        return not self._refused[size]

    def first_that_works(self, first: int, last: int) -> int | None:
        """Return the smallest size from `first` to `last` that reasoning allows."""
        return next((size for size in range(first, last + 1) if self.works(size)), None)

    def probe(self, largest: int | None) -> Probe:
        """Return the probe of all trials so far."""
        run = self.study.run
        return Probe(
            study=run.study.name,
            path=PROBED,
            metric=self.study.table.metric,
            steps=self.study.table.steps,
            trials=compared(self.done),
            largest_that_fits=largest,
            settings=run.settings,
            environment=environment(self.bench.test.device),
            fingerprint=probe_fingerprint(self.study),
            settings_fingerprint=probe_fingerprint(self.study, run.settings_fingerprint),
            data=run.contents.facts() if run.contents else {},
            rule=self.rule,
        )


def search(trials: _Trials, own: int) -> None:
    """Try the smallest size that works, the sizes next to it, larger ones until one learns, and `own`.

    Below the smallest, the largest size that the sampler has batches of is also tried, to show what the refusal
    prevents. Sizes double until one learns; then the gap below it is halved until it contains no size that works.
    """
    run, labels = trials.bench.run, trials.bench.labels
    found = smallest_batch(run, labels)
    if found.size is None:
        trials.at(own)
        return
    sampled = (below for below in range(found.below, 0, -1) if reason(run, labels, below).batches)
    for below in sorted({next(sampled, found.below), found.below} - {0}):
        trials.at(below)
    size: int | None = found.size
    while size is not None and not trials.at(size).runs:
        size = trials.first_that_works(size + 1, own)
    if size is not None:
        trials.at(size + 1)
        _climb(trials, size, own)
    trials.at(own)


def _climb(trials: _Trials, size: int, own: int) -> None:
    """Go from the smallest size that runs up to one that learns, and try the size below that."""
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
    """Return the largest batch with a training step that fits in CUDA memory; None on other devices."""
    if bench.test.device.type != "cuda":
        return None

    def fits(size: int) -> bool:
        fitting = bench.fits(size)
        note(f"  {size:>5}  {'fits' if fitting else 'does not fit'} in memory")
        return fitting

    start = bench.run.study.training.batch_size
    return largest(fits, lambda size: refusal(bench.run, bench.labels, size) is None, start, len(bench.labels))


def largest(fits: Callable[[int], bool], works: Callable[[int], bool], start: int, most: int) -> int | None:
    """Return the largest size up to `most` that works and fits, by doubling from `start` and halving the gap.

    It assumes that all sizes up to some limit fit. None if not even the smallest fits.
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
    """Return a size that works strictly between two others: the next above the target, else the next below."""
    above = (size for size in range(max(target, low + 1), high) if works(size))
    below = (size for size in range(min(target, high - 1), low, -1) if works(size))
    return next(above, None) or next(below, None)
