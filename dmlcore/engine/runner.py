"""The runs of a study: which are needed, and how each is executed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

from dmlcore.api.components import ObserverConfig
from dmlcore.api.progress import note, shown_on
from dmlcore.api.result import Result
from dmlcore.api.values import RunInfo
from dmlcore.engine import checkpoint
from dmlcore.engine.loading import resolve_device
from dmlcore.engine.machine import environment
from dmlcore.engine.observing import Observers
from dmlcore.engine.probe.reasoning import require_batches
from dmlcore.engine.run_log import figures, log, logged_to
from dmlcore.engine.seeding import use_deterministic_algorithms
from dmlcore.engine.session import Session
from dmlcore.engine.splits import Data, load_data, refuse_changes
from dmlcore.errors import DamagedResultsError, PluginError, ResultsError, TrainingError
from dmlcore.host.faults import traceback_of
from dmlcore.results.contents import save_contents
from dmlcore.results.evidence import intact_result
from dmlcore.results.scratch import remove_abandoned
from dmlcore.results.store import EMBEDDINGS, RUN_LOG, RunFolder, Store
from dmlcore.study.data_sets import DataSets
from dmlcore.study.lookup import Stored, forget_identity, look_up, note_identity
from dmlcore.study.schema import Run

_POLL_SECONDS = 1.0


@frozen
class Failure:
    """A run that failed, in training or in a plugin, and why."""

    run: Run
    reason: str


def run_study(runs: Sequence[Run], store: Store, observers: Sequence[ObserverConfig]) -> Iterator[Result | Failure]:
    """Execute the runs that are not finished, and yield the outcome of each.

    A run that another process is executing is awaited at the end. If training or a plugin fails, the outcome is a
    Failure, and the other runs continue. The folder of a damaged run is renamed, and the run is executed again; a
    result that can't be read now, or only by a newer version, is a Failure. An identical run of another study in the
    store is reused. Raises DataError if the files of a run are not those that it was loaded with.
    """
    for study in {run.study.name for run in runs}:
        remove_abandoned(store.study(study))
    waiting = list(enumerate(runs, start=1))
    while waiting:
        busy = []
        for index, run in waiting:
            folder = store.run(run.study.name, run.name)
            with folder.locked() as mine:
                stored = _intact(run, store) if mine else look_up(run, store)
                if finished := stored.result():
                    yield finished
                elif stored.state == "damaged" and mine:
                    yield Failure(run, stored.note)
                elif mine and (twin := _same_run(run, store)):
                    yield _reused(run, folder, twin)
                elif mine:
                    if run.contents:
                        save_contents(run.contents, store.root)
                    yield _outcome(run, index, len(runs), folder, observers)
                else:
                    busy.append((index, run))
        if len(busy) == len(waiting):
            time.sleep(_POLL_SECONDS)
        waiting = busy


def _intact(run: Run, store: Store) -> Stored:
    """Return what is stored of a run. Folders of damaged runs are renamed first, so that these run again."""
    stored = look_up(run, store)
    while _set_aside_if_damaged(stored.folder):
        stored = look_up(run, store)
    return stored


def _set_aside_if_damaged(folder: RunFolder) -> bool:
    """Rename the folder of a damaged run, and return whether it was one; nothing is deleted."""
    try:
        if folder.final.exists():
            folder.verify(intact_result(folder), EMBEDDINGS)
        else:
            checkpoint.load(folder.partial)
    except DamagedResultsError as error:
        note(f"{error} Now at {folder.set_aside()}")
        return True
    except ResultsError:  # of a newer version, or unreadable for now: it stays where it is
        pass
    return False


def _same_run(run: Run, store: Store) -> RunFolder | None:
    """Return a finished run of another study with the same fingerprint, which includes what its files contain."""
    if run.contents is None:
        return None
    return next((twin for twin in store.same_runs(run.fingerprint) if twin.result().data), None)


def _reused(run: Run, folder: RunFolder, twin: RunFolder) -> Result:
    """Return the twin's result as the result of this run, and copy its files."""
    result = twin.result()
    result = evolve(
        result,
        study=run.study.name,
        question=run.study.question,
        run=run.name,
        point=run.point,
        settings=run.settings,
        components=run.components,
        environment={"made_as": f"{twin.final.parent.name}/{twin.final.name}", **result.environment},
    )
    folder.copy(twin)
    result = folder.complete(result)
    checkpoint.remove(folder.final)
    return result


def _outcome(
    run: Run, index: int, count: int, folder: RunFolder, configs: Sequence[ObserverConfig]
) -> Result | Failure:
    info = RunInfo(
        study=run.study.name,
        name=run.name,
        index=index,
        count=count,
        seed=run.seed,
        point=run.point,
        epochs=run.study.training.epochs,
        folder=folder.partial,
        settings=run.settings,
    )
    loaded = _load(run)  # a DataError here leaves no folder behind
    folder.partial.mkdir(exist_ok=True)
    note_identity(run, folder)
    with logged_to(folder.partial / RUN_LOG):
        observers = Observers(configs, info)
        observers.send("run_start")
        try:
            if isinstance(loaded, PluginError):
                raise loaded
            require_batches(run, loaded.train.labels, loaded.train.class_names)
            result = perform(run, folder, observers, loaded)
            refuse_changes(run, DataSets(), "while it was running")
        except (TrainingError, PluginError) as error:
            log.info("failed: %s", error, exc_info=error)
            observers.send("run_error", error=error)
            reason = str(error)
            if isinstance(error, PluginError) and (trace := traceback_of(error)):
                reason += f" Traceback for its author: {folder.note_traceback(trace)}"
            folder.note_failure(reason)
            return Failure(run, reason)
        except BaseException as error:
            log.info("stopped: %s", type(error).__name__, exc_info=isinstance(error, Exception))
            observers.send("run_error", error=error)
            raise
        observers.send("run_end", result=result)
        for warning in result.warnings:
            log.info("warning: %s", warning)
        log.info("finished: %s", figures(result.metrics))
    result = evolve(result, warnings=(*result.warnings, *observers.warnings))
    forget_identity(folder)
    result = folder.complete(result)
    checkpoint.remove(folder.final)
    return result


def _load(run: Run) -> Data | PluginError:
    """Return the images of a run, which are those that it was loaded with; or the error of a plugin."""
    data_sets = DataSets()
    try:
        data = load_data(run, data_sets)
        refuse_changes(run, data_sets, "after the command started")
        return data
    except PluginError as error:
        return error


def perform(run: Run, folder: RunFolder, observers: Observers, data: Data) -> Result:
    """Execute one run from the start or its checkpoint: network, training, evaluation, result."""
    facts = environment(resolve_device(run.study.training.device))
    log.info("run %s of study %s, seed %d, on %s", run.name, run.study.name, run.seed, facts["device"])
    log.info("settings: %s", json.dumps(run.settings, ensure_ascii=False))
    log.info("versions: %s", json.dumps(run.versions))
    use_deterministic_algorithms(run.study.training.deterministic)
    session = Session.resume(run, folder.partial, observers, data)
    with shown_on(observers):
        session.train()
        return session.finish()
