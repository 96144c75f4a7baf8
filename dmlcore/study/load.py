"""Loading a study: TOML file → StudyFile, strictly, with all problems reported at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from attrs import evolve, frozen

from dmlcore.errors import DataError, PluginError, StudyError
from dmlcore.host.faults import faults_of
from dmlcore.host.registry import Registry
from dmlcore.results.contents import Contents
from dmlcore.results.store import Store
from dmlcore.study.best import BEST, Best, with_best_values
from dmlcore.study.data_sets import DataSets
from dmlcore.study.document import Document, dotted, read_document
from dmlcore.study.fingerprint import components_of, fingerprint, versions_of
from dmlcore.study.grid import GRID, at_point, points, read_grid
from dmlcore.study.locate import line_of
from dmlcore.study.plugins import PLUGINS, REQUIRES, PluginsTable, disabled_by, unknown_keys, unmet_requirements
from dmlcore.study.schema import PROBE, PROBED, ProbeTable, Run, Study, StudyFile, StudyProbe
from dmlcore.study.structure import Problem, Structurer, plain
from dmlcore.text import counted, listing

_Table = TypeVar("_Table", Best, ProbeTable, PluginsTable)

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
    """Load the study at `path`, with `path=value` overrides.

    `[best]` values come from the results in `store`; without a store, an arbitrary value of the grid is used. The runs
    have the contents of their files if there is a store or `data_sets`, those that the command has read. `needed_by`
    are the studies that need this one for their `[best]`. Raises StudyError with every problem, each with file, line
    and path.
    """
    if store is not None and data_sets is None:
        data_sets = DataSets()
    if path.resolve() in needed_by:
        raise StudyError(f"{path}: [best] is circular: {listing(map(str, needed_by))}.")
    document = read_document(path, overrides)
    everything, registry = registry, registry.without(disabled_by(document))
    best, problems = _read_table(document, BEST, Best, registry)
    if best is not None:
        way = (*needed_by, path.resolve())
        document = with_best_values(
            document, best, lambda source: load_study(source, everything, overrides, store, data_sets, way), store
        )
    grid, grid_problems = read_grid(document)
    table, probe_problems = _read_table(document, PROBE, ProbeTable, registry)
    _, plugin_problems = _read_table(document, PLUGINS, PluginsTable, registry)
    problems += [*grid_problems, *probe_problems, *plugin_problems]
    problems += [*unknown_keys(document, everything.sources), *unmet_requirements(document, everything.sources)]
    located = [_locate(problem, document) for problem in problems]
    studies: list[tuple[dict[str, Any], Study]] = []
    for indices in points(grid):
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
    runs = tuple(
        _run(study, point, seed, path.parent, registry, data_sets) for point, study in chosen for seed in study.seeds
    )
    needs = tuple(source.resolve() for source in best.from_) if best else ()
    return StudyFile(path, studies[0][1], grid, runs, needs, probed)


def _read_table(
    document: Document, name: str, cls: type[_Table], registry: Registry
) -> tuple[_Table | None, list[Problem]]:
    """A table that is not part of a run, or None, and its problems."""
    if name not in document.values:
        return None, []
    structurer = Structurer(registry, lambda at: document.origin(at).folder)
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
        training=evolve(full.training, epochs=1, warmup_epochs=0, max_steps=2),
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
    if structurer.problems:
        return None, [_locate(problem, document) for problem in structurer.problems]
    return evolve(study, name=study.name or path.stem), []


def _run(
    study: Study,
    point: dict[str, Any] | Any,
    seed: int,
    folder: Path,
    registry: Registry,
    data_sets: DataSets | None = None,
) -> Run:
    versions = versions_of(study, registry)
    contents, unreadable = (None, "") if data_sets is None else _contents(study, data_sets)
    return Run(
        study=study,
        point=point,
        seed=seed,
        settings=plain(study, folder),
        versions=versions,
        settings_fingerprint=fingerprint(plain(study, folder, identity_only=True, paths=False), seed, versions),
        former_fingerprint=fingerprint(plain(study, folder, identity_only=True), seed, versions),
        contents=contents,
        unreadable=unreadable,
        components=components_of(study, registry),
    )


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
    line = line_of(origin.file.read_text(encoding="utf-8"), origin.path)
    place = f"{origin.file}:{line or 1}" + (f": {path}" if path else "")
    return _Located(origin.file, line or 0, problem.text(place))


def _report(path: Path, located: Iterable[_Located]) -> str:
    """All problems without duplicates, sorted by line; those of the study file first."""
    ordered = sorted(located, key=lambda problem: (problem.file != path, str(problem.file), problem.line))
    texts = dict.fromkeys(problem.text for problem in ordered)
    return "\n\n".join([f"{path} has {counted(len(texts), 'problem')}.", *texts])
