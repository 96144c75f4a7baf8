"""What is stored of a run or a probe, and whether it belongs to what the files contain now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Literal

from attrs import evolve, frozen

from dmlcore.api.result import Result
from dmlcore.errors import ResultsError
from dmlcore.results.contents import Contents, load_contents, what_changed
from dmlcore.results.store import PROBE, RESULT, RunFolder, Store, read_text, write_atomically
from dmlcore.results.trials import Probe, from_json
from dmlcore.study.fingerprint import probe_fingerprint
from dmlcore.study.schema import Run, StudyProbe

IDENTITY = "identity.json"
"""The identity of an unfinished run, in its folder."""

State = Literal["finished", "outdated", "damaged", "failed", "interrupted", "pending"]
"""outdated: finished, but its files have changed since. damaged: its result can't be read."""

NOT_RECORDED = "data not recorded: an older dmlcore stored it, so its files may have changed since"
NOT_COMPARED = "files not at hand, not compared"


@frozen
class Stored:
    """What a store has of a run."""

    folder: RunFolder
    """The folder of its result if it is finished, else the one that it works in."""
    state: State
    note: str = ""
    """What has changed since, why this is not known, or what is damaged; empty for a result of the present files."""

    def result(self) -> Result | None:
        """Return the result of a finished run; that of an outdated one is not a result of the study."""
        return self.folder.result() if self.state == "finished" else None

    def failure(self) -> str | None:
        """Return why the last attempt failed, if it did."""
        return self.folder.failure() if self.state == "failed" else None


def look_up(run: Run, store: Store) -> Stored:
    """Return what is stored of a run."""
    own = store.run(run.study.name, run.name)
    if own.final.exists() and not run.unreadable:
        damage = own.damage()
        return Stored(own, "finished") if damage is None else Stored(own, "damaged", damage)
    finished = _finished_otherwise(run, store)
    if finished is not None and finished.state != "outdated":
        return finished
    partial = Stored(own, own.state) if own.started else _started_otherwise(run, store, own)
    return partial if finished is None else evolve(finished, folder=partial.folder, state=_of(partial, finished))


def _of(partial: Stored, outdated: Stored) -> State:
    return partial.state if partial.folder.started else outdated.state


def _finished_otherwise(run: Run, store: Store) -> Stored | None:
    """A finished run with the same settings: on other files, on unknown ones, or if those of `run` are unknown.

    A damaged one is returned if there is no other, and if it may be this run.
    """
    recorded: list[tuple[RunFolder, Result]] = []
    unrecorded: list[tuple[RunFolder, Result]] = []
    damaged: list[Stored] = []
    for folder in _folders(run, store):
        try:
            result = folder.result()
        except ResultsError as error:
            if run.contents is None or folder.final.name == _former_name(run):
                damaged.append(Stored(folder, "damaged", str(error)))
            continue
        same = result.settings_fingerprint == run.settings_fingerprint
        if result.data and same:
            recorded.append((folder, result))
        elif not result.data and (same or result.fingerprint == run.former_fingerprint):
            unrecorded.append((folder, result))
    if run.contents is None:
        known, unknown = (_newest(found) for found in (recorded, unrecorded))
        if known is not None:
            return Stored(known[0], "finished", NOT_COMPARED)
        if unknown is not None:
            return Stored(unknown[0], "finished", NOT_RECORDED)
        return next(iter(damaged), None)
    if (outdated := _newest(recorded)) is not None:
        return Stored(outdated[0], "outdated", _changes(outdated[1].data, run.contents, store))
    if (unknown := _newest(unrecorded)) is not None:
        return Stored(unknown[0], "finished", NOT_RECORDED)
    return next(iter(damaged), None)


def _former_name(run: Run) -> str:
    """The name of the run's folder in versions of dmlcore that recorded no contents."""
    return f"{run.stem}_{run.former_fingerprint[:12]}"


def _started_otherwise(run: Run, store: Store, own: RunFolder) -> Stored:
    """The run as pending; with a note if it was started on other files and can't resume."""
    for folder in _folders(run, store, ".partial"):
        identity = _read_identity(folder)
        if identity is None:
            if folder.final.name == _former_name(run):
                return Stored(own, "pending", "interrupted by an older dmlcore, which did not record its files")
        elif identity["settings_fingerprint"] == run.settings_fingerprint:
            if run.contents is None:
                return Stored(folder, folder.state)
            return Stored(own, "pending", f"interrupted, and {_changes(identity['data'], run.contents, store)}")
    return Stored(own, "pending")


def _folders(run: Run, store: Store, suffix: Literal["", ".partial"] = "") -> list[RunFolder]:
    """The finished or partial folders of the run under any fingerprint, by name."""
    pattern = re.compile(rf"({re.escape(run.stem)}_[0-9a-f]{{12}}){re.escape(suffix)}")
    folder = store.study(run.study.name)
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return [store.run(run.study.name, match[1]) for name in sorted(names) if (match := pattern.fullmatch(name))]


def _newest(found: Iterable[tuple[RunFolder, Result]]) -> tuple[RunFolder, Result] | None:
    return max(found, key=lambda entry: (entry[0].final / RESULT).stat().st_mtime, default=None)


def _changes(data: Mapping[str, object], now: Contents, store: Store) -> str:
    return f"its files have changed since: {what_changed(load_contents(store.root, str(data['digest'])), now)}"


def note_identity(run: Run, folder: RunFolder) -> None:
    """Store the identity of a run that starts, so that it resumes only on the same files."""
    data = run.contents.facts() if run.contents else {}
    text = json.dumps({"settings_fingerprint": run.settings_fingerprint, "data": data})
    write_atomically(folder.partial / IDENTITY, lambda path: path.write_text(text, encoding="utf-8"))


def forget_identity(folder: RunFolder) -> None:
    """Remove what `note_identity` stored, before the run is complete: its result has it, too."""
    (folder.partial / IDENTITY).unlink(missing_ok=True)


def _read_identity(folder: RunFolder) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        identity = json.loads((folder.partial / IDENTITY).read_text(encoding="utf-8"))
        if isinstance(identity, dict) and identity.get("data") and "settings_fingerprint" in identity:
            return identity
    return None


@frozen
class StoredProbe:
    """What a store has of a probe."""

    probe: Probe | None
    """Also if it is outdated; None if there is none with the same settings."""
    state: Literal["finished", "outdated", "damaged", "pending"]
    note: str = ""

    @property
    def finished(self) -> Probe | None:
        return self.probe if self.state == "finished" else None


def look_up_probe(probe: StudyProbe, store: Store) -> StoredProbe:
    """Return what is stored of a probe."""
    run, path = probe.run, store.study(probe.run.study.name) / PROBE
    try:
        found = from_json(read_text(path, "probe"), str(path)) if path.exists() else None
    except ResultsError as error:
        return StoredProbe(None, "damaged", str(error))
    if found is None:
        return StoredProbe(None, "pending")
    if found.fingerprint == probe_fingerprint(probe):
        return StoredProbe(found, "finished")
    same = found.settings_fingerprint == probe_fingerprint(probe, run.settings_fingerprint)
    if found.data and same:
        if run.contents is None:
            return StoredProbe(found, "finished", NOT_COMPARED)
        return StoredProbe(found, "outdated", _changes(found.data, run.contents, store))
    if not found.data and (same or found.fingerprint == probe_fingerprint(probe, run.former_fingerprint)):
        return StoredProbe(found, "finished", NOT_RECORDED)
    return StoredProbe(None, "pending")
