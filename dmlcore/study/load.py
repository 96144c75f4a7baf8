"""Loading a study: TOML file → StudyFile, strictly, with all problems reported at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import attrs
from attrs import evolve, frozen

from dmlcore.api.components import OPTION
from dmlcore.errors import DataError, PluginError, StudyError
from dmlcore.host.describe import shown
from dmlcore.host.faults import faults_of
from dmlcore.host.registry import Registry
from dmlcore.results.choices import Choice
from dmlcore.results.contents import Contents
from dmlcore.results.store import Store
from dmlcore.study.best import BEST, Best, with_best_values
from dmlcore.study.data_sets import DataSets
from dmlcore.study.document import Document, dotted, read_document, read_study
from dmlcore.study.fingerprint import components_of, fingerprint, version_of, versions_of
from dmlcore.study.grid import GRID, at_point, points, read_grid
from dmlcore.study.limits import DEEPEST, name_fault, too_many_runs
from dmlcore.study.locate import line_of
from dmlcore.study.plugins import PLUGINS, REQUIRES, PluginsTable, disabled_by, unknown_keys, unmet_requirements
from dmlcore.study.schema import PROBE, PROBED, ProbeTable, Run, Study, StudyFile, StudyProbe
from dmlcore.study.shipped import base_folder
from dmlcore.study.structure import Problem, Structurer, plain
from dmlcore.text import counted, listing

_Table = TypeVar("_Table", Best, ProbeTable, PluginsTable)

NEEDED_TO_TRAIN = (attrs.fields(Study).loss, attrs.fields(Study).sampler)
"""Options that only a study with training.epochs = 0 does not need."""

MOST_PROBLEMS = 500
"""Problems after which no further grid point is examined."""

MOST_SHOWN = 50
"""Problems in a message."""

NO_PART_OF_A_RUN = (GRID, BEST, PROBE, PLUGINS, REQUIRES)
"""Tables that are not part of a run."""


def load_study(
    path: Path,
    registry: Registry,
    overrides: Sequence[str] = (),
    store: Store | None = None,
    data_sets: DataSets | None = None,
    needed_by: tuple[Path, ...] = (),
) -> StudyFile:
    """Load the study at `path`, with `[study:]path=value` overrides.

    `[best]` values come from the results in `store`; without a store, an arbitrary value of the grid is used. The runs
    have the contents of their files if there is a store or `data_sets`, those that the command has read. `needed_by`
    are the studies that need this one for their `[best]`. Raises StudyError with every problem, each with file, line
    and path.
    """
    if store is not None and data_sets is None:
        data_sets = DataSets()
    if path.resolve() in needed_by:
        raise StudyError(f"{path}: [best] is circular: {listing(map(str, needed_by))}.")
    if len(needed_by) > DEEPEST:
        raise StudyError(f"{path}: more than {DEEPEST} studies need each other by [best].")
    document = read_document(path, overrides)
    everything, registry = registry, registry.without(disabled_by(document))
    best, problems = _read_table(document, BEST, Best, registry)
    choices: tuple[Choice, ...] = ()
    if best is not None:
        way = (*needed_by, path.resolve())
        document, choices = with_best_values(
            document, best, lambda source: load_study(source, everything, overrides, store, data_sets, way), store
        )
    grid, grid_problems = read_grid(document)
    table, probe_problems = _read_table(document, PROBE, ProbeTable, registry)
    _, plugin_problems = _read_table(document, PLUGINS, PluginsTable, registry)
    problems += [*grid_problems, *probe_problems, *plugin_problems]
    problems += [*unknown_keys(document, everything.sources), *unmet_requirements(document, everything.sources)]
    located = [_locate(problem, document) for problem in problems]
    count = math.prod(map(len, grid.values()))
    if excess := too_many_runs(count, _seed_count(document)):
        raise StudyError(f"{path}: {excess}")
    studies: list[tuple[dict[str, Any], Study]] = []
    for indices in points(grid):
        if len(located) > MOST_PROBLEMS:
            break
        study, found = _at_point(document, indices, path, registry)
        located += found
        if study is not None:
            studies.append(({at: grid[at][index] for at, index in indices.items()}, study))
    probed = None
    if table is not None:
        probed, found = _probed(document, grid, table, path, registry, data_sets)
        located += found
    if located:
        raise StudyError(_report(path, located))
    chosen = studies if grid or table is None else []
    version = cache(version_of)
    runs = tuple(
        run
        for point, study in chosen
        for run in _runs(study, point, study.seeds, path.parent, registry, data_sets, version)
    )
    needs = tuple(source.resolve() for source in best.from_) if best else ()
    return StudyFile(path, studies[0][1], grid, runs, needs, probed, choices)


def _read_table(
    document: Document, name: str, cls: type[_Table], registry: Registry
) -> tuple[_Table | None, list[Problem]]:
    """A table that is not part of a run, or None, and its problems."""
    if name not in document.values:
        return None, []
    structurer = Structurer(registry, lambda at: document.origin(at).study_folder)
    table = structurer.structure(document.values[name], cls, (name,))
    return (None if structurer.problems else table), structurer.problems


def _probed(
    document: Document,
    grid: Mapping[str, Any],
    table: ProbeTable,
    path: Path,
    registry: Registry,
    data_sets: DataSets | None,
) -> tuple[StudyProbe | None, list[_Located]]:
    """The run to probe: the grid's first values, except for the batch size, which is the study's."""
    first = {at: 0 for at in grid if at != PROBED}
    study, problems = _at_point(document, first, path, registry)
    if study is None:
        return None, problems
    if study.loss is None or study.sampler is None:
        problem = Problem((PROBE,), "", "", "A probe of batch sizes trains: it needs a loss and a sampler.")
        return None, [_locate(problem, document)]
    evaluators = [evaluator.name for evaluator in study.evaluators]
    if table.metric.partition("/")[0] not in evaluators:
        expected = f"a metric of one of the study's evaluators: {listing(f'{name}/…' for name in evaluators)}"
        return None, [_locate(Problem((PROBE, "metric"), expected, repr(table.metric)), document)]
    point = {at: grid[at][0] for at in first}
    return StudyProbe(table, _run(study, point, study.seeds[0], path.parent, registry, data_sets)), []


def smoke_study(file: StudyFile, registry: Registry) -> StudyFile:
    """The first run and the probe of a study, as short as possible: every stage once, no downloads."""
    runs = tuple(_smoke_run(run, file.path.parent, registry) for run in file.runs[:1])
    probe = None
    if file.probe is not None:
        run = _smoke_run(file.probe.run, file.path.parent, registry)
        sizes = sorted({1, run.study.training.batch_size})
        probe = StudyProbe(evolve(file.probe.table, sizes=tuple(sizes), steps=2, max_images=200), run)
    study = runs[0].study if runs else file.study
    return StudyFile(file.path, study, {}, runs, probe=probe)


def _smoke_run(run: Run, folder: Path, registry: Registry) -> Run:
    full = run.study
    with faults_of(full.backbone, "for_smoke"):
        backbone = full.backbone.for_smoke()
    study = evolve(
        full,
        seeds=full.seeds[:1],
        backbone=backbone,
        training=evolve(full.training, epochs=min(1, full.training.epochs), warmup_epochs=0, max_steps=2),
        evaluation=evolve(full.evaluation, max_images=200),
    )
    return _run(study, run.point, study.seeds[0], folder, registry)


def _at_point(
    document: Document, indices: dict[str, int], path: Path, registry: Registry
) -> tuple[Study | None, list[_Located]]:
    document = at_point(document, indices)
    structurer = Structurer(registry, lambda at: document.origin(at).folder)
    values = {key: value for key, value in document.values.items() if key not in NO_PART_OF_A_RUN}
    study = structurer.structure(values, Study, ())
    problems = [*_missing_for_training(values), *structurer.problems]
    if problems:
        return None, [_locate(problem, document) for problem in problems]
    name = study.name or path.stem
    if fault := name_fault(name):
        return None, [_locate(Problem(("name",), "a name for the results folder", shown(name), fault), document)]
    return evolve(study, name=name), []


def _missing_for_training(values: Mapping[str, Any]) -> Iterator[Problem]:
    """A problem for each component that a study needs because it trains."""
    training = values.get("training")
    if isinstance(training, Mapping) and training.get("epochs") == 0:
        return
    for attribute in NEEDED_TO_TRAIN:
        if attribute.name not in values:
            expected = f'a table with `use = "{attribute.name} name"`: {attribute.metadata[OPTION].help}'
            yield Problem((attribute.name,), expected, "nothing")


def _run(
    study: Study,
    point: dict[str, Any] | Any,
    seed: int,
    folder: Path,
    registry: Registry,
    data_sets: DataSets | None = None,
) -> Run:
    return next(_runs(study, point, (seed,), folder, registry, data_sets))


def _runs(
    study: Study,
    point: dict[str, Any] | Any,
    seeds: Sequence[int],
    folder: Path,
    registry: Registry,
    data_sets: DataSets | None,
    version: Callable[[str], str] = version_of,
) -> Iterator[Run]:
    """The run of each seed at a grid point; `version` returns the version of a distribution."""
    versions, folder = versions_of(study, registry, version), base_folder(folder)
    contents, unreadable = (None, "") if data_sets is None else _contents(study, data_sets)
    settings, components = plain(study, folder), components_of(study, registry)
    identity = plain(study, folder, identity_only=True, paths=False)
    former_identity = plain(study, folder, identity_only=True)
    for seed in seeds:
        yield Run(
            study=study,
            point=point,
            seed=seed,
            settings=settings,
            versions=versions,
            settings_fingerprint=fingerprint(identity, seed, versions),
            former_fingerprint=fingerprint(former_identity, seed, versions),
            contents=contents,
            unreadable=unreadable,
            components=components,
        )


def _seed_count(document: Document) -> int:
    seeds = document.values.get("seeds", (0,))
    return len(seeds) if isinstance(seeds, list | tuple) else 1


def _contents(study: Study, data_sets: DataSets) -> tuple[Contents | None, str]:
    """The contents of a study's files, or None and why they can't be read."""
    try:
        return data_sets.contents(study), ""
    except (DataError, PluginError, StudyError) as error:
        return None, str(error)


@frozen
class _Located:
    """A problem's message, and where its value was written."""

    file: Path | None
    line: int
    text: str


def _locate(problem: Problem, document: Document) -> _Located:
    origin, path = document.origin(problem.path), dotted(problem.path)
    if origin.file is None:
        return _Located(None, 0, problem.text(f"--set {path}"))
    line = line_of(read_study(origin.file), origin.path)
    place = f"{origin.file}:{line or 1}" + (f": {path}" if path else "")
    return _Located(origin.file, line or 0, problem.text(place))


def _report(path: Path, located: Iterable[_Located]) -> str:
    """All problems without duplicates, sorted by line; those of the study file first."""
    ordered = sorted(located, key=lambda problem: (problem.file != path, str(problem.file), problem.line))
    texts = list(dict.fromkeys(problem.text for problem in ordered))
    more = [f"… and {counted(len(texts) - MOST_SHOWN, 'more problem')}."] if len(texts) > MOST_SHOWN else []
    return "\n\n".join([f"{path} has {counted(len(texts), 'problem')}.", *texts[:MOST_SHOWN], *more])
