"""Events as lines of JSON: all of them, in order, also over a kill and a resumption."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pluggy
import pytest

from dmlcore import EpochSummary, Evaluation, Progress, RunInfo, StudyError
from dmlcore.api.hookspecs import GROUP, RunSpecs
from dmlcore_plugins.observers.jsonl import Jsonl


def run_info(folder: Path) -> RunInfo:
    settings = {"dataset": {"use": "image_folder", "root": Path("birds")}, "seeds": (0, 1)}
    return RunInfo("dims", "Größe", 1, 2, 0, MappingProxyType({"embedding.dim": 64}), 3, folder, settings)


class Log:
    """An observer on a folder, told of events as the engine tells it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.run = run_info(folder)
        self.path = folder / "events.jsonl"
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(RunSpecs)
        self.manager.register(Jsonl(**options).build(self.run))
        self.manager.check_pending()

    def send(self, event: str, **values: object) -> None:
        getattr(self.manager.hook, f"dmlcore_on_{event}")(run=self.run, **values)

    def events(self) -> list[dict[str, Any]]:
        """The events, without their time."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return [{key: value for key, value in json.loads(line).items() if key != "time"} for line in lines]


def test_every_event_is_a_line(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.send("run_start")
    log.send("progress", progress=Progress("train", "epoch 1", 1, 2))
    log.send("evaluation", evaluation=Evaluation("test", 1, {"retrieval/recall_at_1": 0.5}))
    log.send("epoch_end", epoch=EpochSummary(1, 0.25, 1e-4, 9.5, 100.0, diagnostics={"cosine": 0.9}))
    log.send("run_end", result=SimpleNamespace(metrics={"a/b": 1.0}, baseline={"a/b": 0.5}, seconds=10.5))
    assert log.events() == [
        {
            "event": "run_start",
            "study": "dims",
            "name": "Größe",
            "index": 1,
            "count": 2,
            "seed": 0,
            "point": {"embedding.dim": 64},
            "epochs": 3,
            "folder": str(tmp_path),
            "settings": {"dataset": {"use": "image_folder", "root": "birds"}, "seeds": [0, 1]},
        },
        {"event": "evaluation", "split": "test", "epoch": 1, "metrics": {"retrieval/recall_at_1": 0.5}},
        {
            "event": "epoch_end",
            "epoch": 1,
            "loss": 0.25,
            "learning_rate": 1e-4,
            "seconds": 9.5,
            "images_per_second": 100.0,
            "test": None,
            "validation": None,
            "diagnostics": {"cosine": 0.9},
        },
        {"event": "run_end", "metrics": {"a/b": 1.0}, "baseline": {"a/b": 0.5}, "seconds": 10.5},
    ]


def test_progress_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    log = Log(tmp_path, progress=True)
    log.send("progress", progress=Progress("train", "epoch 1", 1, 2, 0.5))
    [event] = log.events()
    assert event == {
        "event": "progress",
        "stage": "train",
        "label": "epoch 1",
        "done": 1,
        "total": 2,
        "loss": 0.5,
        "images_per_second": None,
        "unit": "step",
    }


def test_the_time_is_now_in_utc(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.send("run_start")
    time = datetime.fromisoformat(json.loads(log.path.read_text())["time"])
    assert time.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)


def test_an_error_is_an_event(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.send("run_error", error=KeyboardInterrupt())
    log.send("run_error", error=ValueError("bad\nluck"))
    assert log.events() == [
        {"event": "run_error", "error": "KeyboardInterrupt", "message": ""},
        {"event": "run_error", "error": "ValueError", "message": "bad\nluck"},
    ]


def test_numbers_that_json_lacks_are_strings_that_float_reads(tmp_path: Path) -> None:
    log = Log(tmp_path)
    metrics = {"nan": float("nan"), "high": float("inf"), "low": float("-inf")}
    log.send("evaluation", evaluation=Evaluation("test", 1, metrics))
    strict = json.loads(log.path.read_text(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert strict["metrics"] == {"nan": "nan", "high": "inf", "low": "-inf"}


@pytest.mark.parametrize("cut", [1, 40])
def test_a_resumed_run_appends_and_leaves_a_torn_line_alone(tmp_path: Path, cut: int) -> None:
    killed = Log(tmp_path)
    killed.send("run_start")
    killed.send("evaluation", evaluation=Evaluation("test", 1, {"a/b": 0.5}))
    whole = killed.path.read_bytes()
    killed.path.write_bytes(whole[:-cut])
    resumed = Log(tmp_path)
    resumed.send("run_start")
    resumed.send("evaluation", evaluation=Evaluation("test", 2, {"a/b": 0.75}))
    content = resumed.path.read_bytes()
    assert content.startswith(whole[:-cut] + b"\n")
    lines = content.decode().splitlines()
    assert [json.loads(line)["event"] for line in lines[2:]] == ["run_start", "evaluation"]
    assert len(lines) == 4


def test_every_line_is_on_disk_at_once_and_the_file_is_closed(tmp_path: Path) -> None:
    """Closed files are what lets the run's folder be renamed on every system."""
    log = Log(tmp_path, file="other.jsonl")
    log.send("run_start")
    assert (tmp_path / "other.jsonl").read_bytes().endswith(b"\n")
    assert not (tmp_path / "events.jsonl").exists()


@pytest.mark.parametrize("file", ["../events.jsonl", "/tmp/events.jsonl", "result.json", "..", ""])
def test_refuses_other_names(tmp_path: Path, file: str) -> None:
    with pytest.raises(StudyError) as refusal:
        Jsonl(file=file).build(run_info(tmp_path))
    assert str(refusal.value).startswith("observers: jsonl: ")
    assert str(refusal.value).endswith(f'got "{file}".')
