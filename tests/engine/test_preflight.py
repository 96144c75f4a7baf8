"""Checks before anything slow: what `dmlcore check` prints, and what keeps `dmlcore run` from starting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toys
from dmlcore import BackboneContext, DamagedDataError, DataError, StudyError
from dmlcore.engine.preflight import preflight, require_ready
from dmlcore.engine.probe.reasoning import require_batches, smallest_batch
from dmlcore.engine.runner import Failure, run_study
from dmlcore.errors import DmlcoreError, TrainingError
from dmlcore.results.store import Store

SIZES = "grid={'training.batch_size'=[5, 9, 12, 40]}"
ONE_SEED = "seeds=[0]"

REFUSED = {
    5: "A batch of 3 images of 1 class has only one class, so the loss 'pair' has no negative pair. Use a batch size of"
    " at least twice the sampler's samples_per_class. The smallest batch size that works is 6.",
    40: "The sampler 'balanced' returns no batch of 40 images from 36 training images. Lower training.batch_size. The"
    " smallest batch size that works is 6. Nearest to 40: 20.",
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def refusal(check: Callable[[], object], kind: type[DmlcoreError] = StudyError) -> str:
    with pytest.raises(kind) as refused:
        check()
    return str(refused.value)


def kinds(lines: Sequence[str]) -> list[str]:
    return [line.split()[0] for line in lines[1:] if not line.startswith("     ")]


def test_a_grid_has_one_ok_line_and_only_lines_that_differ(make_study: Any, store: Store) -> None:
    file = make_study(ONE_SEED, "grid={'training.batch_size'=[6, 9, 12]}")
    lines = list(preflight(file))
    assert lines[0] == f"{file.path}: OK, 3 runs"
    assert kinds(lines) == ["data", "classes", "images", *["epoch"] * 3, *["batch"] * 3, "smallest"]
    assert lines[4:6] == [
        "  epoch    training.batch_size=6: 3 steps, 50.0% of the training images",
        "  epoch    training.batch_size=9: 2 steps, 50.0% of the training images",
    ]


def test_points_with_equal_lines_share_one(make_study: Any, store: Store) -> None:
    file = make_study("grid={'embedding.dim'=[2, 3, 4], 'training.batch_size'=[6, 9]}")
    lines = [line for line in preflight(file) if line.startswith("  epoch")]
    assert len(lines) == 2
    assert lines[0].startswith(
        "  epoch    embedding.dim=2 training.batch_size=6, embedding.dim=3 training.batch_size=6,"
    )


def test_check_names_all_runs_that_fail(make_study: Any, store: Store) -> None:
    file = make_study(ONE_SEED, SIZES)
    assert refusal(lambda: list(preflight(file))) == (
        f"training.batch_size=5: {REFUSED[5]}\n\ntraining.batch_size=40: {REFUSED[40]}\n\n"
        "`dmlcore run` records training.batch_size=5, training.batch_size=40 as failed and runs the other 2 runs."
    )


def test_a_grid_with_sizes_that_fail_runs_the_others(make_study: Any, store: Store) -> None:
    file = make_study(ONE_SEED, SIZES, "training.epochs=1")
    assert require_ready([file], store) == [
        f"{file.path}: training.batch_size={size} can't be trained: {reason}" for size, reason in REFUSED.items()
    ]
    outcomes = list(run_study(file.runs, store, []))
    assert [outcome.reason for outcome in outcomes if isinstance(outcome, Failure)] == list(REFUSED.values())
    states = [store.run(run.study.name, run.name).state for run in file.runs]
    assert states == ["failed", "finished", "finished", "failed"]
    assert len(require_ready([file], store)) == 2, "the same command still shows the report"


def test_a_run_that_cannot_train_fails_before_the_network_is_built(
    make_study: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dmlcore.engine.runner.perform", lambda *_: pytest.fail("the slow part began"))
    (outcome,) = run_study(make_study(ONE_SEED, "training.batch_size=5").runs, store, [])
    assert isinstance(outcome, Failure)


def test_a_study_without_any_run_that_trains_does_not_start(make_study: Any, store: Store) -> None:
    file = make_study("training.batch_size=5")
    assert refusal(lambda: require_ready([file], store)) == f"{file.path}: {REFUSED[5]}"
    assert not store.root.exists()


def test_a_probe_may_try_a_size_that_fails(make_study: Any, store: Store) -> None:
    file = make_study("training.batch_size=5", added='[probe]\nmetric = "nearest/recall_at_1"\n')
    assert require_ready([file], store) == []


def test_finished_runs_are_not_checked(make_study: Any, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make_study(ONE_SEED, "training.epochs=1")
    list(run_study(file.runs, store, []))
    monkeypatch.setattr(toys.Squares, "load", lambda *_: pytest.fail("images were loaded"))
    assert require_ready([file], store) == []


def test_a_mistake_of_one_backbone_stops_all(make_study: Any, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(backbone: toys.Tiny, context: BackboneContext) -> Sequence[str]:
        if backbone.weights == "big":
            raise DataError("The weights are not here.", "Download them.")
        return ()

    monkeypatch.setattr(toys.Tiny, "check", check)
    file = make_study("grid={'backbone.weights'=['random', 'big']}")
    expected = "backbone.weights=big: The weights are not here.\nDownload them."
    assert refusal(lambda: require_ready([file], store), DataError) == f"{file.path}: {expected}"
    assert refusal(lambda: list(preflight(file)), DataError) == expected


def test_the_backbone_knows_the_size_of_the_images(
    make_study: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[BackboneContext] = []
    monkeypatch.setattr(toys.Tiny, "check", lambda _, context: seen.append(context) or ["It has a note."])
    lines = list(preflight(make_study("transforms.size=20")))
    assert seen == [BackboneContext(feature_map=False, image_size=20)]
    assert lines[2] == "           It has a note."


def test_an_evaluator_judges_the_test_labels(make_study: Any, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(_: object, labels: np.ndarray) -> Sequence[str]:
        raise ValueError(f"{len(labels)} are too few")

    monkeypatch.setattr(toys.Nearest, "check", check)
    file = make_study()
    assert refusal(lambda: require_ready([file], store), DataError) == (
        f"{file.path}: test: nearest: 36 are too few. Check the split of the data set."
    )


def test_a_split_says_what_it_did_not_take(make_study: Any, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toys.SquareImages, "notes", ("3 files were not taken: .txt",), raising=False)
    lines = list(preflight(make_study("evaluation.select='validation'", "evaluation.metric='nearest/recall_at_1'")))
    assert lines[2] == "           3 files were not taken: .txt"
    assert kinds(lines[2:])[0] == "classes"


def test_an_image_that_cannot_be_read_is_found(make_study: Any, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    image = toys.SquareImages.image

    def broken(images: toys.SquareImages, index: int) -> object:
        if index == 18 and images.class_names[0] == "colour 6":
            raise DamagedDataError("bird.jpg: can't read the image.")
        return image(images, index)

    monkeypatch.setattr(toys.SquareImages, "image", broken)
    file = make_study("dataset.root='photos'")
    assert refusal(lambda: list(preflight(file)), DamagedDataError).splitlines() == [
        "bird.jpg: can't read the image.",
        "To list all such images: dmlcore data check squares --set root=photos",
        "Then repeat the same command.",
    ]


def test_the_smallest_batch_and_the_advice_agree(real_study: Any) -> None:
    """Proxy-Anchor needs no two classes: 5 images of one class are a batch."""
    run = real_study("glyphs_proxy_anchor", 'sampler={use="m_per_class"}', "training.batch_size=12")
    labels = np.repeat(np.arange(20), 10)
    assert smallest_batch(run, labels).size == 5
    assert refusal(lambda: require_batches(run, labels), TrainingError) == (
        "training.batch_size = 12 is not a multiple of 5: a batch has 5 images (sampler.samples_per_class) of each of"
        " its classes. Use another batch size, or another samples_per_class. The smallest batch size that works is 5,"
        " the next one is 10. Nearest to 12: 10 and 15."
    )


def test_more_classes_in_a_batch_than_there_are(real_study: Any) -> None:
    """As on 24 classes, of which 12 train."""
    run = real_study("glyphs_contrastive", "sampler.samples_per_class=4", "training.batch_size=60")
    assert refusal(lambda: require_batches(run, np.repeat(np.arange(12), 5)), TrainingError) == (
        "training.batch_size = 60 needs 15 classes, but the training images have 12: a batch has 4 images"
        " (sampler.samples_per_class) of each of its classes. Use another batch size, or another samples_per_class. To"
        " use all classes in smaller batches, set sampler.fewer_classes = true. The smallest batch size that works is"
        " 8, the next one is 12. Nearest to 60: 48."
    )
