"""A study from first to last: which runs are to be made, and what one run is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

from dmlcore.api.components import ObserverConfig
from dmlcore.api.progress import shown_on
from dmlcore.api.result import Result
from dmlcore.api.values import RunInfo
from dmlcore.engine import checkpoint
from dmlcore.engine.environment import environment
from dmlcore.engine.loading import resolve_device, resolve_transforms
from dmlcore.engine.model import build_loss, build_model
from dmlcore.engine.observing import Observers
from dmlcore.engine.run_log import figures, log, logged_to
from dmlcore.engine.seeding import use_deterministic_algorithms
from dmlcore.engine.session import Session
from dmlcore.engine.splits import load_data
from dmlcore.engine.trainer import Trainer
from dmlcore.errors import PluginError, TrainingError
from dmlcore.host.faults import traceback_of
from dmlcore.results.store import RUN_LOG, RunFolder, Store
from dmlcore.study.schema import Run

_POLL_SECONDS = 1.0


@frozen
class Failure:
    """A run that could not be finished, through its training or a plugin's fault, and why."""

    run: Run
    reason: str


def run_study(runs: Sequence[Run], store: Store, observers: Sequence[ObserverConfig]) -> Iterator[Result | Failure]:
    """Makes the runs that are not finished yet, and gives the outcome of each.

    A run that another process is making is left to it, and waited for when nothing else is to be done. A run whose
    training can't go on, or whose plugin fails, is given as a Failure, and the others are made all the same. A run
    that another study of the store has made already, on the same images, is taken from there.
    """
    waiting = list(enumerate(runs, start=1))
    while waiting:
        busy = []
        for index, run in waiting:
            folder = store.run(run.study.name, run.name)
            with folder.locked() as mine:
                if folder.finished:
                    yield folder.result()
                elif mine and (twin := _same_run(run, store)):
                    yield _taken(run, folder, twin)
                elif mine:
                    yield _outcome(run, _info(run, index, len(runs), folder), folder, observers)
                else:
                    busy.append((index, run))
        if len(busy) == len(waiting):
            time.sleep(_POLL_SECONDS)
        waiting = busy


def _same_run(run: Run, store: Store) -> RunFolder | None:
    """A finished run of another study with the same identity and the same images."""
    for twin in store.same_runs(run.fingerprint):
        facts, protocol = load_data(run).facts(), twin.result().protocol
        if all(protocol.get(name) == value for name, value in facts.items()):
            return twin
    return None


def _taken(run: Run, folder: RunFolder, twin: RunFolder) -> Result:
    """The twin's result as this run's own."""
    made_as = f"{twin.final.parent.name}/{twin.final.name}"
    result = evolve(
        twin.result(),
        study=run.study.name,
        question=run.study.question,
        run=run.name,
        point=run.point,
        settings=run.settings,
        components=run.components,
    )
    result = evolve(result, environment={"made_as": made_as, **result.environment})
    folder.copy(twin)
    folder.complete(result)
    checkpoint.remove(folder.final)
    return result


def _info(run: Run, index: int, count: int, folder: RunFolder) -> RunInfo:
    return RunInfo(
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


def _outcome(run: Run, info: RunInfo, folder: RunFolder, configs: Sequence[ObserverConfig]) -> Result | Failure:
    with logged_to(folder.partial / RUN_LOG):
        observers = Observers(configs, info)
        observers.start()
        try:
            result = perform(run, folder, observers)
        except (TrainingError, PluginError) as error:
            log.info("failed: %s", error, exc_info=error)
            observers.error(error)
            reason = str(error)
            if isinstance(error, PluginError) and (trace := traceback_of(error)):
                reason += f" The traceback, for its author: {folder.note_traceback(trace)}"
            folder.note_failure(reason)
            return Failure(run, reason)
        except BaseException as error:
            log.info("stopped: %s", type(error).__name__, exc_info=None if _interrupts(error) else error)
            observers.error(error)
            raise
        observers.end(result)
        for warning in result.warnings:
            log.info("warning: %s", warning)
        log.info("finished: %s", figures(result.metrics))
    result = evolve(result, warnings=(*result.warnings, *observers.warnings))
    folder.complete(result)
    checkpoint.remove(folder.final)
    return result


def _interrupts(error: BaseException) -> bool:
    return not isinstance(error, Exception)


def perform(run: Run, folder: RunFolder, observers: Observers) -> Result:
    """One run, from wherever it stopped last: data, network, training, measurement, result."""
    facts = environment(resolve_device(run.study.training.device))
    log.info("run %s of study %s, seed %d, on %s", run.name, run.study.name, run.seed, facts["device"])
    log.info("settings: %s", json.dumps(run.settings, ensure_ascii=False))
    log.info("versions: %s", json.dumps(run.versions))
    use_deterministic_algorithms(run.study.training.deterministic)
    data = load_data(run)
    model = build_model(run)
    transforms = resolve_transforms(run.study.transforms, model.input_spec)
    loss = build_loss(run, model.embedding_dim, len(data.train.class_names))
    trainer = Trainer(run, model, loss)
    session = Session.resume(run, data, transforms, trainer, folder.partial, observers)
    if session.state.epoch >= 0:
        log.info("resumed after epoch %d", session.state.epoch)
    with shown_on(observers):
        session.train()
        return session.finish()
