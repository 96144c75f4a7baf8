"""Studies with epochs = 0: networks are measured as loaded, without loss, sampler and schedule."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dmlcore.api.blocks import Text
from dmlcore.api.result import Result, from_json, to_json
from dmlcore.engine.plan.planning import Planner
from dmlcore.engine.plan.stored import result_rows, study_material
from dmlcore.engine.preflight import preflight
from dmlcore.engine.runner import run_study
from dmlcore.errors import StudyError
from dmlcore.report.content.protocol import protocols
from dmlcore.report.content.table import study_table
from dmlcore.report.explanation import explain
from dmlcore.report.explanation.answer import answer_of
from dmlcore.results.store import UNTRAINED_EVIDENCE, Store
from dmlcore.study.load import smoke_study
from toys import REGISTRY, STUDY

MEASURED = STUDY.replace('[loss]\nuse = "pair"\n\n[sampler]\nuse = "balanced"\n', "").replace(
    "epochs = 2\nbatch_size = 9\nfreeze_batchnorm = false", "epochs = 0"
)
FEATURES = 'embedding={dim="features"}'


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def measured(make_study: Any, store: Store) -> Callable[..., Any]:
    """Run the study, and return its file with its results."""

    def run(*overrides: str, text: str = MEASURED) -> tuple[Any, list[Result]]:
        file = make_study("seeds=[0]", *overrides, text=text)
        return file, list(run_study(file.runs, store, []))

    return run


def test_the_features_as_loaded_are_the_only_row(measured: Any, store: Store) -> None:
    file, [result] = measured(FEATURES)
    assert result.metrics == result.baseline
    assert [epoch.epoch for epoch in result.curve] == [0]
    assert from_json(to_json(result), "here") == result
    assert [row.label for row in study_table(study_material(file, store)).rows] == ["as loaded"]
    assert [row["state"] for row in result_rows(file, store)[0]] == ["finished"]
    assert not list(store.root.rglob(UNTRAINED_EVIDENCE)), "it would be the evidence of the run again"


@pytest.mark.parametrize(
    "schedule", ['{name="cosine"}', '{name="step", decay_epochs=3}', '{name="poly"}', '{name="constant"}']
)
def test_every_schedule_goes_with_no_epochs(schedule: str, measured: Any) -> None:
    text = STUDY.replace("epochs = 2", "epochs = 0")
    _, [trained_on_nothing] = measured(FEATURES, f"scheduler={schedule}", text=text)
    assert trained_on_nothing.metrics == trained_on_nothing.baseline


def test_loss_and_sampler_change_nothing(measured: Any) -> None:
    _, [without] = measured(FEATURES)
    _, [having] = measured(FEATURES, 'loss={use="pair"}', 'sampler={use="balanced"}')
    assert having.metrics == without.metrics


def test_several_backbones_make_a_row_each(measured: Any, store: Store) -> None:
    file, _ = measured(FEATURES, "grid={'transforms.size'=[8, 12]}")
    material = study_material(file, store)
    assert [row.label for row in study_table(material).rows] == ["size 8", "size 12"]
    facts = protocols(material)["size 8"]
    assert facts["data"] == "squares, measured on 36 images of 6 classes not seen in training"
    assert not {"optimizer", "scheduler", "batch size"} & facts.keys()


def test_a_random_layer_is_named(measured: Any, store: Store) -> None:
    file, [result] = measured()
    assert [row.label for row in study_table(study_material(file, store)).rows] == ["untrained", "not trained"]
    assert result.warnings == (
        "embedding: nothing was trained, so the layer of 4 dimensions is random;"
        ' embedding.dim = "features" measures the network itself',
    )


@pytest.mark.parametrize("seeds", ["[0]", "[0, 1, 2]"])
def test_nothing_is_said_about_training_where_there_is_none(seeds: str, measured: Any, store: Store) -> None:
    file, _ = measured(f"seeds={seeds}")
    material = study_material(file, store)
    answer = answer_of(material)
    assert answer is not None
    assert answer.verdict.endswith("; nothing was trained.")
    words = [block.text for block in explain(material) if isinstance(block, Text)]
    assert "Nothing was trained: the layer that gives the embeddings is random." in words
    assert not [text for text in words if re.search("training (helps|improves)|minimize", text)]


def test_a_grid_that_also_trains_keeps_the_untrained_row(measured: Any, store: Store) -> None:
    text = STUDY.replace("epochs = 2", "epochs = 1")
    file, _ = measured(FEATURES, "grid={'training.epochs'=[0, 1]}", text=text)
    labels = [row.label for row in study_table(study_material(file, store)).rows]
    assert labels == ["untrained", "epochs 0", "epochs 1"]


def test_check_and_plan_know_no_batches(make_study: Any, store: Store) -> None:
    file = make_study(FEATURES, text=MEASURED)
    assert [line.split()[0] for line in list(preflight(file))[1:]] == ["data", "images"]
    (item,) = Planner(store).plan(file)
    assert (item.steps, item.images) == (0, 0)
    assert item.seconds_each is not None


def test_a_smoke_run_trains_nothing_either(make_study: Any) -> None:
    assert smoke_study(make_study(FEATURES, text=MEASURED), REGISTRY).study.training.epochs == 0


def test_a_study_that_trains_needs_both(make_study: Any) -> None:
    with pytest.raises(StudyError) as refused:
        make_study(text=MEASURED.replace("epochs = 0", "epochs = 1"))
    (place, *_) = str(refused.value).splitlines()
    assert place.endswith("has 2 problems.")
    for name, help_text in (("loss", "loss to minimize"), ("sampler", "how images are grouped into batches")):
        assert (
            f'toy.toml:1: {name}\n    expected  a table with `use = "{name} name"`: {help_text}; needed unless'
            " training.epochs = 0\n    got       nothing"
        ) in str(refused.value)


def test_a_probe_needs_both(make_study: Any) -> None:
    with pytest.raises(StudyError, match="A probe of batch sizes trains: it needs a loss and a sampler"):
        make_study(text=MEASURED + '\n[probe]\nmetric = "nearest/recall_at_1"\n')


def test_earlier_studies_keep_their_fingerprint(real_study: Any) -> None:
    """These are of the version before loss and sampler became optional."""
    assert real_study("quickstart").name.endswith("955c26271ee8")
