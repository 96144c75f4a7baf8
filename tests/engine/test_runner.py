"""A study's runs are made, skipped, resumed and recorded."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve, frozen
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_tensors

from dmlcore import DamagedDataError, DataError, Embeddings, LossConfig, StudyError
from dmlcore.api.hookspecs import RunSpecs, hookspec
from dmlcore.api.progress import Display, shown_on
from dmlcore.api.result import LossFacts, Result, to_json
from dmlcore.engine import batching, session
from dmlcore.engine.embedding import SplitEmbedder
from dmlcore.engine.geometry import effective_rank, evidence_of
from dmlcore.engine.loading import resolve_transforms
from dmlcore.engine.model import build_model
from dmlcore.engine.runner import Failure, run_study
from dmlcore.engine.splits import load_data
from dmlcore.engine.trainer import Trainer
from dmlcore.results import store
from dmlcore.results.evidence import load_evidence
from dmlcore.results.store import EMBEDDINGS, EVIDENCE, MODEL, RESULT, UNTRAINED_EVIDENCE, Store
from dmlcore.study.lookup import look_up
from dmlcore.study.schema import Run
from interrupting import interrupted
from sample_results import result as sample_result
from toy_networks import PairLoss, TinyNet
from toys import Hits, Recording, Spread, SquareImages, Squares


class Notes(Display):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def results(runs: Sequence[Run], root: Path, *observers: Any) -> list[Result]:
    outcomes = list(run_study(runs, Store(root), observers))
    assert all(isinstance(outcome, Result) for outcome in outcomes), outcomes
    return outcomes  # type: ignore[return-value]


def numbers(result: Result) -> tuple[Any, ...]:
    """All that must come out the same again; the times do not."""
    curve = [(e.epoch, e.loss, e.learning_rate, e.test, e.validation, e.diagnostics) for e in result.curve]
    geometry = (result.geometry, result.baseline_geometry)
    return (result.metrics, result.baseline, curve, result.protocol, result.warnings, geometry)


def test_a_run_gives_a_whole_result(make_study: Any, tmp_path: Path) -> None:
    file = make_study("seeds=[3]", "training.warmup_epochs=1", "training.clip_norm=1.0")
    (result,) = results(file.runs, tmp_path)
    assert result.study == "toy"
    assert result.seed == 3
    assert set(result.metrics) == set(result.baseline) == {"nearest/recall_at_1", "nearest/spread"}
    assert result.headline == ("nearest/recall_at_1",)
    assert [epoch.epoch for epoch in result.curve] == [0, 1, 2]
    assert result.curve[0].test == result.baseline
    assert result.curve[2].test == result.metrics
    assert result.curve[1].loss is not None
    assert result.curve[1].diagnostics["coverage"] == pytest.approx(0.5)
    assert result.protocol["train_images"] == 36
    assert result.protocol["selected_by"] == "last epoch"
    assert result.settings["loss"] == {"use": "pair", "margin": 0.5}
    folder = tmp_path / "toy" / file.runs[0].name
    assert sorted(path.name for path in folder.iterdir()) == [
        EMBEDDINGS,
        EVIDENCE,
        MODEL,
        "result.json",
        "run.log",
        UNTRAINED_EVIDENCE,
    ]
    stored = load_file(folder / EMBEDDINGS)
    assert stored["vectors"].shape == (36, 4)
    assert np.linalg.norm(stored["vectors"], axis=1) == pytest.approx(np.ones(36), abs=1e-6)
    assert stored["labels"].tolist() == np.repeat(np.arange(6), 6).tolist()
    _, metadata = store.load_tensors(folder / EMBEDDINGS)
    assert json.loads(metadata["class_names"]) == [f"colour {c}" for c in range(6, 12)]


def test_the_stored_network_gives_the_stored_embeddings(make_study: Any, tmp_path: Path) -> None:
    (run,) = make_study("seeds=[0]").runs
    results([run], tmp_path)
    folder = tmp_path / "toy" / run.name
    model = build_model(evolve(run, seed=99))
    model.load_state_dict(load_tensors(folder / MODEL))
    transforms = resolve_transforms(run.study.transforms, model.input_spec)
    embedder = SplitEmbedder(load_data(run).test, run.study, transforms)
    vectors = embedder.embeddings(model).vectors
    assert vectors == pytest.approx(load_file(folder / EMBEDDINGS)["vectors"], abs=1e-6)


def test_what_explains_a_run_is_stored_beside_it(make_study: Any, tmp_path: Path) -> None:
    (run,) = make_study("seeds=[0]", 'evaluators=[{use="nearest"}, {use="hits"}]').runs
    (result,) = results([run], tmp_path)
    folder = tmp_path / "toy" / run.name
    vectors = load_file(folder / EMBEDDINGS)["vectors"]
    data = load_data(run).test
    for name, geometry in ((EVIDENCE, result.geometry), (UNTRAINED_EVIDENCE, result.baseline_geometry)):
        evidence = load_evidence(folder / name)
        assert evidence.labels.tolist() == data.labels.tolist()
        assert evidence.class_names == tuple(data.class_names)
        assert geometry["effective_rank"] == effective_rank(evidence.spectrum)
        metrics = result.metrics if name == EVIDENCE else result.baseline
        assert list(evidence.queries) == ["hits/recall_at_1"]
        assert evidence.queries["hits/recall_at_1"].mean() == metrics["hits/recall_at_1"]
    trained, geometry = evidence_of(Embeddings(vectors, data.labels), {})
    assert geometry == result.geometry != result.baseline_geometry
    np.testing.assert_array_equal(load_evidence(folder / EVIDENCE).neighbors, trained.neighbors)
    assert len(load_evidence(folder / UNTRAINED_EVIDENCE).spectrum) == 8, "of the backbone's features"
    assert result.loss == LossFacts("pair", "", 0.5, None)
    assert result.peak_memory is not None
    assert result.curve[2].diagnostics["gradient_norm"] > 0
    assert Store(tmp_path).run("toy", run.name).result() == result


def test_a_run_that_an_older_version_began_goes_on(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = make_study("seeds=[0]").runs
    (whole,) = results([run], tmp_path / "whole")
    monkeypatch.setattr(session.Session, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        results([run], tmp_path / "begun")
    monkeypatch.undo()
    path = tmp_path / "begun" / "toy" / f"{run.name}.partial" / session.checkpoint.CHECKPOINT
    stored = torch.load(path)
    plain = json.loads(stored["plain"])
    del plain["baseline_geometry"]
    torch.save(stored | {"plain": json.dumps(plain)}, path)
    (resumed,) = results([run], tmp_path / "begun")
    assert resumed.baseline_geometry == {}
    assert numbers(evolve(resumed, baseline_geometry=whole.baseline_geometry)) == numbers(whole)


def test_missing_images_leave_no_folder_of_the_run(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any) -> None:
        raise DataError("the images are missing")

    (run,) = make_study("seeds=[0]").runs
    monkeypatch.setattr(Squares, "load", missing)
    with pytest.raises(DataError, match="the images are missing"):
        results([run], tmp_path)
    assert Store(tmp_path).run("toy", run.name).state == "pending"
    assert not list(tmp_path.glob("toy/*.partial"))


@pytest.mark.parametrize(
    ("margin", "told"), [(1, 1.0), (0.25, 0.25), (None, None), (True, None), ("wide", None)], ids=str
)
def test_facts_of_a_loss(margin: Any, told: float | None) -> None:
    @frozen
    class Odd(LossConfig):
        """A loss whose margin may be anything."""

        name = "odd"
        margin: Any
        formula = "x^2"
        margin_axis = "degrees"

    assert session.loss_facts(Odd(margin)) == LossFacts("odd", "x^2", told, "degrees")


def test_the_same_run_gives_the_same_numbers(make_study: Any, tmp_path: Path) -> None:
    runs = make_study().runs
    first, second = results(runs, tmp_path / "a"), results(runs, tmp_path / "b")
    assert [numbers(result) for result in first] == [numbers(result) for result in second]
    assert numbers(first[0]) != numbers(first[1]), "seeds differ"


def test_workers_do_not_change_numbers(make_study: Any, tmp_path: Path) -> None:
    alone = results(make_study("seeds=[0]").runs, tmp_path / "a")
    helped = results(make_study("seeds=[0]", "training.workers=2").runs, tmp_path / "b")
    assert numbers(alone[0]) == numbers(helped[0])


def test_finished_runs_are_not_made_again(make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = make_study().runs
    first = results(runs, tmp_path)
    monkeypatch.setattr("dmlcore.engine.runner.perform", lambda *_: pytest.fail("made again"))
    assert results(runs, tmp_path) == first


@pytest.mark.parametrize("stop", [0, 1, 2])
@pytest.mark.parametrize("select", ["last", "validation"])
def test_a_stopped_run_goes_on_to_the_same_numbers(make_study: Any, tmp_path: Path, stop: int, select: str) -> None:
    overrides = ["seeds=[0]", f'evaluation.select="{select}"', 'evaluation.metric="nearest/recall_at_1"']
    runs = make_study(*overrides, "training.epochs=3", "optimizer.name=adamw", "training.batch_size=6").runs
    (whole,) = results(runs, tmp_path / "whole")
    with interrupted(stop):
        results(runs, tmp_path / "stopped")
    assert not (tmp_path / "stopped" / "toy" / runs[0].name).exists()
    (resumed,) = results(runs, tmp_path / "stopped")
    assert numbers(resumed) == numbers(whole)


@pytest.mark.parametrize("stop", [1, 2])
def test_a_run_whose_batches_follow_the_embeddings_goes_on_to_the_same_numbers(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    runs = make_study("seeds=[0]", 'sampler={use="spread"}', "training.epochs=3", "training.batch_size=6").runs
    (whole,) = results(runs, tmp_path / "whole")
    train_epoch = Trainer.train_epoch

    def stopping(self: Trainer, epoch: int, *rest: Any) -> Any:
        figures = train_epoch(self, epoch, *rest)
        if epoch == stop + 1:
            raise KeyboardInterrupt
        return figures

    monkeypatch.setattr(Trainer, "train_epoch", stopping)
    with pytest.raises(KeyboardInterrupt):
        results(runs, tmp_path / "stopped")
    monkeypatch.undo()
    (resumed,) = results(runs, tmp_path / "stopped")
    assert numbers(resumed) == numbers(whole)


def test_a_sampler_that_asks_sees_the_latest_embedding_of_each_image(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[np.ndarray] = []
    forward = PairLoss.forward

    def noting(self: PairLoss, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        given.append(embeddings.detach().numpy())
        return forward(self, embeddings, labels)

    epochs: list[batching.Batches] = []
    sampled = batching.epoch_batches

    def sampling(*arguments: Any) -> batching.Batches:
        epochs.append(sampled(*arguments))
        return epochs[-1]

    monkeypatch.setattr(PairLoss, "forward", noting)
    monkeypatch.setattr(session, "epoch_batches", sampling)
    Spread.contexts.clear()
    runs = make_study("seeds=[0]", 'sampler={use="spread"}', "training.epochs=3", "training.batch_size=6").runs
    results(runs, tmp_path)
    checked, first, second, third = Spread.contexts
    assert checked.last_embeddings is None, "the batches are looked at before anything slow"
    assert first.last_embeddings is None
    expected = np.full((36, 4), np.nan, np.float32)
    for batch, embeddings in zip([*epochs[0], *epochs[1]], given, strict=False):
        expected[batch] = embeddings
    assert np.isnan(expected).any(), "some images were in no batch"
    assert third.last_embeddings.labels.tolist() == first.labels.tolist()
    assert len(second.last_embeddings) == 36
    np.testing.assert_array_equal(third.last_embeddings.vectors, expected)


@pytest.mark.parametrize(("sampler", "kept"), [("balanced", False), ("spread", True)])
def test_embeddings_are_saved_for_a_sampler_that_asks_alone(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str, kept: bool
) -> None:
    (run,) = make_study("seeds=[0]", f'sampler={{use="{sampler}"}}').runs
    monkeypatch.setattr(session.Session, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        results([run], tmp_path)
    state = session.checkpoint.load(Store(tmp_path).run("toy", run.name).partial)
    assert state is not None
    assert (state.seen is not None) == kept


def test_a_run_of_another_study_is_taken_over(make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = results(make_study("seeds=[0]").runs, tmp_path)
    other = make_study("seeds=[0]", name="other", added='\n[grid]\n"loss.margin" = [0.5, 0.25]\n')
    with monkeypatch.context() as patched:
        patched.setattr("dmlcore.engine.runner.perform", lambda *_: pytest.fail("it is there"))
        (taken,) = results(other.runs[:1], tmp_path)
    assert numbers(taken) == numbers(first)
    assert (taken.study, taken.point, taken.run) == ("other", {"loss.margin": 0.5}, other.runs[0].name)
    assert taken.environment["made_as"] == f"toy/{first.run}"
    assert (tmp_path / "other" / taken.run / EMBEDDINGS).is_file()
    (own,) = results(other.runs[1:], tmp_path)
    assert "made_as" not in own.environment


def flipped(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("name", [RESULT, EVIDENCE, UNTRAINED_EVIDENCE, EMBEDDINGS])
def test_a_damaged_run_is_moved_aside_and_runs_again(make_study: Any, tmp_path: Path, name: str) -> None:
    (run,) = make_study("seeds=[0]").runs
    (whole,) = results([run], tmp_path)
    folder = Store(tmp_path).run("toy", run.name)
    flipped(folder.final / name)
    shown = Notes()
    with shown_on(shown):
        (again,) = results([run], tmp_path)
    aside = tmp_path / "toy" / f"{run.name}.damaged"
    assert numbers(again) == numbers(whole)
    assert len(list(aside.iterdir())) == 6, "nothing is deleted"
    (note,) = shown.notes
    assert note.startswith(f"{folder.final / name}: damaged ")
    assert note.endswith(f"). `dmlcore run` moves it aside and runs again. Now at {aside}")
    assert results([run], tmp_path) == [again]


def test_a_run_without_result_runs_again(make_study: Any, tmp_path: Path) -> None:
    (run,) = make_study("seeds=[0]").runs
    results([run], tmp_path)
    (tmp_path / "toy" / run.name / RESULT).unlink()
    results([run], tmp_path)
    assert Store(tmp_path).run("toy", run.name).state == "finished"


def test_a_result_of_a_newer_version_stays(make_study: Any, tmp_path: Path) -> None:
    runs = make_study("seeds=[0, 1]").runs
    path = tmp_path / "toy" / runs[0].name / RESULT
    path.parent.mkdir(parents=True)
    path.write_text(to_json(sample_result(schema=99)))
    failure, other = run_study(runs, Store(tmp_path), ())
    assert isinstance(failure, Failure)
    assert failure.reason.endswith("reads up to 3. Update dmlcore.")
    assert isinstance(other, Result)
    assert [entry.name for entry in path.parent.iterdir()] == [RESULT]


@pytest.mark.parametrize("name", [session.checkpoint.CHECKPOINT, UNTRAINED_EVIDENCE])
def test_an_interrupted_run_with_damaged_files_starts_again(make_study: Any, tmp_path: Path, name: str) -> None:
    (run,) = make_study("seeds=[0]").runs
    (whole,) = results([run], tmp_path / "whole")
    with interrupted(1):
        results([run], tmp_path / "stopped")
    flipped(tmp_path / "stopped" / "toy" / f"{run.name}.partial" / name)
    shown = Notes()
    with shown_on(shown):
        (again,) = results([run], tmp_path / "stopped")
    assert numbers(again) == numbers(whole)
    (note,) = shown.notes
    assert f"{name}: damaged " in note
    assert (tmp_path / "stopped" / "toy" / f"{run.name}.damaged" / name).is_file()


def test_a_reused_run_has_the_checksums_of_its_own_files(make_study: Any, tmp_path: Path) -> None:
    (first,) = results(make_study("seeds=[0]").runs, tmp_path)
    other = make_study("seeds=[0]", name="other").runs
    (taken,) = results(other, tmp_path)
    assert "made_as" in taken.environment
    assert taken.files == first.files != {}
    Store(tmp_path).run("other", taken.run).verify(taken, *taken.files)


def test_a_damaged_run_is_not_taken_over(make_study: Any, tmp_path: Path) -> None:
    (first,) = results(make_study("seeds=[0]").runs, tmp_path)
    flipped(tmp_path / "toy" / first.run / MODEL)
    (own,) = results(make_study("seeds=[0]", name="other").runs, tmp_path)
    assert "made_as" not in own.environment
    Store(tmp_path).run("other", own.run).verify(own, MODEL)


def test_temporary_files_of_a_killed_run_are_removed(make_study: Any, tmp_path: Path) -> None:
    (run,) = make_study("seeds=[0]").runs
    partial = tmp_path / "toy" / f"{run.name}.partial"
    partial.mkdir(parents=True)
    for path in (partial / ".checkpoint.pt.1", partial / ".result.json.99999999", tmp_path / "toy/.probe.json.9999999"):
        path.touch()
    (result,) = results([run], tmp_path)
    left = [path.name for path in (tmp_path / "toy").rglob(".*") if not path.name.endswith(".lock")]
    assert left == []
    assert list(result.files) == [EMBEDDINGS, EVIDENCE, UNTRAINED_EVIDENCE, MODEL]


def test_a_run_on_other_images_is_not_taken_over(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = results(make_study("seeds=[0]").runs, tmp_path)
    monkeypatch.setattr(Squares, "load", lambda _, split: SquareImages(0 if split == "train" else 9, 6, 6))
    (own,) = results(make_study("seeds=[0]", name="other").runs, tmp_path)
    assert "made_as" not in own.environment
    assert own.settings_fingerprint == first.settings_fingerprint
    assert own.fingerprint != first.fingerprint
    assert own.metrics != first.metrics


def test_a_run_whose_data_was_not_recorded_is_not_taken_over(make_study: Any, tmp_path: Path) -> None:
    (run,) = make_study("seeds=[0]").runs
    results([evolve(run, contents=None)], tmp_path)
    (own,) = results([evolve(run, contents=None, study=evolve(run.study, name="other"))], tmp_path)
    assert "made_as" not in own.environment


def test_a_run_stopped_while_storing_goes_on(make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = make_study("seeds=[0]").runs
    (whole,) = results(runs, tmp_path / "whole")
    monkeypatch.setattr(session.Session, "_store", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        results(runs, tmp_path / "stopped")
    monkeypatch.undo()
    monkeypatch.setattr("dmlcore.engine.trainer.Trainer.train_epoch", lambda *_: pytest.fail("trained again"))
    (resumed,) = results(runs, tmp_path / "stopped")
    assert numbers(resumed) == numbers(whole)


def test_a_stopped_run_does_not_go_on_with_other_images(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Squares, "contents", lambda *_: {"a.png": "red", "b.png": "green"})
    (run,) = make_study("seeds=[0]").runs
    with interrupted(1):
        results([run], tmp_path)
    monkeypatch.setattr(Squares, "contents", lambda *_: {"a.png": "red", "b.png": "blue"})
    (changed,) = make_study("seeds=[0]").runs
    stored = look_up(changed, Store(tmp_path))
    assert stored.state == "pending"
    assert stored.note == "interrupted, and its files have changed since: 1 replaced (b.png)"
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "load_state_dict", lambda *_: pytest.fail("resumed"))
        results([changed], tmp_path)
    assert Store(tmp_path).run("toy", run.name).started, "nothing is removed"
    monkeypatch.setattr(Squares, "contents", lambda *_: {"a.png": "red", "b.png": "green"})
    monkeypatch.setattr(session.Session, "_measure_untrained", lambda *_: pytest.fail("started again"))
    results(make_study("seeds=[0]").runs, tmp_path)


@pytest.mark.parametrize("when", ["after the command started", "while it was running"])
def test_images_that_change_during_a_command_stop_the_run(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(Squares, "contents", lambda *_: {"a.png": "red"})
    (run,) = make_study("seeds=[0]").runs
    swap = lambda: monkeypatch.setattr(Squares, "contents", lambda *_: {"a.png": "blue"})  # noqa: E731
    if when == "after the command started":
        swap()
    else:
        monkeypatch.setattr("dmlcore.engine.runner.perform", lambda *_: swap())
    with pytest.raises(DataError) as caught:
        results([run], tmp_path)
    assert str(caught.value) == (
        f"The files of {run.name} changed {when}: 1 replaced (a.png).\n"
        "Run the same command again: it starts from the files as they are then."
    )
    assert look_up(run, Store(tmp_path)).state != "finished"


def test_files_that_appear_during_a_command_stop_the_run(make_study: Any, tmp_path: Path) -> None:
    (run,) = make_study("seeds=[0]").runs
    with pytest.raises(DataError, match="could not be read when the command started: the disk is off"):
        results([evolve(run, contents=None, unreadable="the disk is off.")], tmp_path)


def test_selection_by_validation_classes(make_study: Any, tmp_path: Path) -> None:
    file = make_study(
        "seeds=[0]",
        'evaluation.select="validation"',
        'evaluation.metric="nearest/recall_at_1"',
        "evaluation.validation_fraction=0.34",
        "training.epochs=4",
        "training.batch_size=6",
    )
    (result,) = results(file.runs, tmp_path)
    assert result.protocol["train_classes"] == 4
    assert result.protocol["validation_classes"] == 2
    scores = [epoch.validation["nearest/recall_at_1"] for epoch in result.curve[1:] if epoch.validation]
    assert len(scores) == 4
    assert result.protocol["epoch"] == 1 + scores.index(max(scores))
    assert result.metrics == result.curve[result.protocol["epoch"]].test


def test_selection_by_a_metric_that_is_not_measured(make_study: Any, tmp_path: Path) -> None:
    file = make_study("seeds=[0]", 'evaluation.select="validation"', 'evaluation.metric="nearest/map"')
    with pytest.raises(StudyError) as caught:
        results(file.runs, tmp_path)
    assert 'evaluation.metric = "nearest/map"' in str(caught.value)
    assert "nearest/recall_at_1, nearest/spread" in str(caught.value)


def test_an_evaluator_that_cannot_measure_leaves_the_metrics_of_the_others(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise ValueError("two classes are too few")

    monkeypatch.setattr(Hits, "evaluate", refuse)
    monkeypatch.setattr(Hits, "per_query", refuse)
    evaluators = 'evaluators=[{use="hits"}, {use="nearest"}]'
    file = make_study("seeds=[0]", evaluators)
    (result,) = results(file.runs, tmp_path)
    assert set(result.metrics) == set(result.baseline) == {"nearest/recall_at_1", "nearest/spread"}
    sentence = "not measured by hits: two classes are too few."
    assert [warning for warning in result.warnings if "hits" in warning] == [
        f"baseline: {sentence}",
        f"test: {sentence}",
    ]

    file = make_study("seeds=[0]", evaluators, 'evaluation.select="validation"', 'evaluation.metric="hits/recall_at_1"')
    with pytest.raises(StudyError) as caught:
        results(file.runs, tmp_path)
    assert str(caught.value) == (
        'evaluation.metric = "hits/recall_at_1" was not measured. Measured: nearest/recall_at_1, nearest/spread.'
        f" {sentence}"
    )


def test_measured_every_other_epoch(make_study: Any, tmp_path: Path) -> None:
    (result,) = results(make_study("seeds=[0]", "training.epochs=5", "evaluation.every=2").runs, tmp_path)
    assert [epoch.epoch for epoch in result.curve if epoch.test] == [0, 2, 4, 5]


def test_no_epochs_measure_the_untrained_head(make_study: Any, tmp_path: Path) -> None:
    (result,) = results(make_study("seeds=[0]", "training.epochs=0").runs, tmp_path)
    assert [epoch.epoch for epoch in result.curve] == [0]
    assert result.metrics != result.baseline


def test_pooled_features_without_training_are_the_untrained_row(make_study: Any, tmp_path: Path) -> None:
    (result,) = results(make_study("seeds=[0]", "training.epochs=0", 'embedding.dim="features"').runs, tmp_path)
    assert result.metrics == result.baseline


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (
            ['loss={use="nan"}'],
            "The loss 'nan' became nan in step 1 of epoch 1.",
        ),
        (
            ["training.batch_size=3"],
            "A batch of 3 images of 1 class has only one class, so the loss 'pair' has no negative pair.",
        ),
        (
            ["sampler.each=1", "training.batch_size=6"],
            "A batch of 6 images of 6 classes has no two images of the same class, so the loss 'pair' has no positive"
            " pair.",
        ),
    ],
)
def test_training_that_cannot_go_on_says_why(
    make_study: Any, tmp_path: Path, overrides: list[str], reason: str
) -> None:
    runs = make_study("seeds=[0]", *overrides).runs
    (failure,) = run_study(runs, Store(tmp_path), [])
    assert isinstance(failure, Failure)
    assert failure.run == runs[0]
    assert failure.reason.startswith(reason)
    assert Store(tmp_path).run("toy", runs[0].name).failure() == failure.reason


def test_what_a_backbone_warns_of_stays_with_the_result(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TinyNet, "caution", "the licence forbids it", raising=False)
    (result,) = results(make_study("seeds=[0]").runs, tmp_path)
    assert result.warnings[0] == "weights: the licence forbids it"


def test_collapse_stops_the_run(make_study: Any, tmp_path: Path) -> None:
    runs = make_study("seeds=[0]", 'loss={use="collapse"}', "training.epochs=60", "optimizer.learning_rate=0.05").runs
    (failure,) = run_study(runs, Store(tmp_path), [])
    assert isinstance(failure, Failure)
    assert failure.reason.startswith("The embeddings collapsed")


def test_a_failed_run_leaves_the_others(make_study: Any, tmp_path: Path) -> None:
    runs = make_study("seeds=[0]", added='[grid]\nloss = [{use = "nan"}, {use = "pair"}]\n').runs
    outcomes = list(run_study(runs, Store(tmp_path), []))
    assert [type(outcome) for outcome in outcomes] == [Failure, Result]


def test_too_small_data_for_a_batch(make_study: Any, tmp_path: Path) -> None:
    (failure,) = run_study(make_study("seeds=[0]", "training.batch_size=60").runs, Store(tmp_path), [])
    assert isinstance(failure, Failure)
    assert "no batch of 60 images from 36 training images" in failure.reason


def test_observers_see_the_run(make_study: Any, tmp_path: Path) -> None:
    Recording.events.clear()
    (result,) = results(make_study("seeds=[0]").runs, tmp_path, Recording())
    events = [event for event, _ in Recording.events if event in ("start", "epoch", "end", "error")]
    assert events == ["start", "epoch", "epoch", "epoch", "end"]
    steps = [value for event, value in Recording.events if event == "train"]
    assert [(step.done, step.total) for step in steps] == [(9, 18), (18, 18)] * 2
    (warning,) = result.warnings
    assert warning.startswith("training: ")
    assert "50% of the training images" in warning


def test_batches_smaller_than_the_study_has_them_are_a_note(make_study: Any, tmp_path: Path) -> None:
    (result,) = results(make_study("seeds=[0]", "training.batch_size=10").runs, tmp_path)
    assert result.warnings[0] == "training: batches have 9 images, fewer than training.batch_size = 10"


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_cannot_be_read_is_named_with_the_command_that_lists_all(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    def damaged(self: SquareImages, index: int) -> Any:
        raise DamagedDataError(f"image {index}.jpg is damaged")

    runs = make_study("seeds=[0]", f"training.workers={workers}").runs
    monkeypatch.setattr(SquareImages, "image", damaged)
    with pytest.raises(DataError) as caught:
        results(runs, tmp_path)
    assert str(caught.value) == (
        "image 0.jpg is damaged\nTo list all such images: dmlcore data check squares\nThen repeat the same command."
    )


def test_too_little_memory_is_a_failure_with_a_way_out(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    monkeypatch.setattr("dmlcore.engine.trainer.Trainer._step", full)
    (failure,) = run_study(make_study("seeds=[0]").runs, Store(tmp_path), [])
    assert isinstance(failure, Failure)
    for words in ("A batch of 9 images", "CUDA out of memory.", "training.batch_size", "training.chunk_size"):
        assert words in failure.reason


@pytest.mark.parametrize("event", ["start", "train", "epoch", "end"])
def test_an_observer_that_fails_is_dropped_and_named(make_study: Any, tmp_path: Path, event: str) -> None:
    Recording.events.clear()
    (result,) = results(make_study("seeds=[0]").runs, tmp_path, Recording(fails_on=event))
    hook = {"start": "run_start", "train": "progress", "epoch": "epoch_end", "end": "run_end"}[event]
    assert result.warnings[1:] == (
        f"The observer 'recording' failed in dmlcore_on_{hook} (RuntimeError: the disk is full) and was dropped.",
    )
    assert [e for e, _ in Recording.events].count(event) == 1
    assert Store(tmp_path).run("toy", result.run).result() == result


def test_a_deprecated_run_hook_is_a_note(make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Specs(RunSpecs):
        @hookspec(warn_on_impl=DeprecationWarning("take dmlcore_on_epoch_end"))
        def dmlcore_on_progress(self, run: Any, progress: Any) -> None:
            """On its way out."""

    monkeypatch.setattr("dmlcore.engine.observing.RunSpecs", Specs)
    (result,) = results(make_study("seeds=[0]").runs, tmp_path, Recording())
    (warning,) = result.warnings[1:]
    assert warning.startswith("The observer 'recording' uses a deprecated hook")
    assert warning.endswith("take dmlcore_on_epoch_end")


def full_precision(run: Run) -> Run:
    return evolve(run, study=evolve(run.study, training=evolve(run.study.training, precision="fp32")))


def test_low_precision_trains(make_study: Any, tmp_path: Path) -> None:
    for precision in ("bf16", "fp16"):
        runs = make_study("seeds=[0]", f'training.precision="{precision}"', "embedding.dim=3").runs
        (result,) = results(runs, tmp_path / precision)
        vectors = load_file(tmp_path / precision / "toy" / result.run / EMBEDDINGS)["vectors"]
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(36), abs=1e-2)
        exact = results([full_precision(runs[0])], tmp_path / "fp32" / precision)[0]
        losses, exact_losses = ([epoch.loss for epoch in each.curve[1:]] for each in (result, exact))
        assert losses != exact_losses
        assert losses == pytest.approx(exact_losses, rel=0.1)


def _make(runs: Sequence[Run], root: Path) -> None:
    results(runs, root)


def test_two_processes_share_a_study(make_study: Any, tmp_path: Path) -> None:
    runs = make_study("seeds=[0, 1, 2]").runs
    expected = results(runs, tmp_path / "alone")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_make, args=(runs, tmp_path / "shared")) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    shared = [Store(tmp_path / "shared").run("toy", run.name).result() for run in runs]
    assert [numbers(result) for result in shared] == [numbers(result) for result in expected]
    assert not list((tmp_path / "shared" / "toy").glob("*.partial"))
