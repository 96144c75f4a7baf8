"""What a run stores of the vectors that its loss learns for the training classes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from safetensors.torch import load_file

from dmlcore import Embeddings, PluginError
from dmlcore.api.result import Result
from dmlcore.engine import session
from dmlcore.engine.model import build_model
from dmlcore.engine.proxies import class_vectors_of, proxies_of
from dmlcore.engine.runner import Failure, run_study
from dmlcore.engine.splits import load_data, some_of_each_class
from dmlcore.results.proxies import Proxies, proxies_of_run
from dmlcore.results.store import MODEL, PROXIES, Store
from dmlcore.study.schema import Run
from interrupting import interrupted
from toy_networks import ProxyLoss
from toys import Proxied, SquareImages

PROXIED = ("seeds=[0]", 'loss={use="proxied"}')
FIGURES = {"proxy_similarity", "proxy_accuracy", "similarity_between_proxies"}


def finished(run: Run, root: Path) -> tuple[Result, Proxies]:
    (result,) = run_study([run], Store(root), [])
    assert isinstance(result, Result), result
    proxies = proxies_of_run(Store(root).run("toy", run.name), result)
    assert proxies is not None
    return result, proxies


def test_a_run_stores_proxies_and_the_classes_that_they_are_of(make_study: Any, tmp_path: Path) -> None:
    (run,) = make_study(*PROXIED).runs
    result, proxies = finished(run, tmp_path)
    assert list(result.files)[-1] == PROXIES
    assert proxies.labels.tolist() == list(range(6))
    assert proxies.class_names == tuple(load_data(run).train.class_names)
    assert proxies.vectors.shape == proxies.means.shape == (6, 4)
    assert proxies.images.tolist() == [6] * 6
    assert set(result.geometry) >= FIGURES
    assert not set(result.baseline_geometry) & FIGURES


def test_the_means_are_of_the_stored_network(make_study: Any, tmp_path: Path) -> None:
    (run,) = make_study(*PROXIED).runs
    _, proxies = finished(run, tmp_path)
    model = build_model(evolve(run, seed=99))
    model.load_state_dict(load_file(tmp_path / "toy" / run.name / MODEL))
    transforms = session.resolve_transforms(run.study.transforms, model.input_spec)
    vectors = session.SplitEmbedder(load_data(run).train, run.study, transforms).embeddings(model).vectors
    assert proxies.means == pytest.approx(vectors.reshape(6, 6, 4).mean(1), abs=1e-6)


def test_a_loss_without_class_vectors_stores_none(make_study: Any, tmp_path: Path) -> None:
    (run,) = make_study("seeds=[0]").runs
    (result,) = run_study([run], Store(tmp_path), [])
    assert isinstance(result, Result)
    assert PROXIES not in result.files
    assert proxies_of_run(Store(tmp_path).run("toy", run.name), result) is None
    assert not set(result.geometry) & FIGURES


def test_proxies_are_those_of_the_selected_epoch_after_an_interruption_too(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validated = ('evaluation.select="validation"', 'evaluation.metric="nearest/spread"', "training.epochs=3")
    (run,) = make_study(*PROXIED, *validated).runs
    keep_best = session.Session._keep_best
    selected = []

    def only_the_first(self: session.Session, summary: Any) -> None:
        if summary.epoch == 1:
            selected.append(self._class_vectors())
            keep_best(self, summary)

    monkeypatch.setattr(session.Session, "_keep_best", only_the_first)
    with interrupted(2):
        finished(run, tmp_path)
    result, proxies = finished(run, tmp_path)
    assert result.protocol["epoch"] == 1
    ((vectors, _),) = selected
    np.testing.assert_array_equal(proxies.vectors, vectors.numpy())
    assert len(proxies.class_names) == result.protocol["train_classes"] < 6


def test_figures_of_proxies_at_known_places() -> None:
    """Two vectors a class: the nearest of them counts for the class, all of them for the cosine between classes."""
    vectors = torch.tensor([[2.0, 0.0], [0.0, 1.0], [-3.0, 0.0], [0.0, -1.0]])
    images = np.array([[1, 0], [1, 0], [-1, 0], [0, 1]], np.float32)
    embeddings = Embeddings(images, np.array([0, 0, 1, 1]), ("a", "b"))
    proxies, figures = proxies_of((vectors, torch.tensor([0, 0, 1, 1])), embeddings)
    assert proxies.means.tolist() == [[1, 0], [-0.5, 0.5]]
    assert figures == pytest.approx(
        {"proxy_similarity": (1 + 0.5**0.5) / 2, "proxy_accuracy": 0.75, "similarity_between_proxies": -0.5}
    )


@pytest.mark.parametrize(
    ("vectors", "labels", "words"),
    [
        (torch.ones(6, 3), torch.arange(6), "of the shapes (6, 3) and (6,); expected (P, 4) and (P,)"),
        (torch.ones(6, 4), torch.arange(5), "of the shapes (6, 4) and (5,)"),
        (torch.ones(5, 4), torch.arange(5), "of 5 classes; expected each class from 0 to 5 at least once"),
    ],
)
def test_other_class_vectors_are_refused(
    vectors: torch.Tensor, labels: torch.Tensor, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Proxied, "class_vectors", lambda *_: (vectors, labels))
    with pytest.raises(PluginError, match=re.escape(words)):
        class_vectors_of(Proxied(), ProxyLoss(4, 6), 6, 4)


def test_a_fault_in_class_vectors_ends_a_run_before_it_trains(
    make_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Proxied, "class_vectors", lambda *_: 1 / 0)
    monkeypatch.setattr(session.Session, "train", lambda *_: pytest.fail("trained"))
    (run,) = make_study(*PROXIED).runs
    (outcome,) = run_study([run], Store(tmp_path), [])
    assert isinstance(outcome, Failure)
    assert "failed in class_vectors: ZeroDivisionError" in outcome.reason


def test_some_images_of_each_class_are_drawn_by_the_seed() -> None:
    images = SquareImages(0, 3, 5)
    drawn = some_of_each_class(images, 2, np.random.default_rng(0))
    assert drawn.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert (np.diff(drawn.indices) > 0).all()
    assert images.labels[drawn.indices].tolist() == drawn.labels.tolist()
    again, other = (some_of_each_class(images, 2, np.random.default_rng(seed)) for seed in (0, 1))
    assert again.indices.tolist() == drawn.indices.tolist() != other.indices.tolist()
    assert len(some_of_each_class(images, 9, np.random.default_rng(0)).labels) == 15
