"""A stored run counts only for the files that it was measured on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from dmlcore.api.stored import canonical_digest
from dmlcore.results.contents import Contents, Part, save_contents
from dmlcore.results.store import PROBE, RESULT, Store
from dmlcore.results.trials import to_json
from dmlcore.study.fingerprint import probe_fingerprint
from dmlcore.study.lookup import (
    NOT_COMPARED,
    NOT_RECORDED,
    Stored,
    StoredProbe,
    look_up,
    look_up_probe,
    note_identity,
)
from dmlcore.study.schema import Run, StudyProbe
from sample_results import made_probe, result


def files(**names: str) -> Contents:
    return Contents({"train": Part(canonical_digest(names), names)})


BEFORE, NOW = files(a="1", b="2"), files(a="1", b="3")
CHANGED = "its files have changed since: 1 replaced (b)"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    save_contents(BEFORE, tmp_path / "runs")
    return Store(tmp_path / "runs")


@pytest.fixture
def run(make_study: Callable[..., Any]) -> Run:
    return evolve(make_study("seeds=[0]").runs[0], contents=NOW)


def finish(run: Run, store: Store, **values: Any) -> str:
    """Stores a result of the run; returns the name of its folder."""
    folder = store.run(run.study.name, run.name)
    folder.partial.mkdir(parents=True)
    data = run.contents.facts() if run.contents else {}
    facts = {"fingerprint": run.fingerprint, "settings_fingerprint": run.settings_fingerprint, "data": data}
    folder.complete(result(**(facts | {"run": run.name} | values)))
    return run.name


def start(run: Run, store: Store) -> None:
    folder = store.run(run.study.name, run.name)
    folder.partial.mkdir(parents=True)
    note_identity(run, folder)


def finish_as_before_format_3(run: Run, store: Store) -> str:
    """Stores a result as dmlcore stored it before it recorded contents; returns the name of its folder."""
    old = evolve(run, contents=None, settings_fingerprint=run.former_fingerprint)
    name = finish(old, store)
    path = store.run(run.study.name, name).final / RESULT
    values = json.loads(path.read_text()) | {"schema": 2}
    for field in ("settings_fingerprint", "data", "files", "checksum"):
        del values[field]
    path.write_text(json.dumps(values))
    return name


def state(stored: Stored | StoredProbe) -> tuple[str, str]:
    return stored.state, stored.note


def test_nothing_is_stored(run: Run, store: Store) -> None:
    assert state(look_up(run, store)) == ("pending", "")


def test_the_same_files(run: Run, store: Store) -> None:
    finish(run, store)
    assert state(look_up(run, store)) == ("finished", "")


def test_other_files_until_they_are_restored(run: Run, store: Store) -> None:
    before = evolve(run, contents=BEFORE)
    finish(before, store)
    assert state(look_up(run, store)) == ("outdated", CHANGED)
    assert look_up(run, store).result() is None
    assert look_up(run, store).folder.final.name == run.name
    assert state(look_up(before, store)) == ("finished", "")
    start(run, store)
    assert state(look_up(run, store)) == ("interrupted", CHANGED)
    finish(evolve(run, seed=run.seed, contents=NOW), Store(store.root / "other"))
    assert state(look_up(evolve(run, settings_fingerprint="f" * 64), store)) == ("pending", ""), "other settings"


def test_the_list_of_files_is_lost(run: Run, store: Store) -> None:
    finish(evolve(run, contents=files(c="1")), store)
    assert state(look_up(run, store)) == (
        "outdated",
        "its files have changed since: the list of their files at that time is missing",
    )


def test_a_result_without_recorded_data_is_finished_and_marked(run: Run, store: Store) -> None:
    name = finish_as_before_format_3(run, store)
    stored = look_up(run, store)
    assert state(stored) == ("finished", NOT_RECORDED)
    assert stored.folder.final.name == name != run.name
    other = evolve(run, former_fingerprint="f" * 64, settings_fingerprint="e" * 64)
    assert state(look_up(other, store)) == ("pending", "")


def test_recorded_data_that_has_changed_counts_more_than_unrecorded_data(run: Run, store: Store) -> None:
    finish_as_before_format_3(run, store)
    finish(evolve(run, contents=BEFORE), store)
    assert state(look_up(run, store)) == ("outdated", CHANGED)


def test_without_the_files_the_newest_result_counts(run: Run, store: Store) -> None:
    away = evolve(run, contents=None, unreadable="not here")
    finish_as_before_format_3(run, store)
    assert state(look_up(away, store)) == ("finished", NOT_RECORDED)
    finish(evolve(run, contents=BEFORE), store)
    newest = finish(run, store)
    stored = look_up(away, store)
    assert state(stored) == ("finished", NOT_COMPARED)
    assert stored.folder.final.name == newest


def test_an_interrupted_run_goes_on_with_the_same_files_only(run: Run, store: Store) -> None:
    start(evolve(run, contents=BEFORE), store)
    assert state(look_up(run, store)) == ("pending", f"interrupted, and {CHANGED}")
    assert state(look_up(evolve(run, contents=BEFORE), store)) == ("interrupted", "")
    assert state(look_up(evolve(run, contents=None, unreadable="not here"), store)) == ("interrupted", "")


def test_an_interrupted_run_without_recorded_data_starts_again(run: Run, store: Store) -> None:
    old = evolve(run, contents=None, settings_fingerprint=run.former_fingerprint)
    store.run(run.study.name, old.name).partial.mkdir(parents=True)
    note = "interrupted by an older dmlcore, which did not record its files"
    assert state(look_up(run, store)) == ("pending", note)


def test_a_damaged_result_of_other_files_is_passed_over(run: Run, store: Store) -> None:
    finish(evolve(run, contents=BEFORE), store)
    next(store.root.glob(f"*/*/{RESULT}")).write_text("{")
    assert state(look_up(run, store)) == ("pending", "")


@pytest.fixture
def probe(make_study: Callable[..., Any]) -> StudyProbe:
    found = make_study(added='[probe]\nmetric = "nearest/recall_at_1"\n').probe
    return evolve(found, run=evolve(found.run, contents=NOW))


def store_probe(probe: StudyProbe, store: Store, **values: Any) -> None:
    run = probe.run
    facts = {
        "fingerprint": probe_fingerprint(probe),
        "settings_fingerprint": probe_fingerprint(probe, run.settings_fingerprint),
        "data": run.contents.facts() if run.contents else {},
    }
    store.study(run.study.name).mkdir(parents=True)
    (store.study(run.study.name) / PROBE).write_text(to_json(made_probe([], **(facts | values))))


def on(probe: StudyProbe, contents: Contents | None) -> StudyProbe:
    return evolve(probe, run=evolve(probe.run, contents=contents))


def test_a_probe_counts_for_its_files_only(probe: StudyProbe, store: Store) -> None:
    assert state(look_up_probe(probe, store)) == ("pending", "")
    store_probe(on(probe, BEFORE), store)
    assert state(look_up_probe(on(probe, BEFORE), store)) == ("finished", "")
    assert state(look_up_probe(probe, store)) == ("outdated", CHANGED)
    assert look_up_probe(probe, store).finished is None
    assert state(look_up_probe(on(probe, None), store)) == ("finished", NOT_COMPARED)
    other = evolve(probe, table=evolve(probe.table, steps=7))
    assert state(look_up_probe(other, store)) == ("pending", "")


def test_a_probe_without_recorded_data_is_finished_and_marked(probe: StudyProbe, store: Store) -> None:
    former = probe_fingerprint(probe, probe.run.former_fingerprint)
    store_probe(probe, store, fingerprint=former, settings_fingerprint="", data={}, schema=1)
    assert state(look_up_probe(probe, store)) == ("finished", NOT_RECORDED)
