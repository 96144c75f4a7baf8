"""A run in progress: trained and evaluated epoch by epoch, with a checkpoint after each, up to its result."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from attrs import evolve, frozen

from dmlcore.api.components import LossConfig
from dmlcore.api.progress import work
from dmlcore.api.result import LossFacts, Result
from dmlcore.api.values import Embeddings, EpochSummary, Evaluation, Progress
from dmlcore.engine import checkpoint
from dmlcore.engine.batching import Batches, coverage, epoch_batches
from dmlcore.engine.checkpoint import TrainingState
from dmlcore.engine.embedding import SplitEmbedder
from dmlcore.engine.evaluation import NOT_MEASURED, headline, is_measured, measure_network, per_query
from dmlcore.engine.geometry import evidence_of
from dmlcore.engine.loading import TrainLoader, resolve_transforms, train_transform
from dmlcore.engine.machine import environment, forget_peak, peak_memory
from dmlcore.engine.model import EmbeddingModel, build_model
from dmlcore.engine.observing import Observers
from dmlcore.engine.proxies import MOST_IMAGES, ClassVectors, class_vectors_of, proxies_of
from dmlcore.engine.run_log import epoch_line, figures, log
from dmlcore.engine.seeding import generator
from dmlcore.engine.splits import Data, some_of_each_class
from dmlcore.engine.trainer import Trainer, placed
from dmlcore.errors import StudyError
from dmlcore.host.faults import faults_of
from dmlcore.results.class_names import CLASS_NAMES, names_to_text
from dmlcore.results.evidence import Evidence, save_evidence
from dmlcore.results.proxies import save_proxies
from dmlcore.results.store import EMBEDDINGS, EVIDENCE, MODEL, PROXIES, UNTRAINED_EVIDENCE, checksum, save_tensors
from dmlcore.study.schema import Run, Study, Transforms
from dmlcore.study.structure import plain
from dmlcore.text import counted

NEARLY_ALL = 0.95
"""Share of the training images above which an epoch's coverage needs no note."""


@frozen(eq=False)
class Session:
    """The parts of a run in progress."""

    run: Run
    data: Data
    transforms: Transforms
    model: EmbeddingModel
    trainer: Trainer | None
    """None if the study only measures."""
    state: TrainingState
    folder: Path
    observers: Observers
    test: SplitEmbedder
    validation: SplitEmbedder | None

    @classmethod
    def resume(cls, run: Run, folder: Path, observers: Observers, data: Data) -> Self:
        """Return the session after the last finished epoch in the folder, or a new one."""
        loss_facts(run.study.loss)  # its faults end the run now, not when the result is stored
        trainer = Trainer.of(run, len(data.train.class_names)) if run.study.trains else None
        model = trainer.model if trainer else placed(build_model(run), run.study.training)
        transforms = resolve_transforms(run.study.transforms, model.input_spec)
        state = checkpoint.load(folder) or TrainingState()
        if trainer and state.trainer:
            trainer.load_state_dict(state.trainer)
            log.info("resumed after epoch %d", state.epoch)
        if caution := getattr(model.backbone, "caution", ""):
            state.notes["weights"] = [caution]
        if trainer is None and run.study.embedding.dim != "features":
            state.notes["embedding"] = [
                f"nothing was trained, so the layer of {counted(model.embedding_dim, 'dimension')} is random; "
                'embedding.dim = "features" measures the network itself'
            ]
        test = SplitEmbedder(data.test, run.study, transforms)
        validation = SplitEmbedder(data.validation, run.study, transforms) if data.validation else None
        session = cls(run, data, transforms, model, trainer, state, folder, observers, test, validation)
        session._class_vectors()  # its faults end the run now as well
        return session

    @property
    def network(self) -> EmbeddingModel:
        """The network that is evaluated and stored."""
        return self.trainer.network if self.trainer else self.model

    def train(self) -> None:
        """Train the remaining epochs."""
        forget_peak(self.test.device)
        if self.state.epoch < 0 and not self.run.study.as_loaded:
            self._measure_untrained()
        if self.trainer:
            self._train(self.trainer)

    def _train(self, trainer: Trainer) -> None:
        training = self.run.study.training
        loader = TrainLoader(self.data.train, train_transform(self.transforms), training, self.run.seed)
        for epoch in range(self.state.epoch + 1, training.epochs + 1):
            start = time.perf_counter()
            summary = self._train_epoch(trainer, epoch, loader)
            if is_measured(self.run.study, epoch):
                summary = evolve(summary, test=self._measure("test", epoch, self._embed("test", epoch)))
            if self.validation is not None:
                metrics = self._measure("validation", epoch, self._embed("validation", epoch))
                summary = evolve(summary, validation=metrics)
                self._keep_best(summary)
            self.state.seconds += time.perf_counter() - start
            self._close_epoch(summary)

    def finish(self) -> Result:
        """Evaluate the selected network on the test classes, and store network, embeddings and evidence."""
        start = time.perf_counter()
        if self.state.best_model is not None:
            self.network.load_state_dict(self.state.best_model)
        epoch = max(self.state.epoch, 0) if self.state.best_epoch is None else self.state.best_epoch
        embeddings = self._embed("test", epoch)
        metrics = self._measure("test", epoch, embeddings)
        if epoch > 0 and self.state.curve[epoch].test is None:
            self.state.curve[epoch] = evolve(self.state.curve[epoch], test=metrics)
        evidence, geometry = self._explain(embeddings)
        seconds = time.perf_counter() - start
        if self.run.study.as_loaded and not self.state.curve:
            self.state.baseline, self.state.baseline_geometry = metrics, geometry
            self._close_epoch(EpochSummary(0, None, None, seconds, None, test=metrics))
        self._store(embeddings, evidence)
        geometry |= self._store_proxies()
        self.state.seconds += time.perf_counter() - start
        return self._result(epoch, metrics, geometry)

    def _measure_untrained(self) -> None:
        start = time.perf_counter()
        with work("test images, untrained", unit="image", stage="embed"):
            embeddings = self.test.features(self.network)
        self.state.baseline = self._measure("baseline", 0, embeddings)
        evidence, self.state.baseline_geometry = self._explain(embeddings)
        save_evidence(self.folder / UNTRAINED_EVIDENCE, evidence)
        self.state.files[UNTRAINED_EVIDENCE] = checksum(self.folder / UNTRAINED_EVIDENCE)
        seconds = time.perf_counter() - start
        self.state.seconds += seconds
        self._close_epoch(EpochSummary(0, None, None, seconds, None, test=self.state.baseline))

    def _train_epoch(self, trainer: Trainer, epoch: int, loader: TrainLoader) -> EpochSummary:
        labels = self.data.train.labels
        batches = epoch_batches(self.run, labels, epoch, self._seen(), self.data.train.class_names)
        images = sum(len(batch) for batch in batches)
        visited = coverage(batches, len(labels))
        self.state.notes["training"] = list(_about_batches(batches, self.run.study.training.batch_size, visited))

        def on_step(done: int, loss: float, rate: float) -> None:
            self.observers.show(Progress("train", f"epoch {epoch}", done, images, loss, rate, "image"))

        def keep(step: int, embeddings: torch.Tensor) -> None:
            if self.state.seen is None:
                self.state.seen = torch.full((len(labels), embeddings.shape[1]), torch.nan)
            # the last one wins if an image is in it twice
            self.state.seen.numpy()[batches[step - 1]] = embeddings.float().cpu()

        on_embeddings = keep if self.run.study.needed_sampler.needs_embeddings else None
        summary = trainer.train_epoch(epoch, loader.epoch(epoch, batches), on_step, on_embeddings)
        return evolve(summary, diagnostics={**summary.diagnostics, "coverage": visited})

    def _seen(self) -> Embeddings | None:
        """Return the embeddings of the training images from their last batches, for a sampler that needs them."""
        if self.state.seen is None:
            return None
        vectors = self.state.seen.numpy().copy()
        return Embeddings(vectors, np.asarray(self.data.train.labels), tuple(self.data.train.class_names))

    def _embed(self, split: str, epoch: int) -> Embeddings:
        embedder = self.test if split == "test" else self.validation
        assert embedder is not None
        with work(f"{split} images, epoch {epoch}", unit="image", stage="embed"):
            return embedder.embeddings(self.network)

    def _measure(self, split: Any, epoch: int, embeddings: Embeddings) -> Mapping[str, float]:
        self.observers.show(Progress("evaluate", f"{split} classes", 0, 1))
        found = measure_network(self.run.study.evaluators, embeddings, f"{split} classes, ")
        metrics, self.state.notes[split] = found.metrics, list(found.notes)
        log.info("%s metrics after epoch %d: %s", split, epoch, figures(metrics))
        self.observers.send("evaluation", evaluation=Evaluation(split, epoch, metrics))
        return metrics

    def _explain(self, embeddings: Embeddings) -> tuple[Evidence, dict[str, float]]:
        """Return the evidence that explains the metrics of the test embeddings, and its figures."""
        return evidence_of(embeddings, per_query(self.run.study.evaluators, embeddings))

    def _keep_best(self, summary: EpochSummary) -> None:
        """Keep the network if the epoch is the best on the validation classes; ties keep the earlier one."""
        metric = self.run.study.evaluation.metric
        assert summary.validation is not None
        if metric not in summary.validation:
            known = ", ".join(summary.validation)
            reasons = " ".join(note for note in self.state.notes["validation"] if note.startswith(NOT_MEASURED))
            raise StudyError(f'evaluation.metric = "{metric}" was not measured. Measured: {known}. {reasons}'.rstrip())
        best = self.state.best_epoch
        best_summary = None if best is None else self.state.curve[best].validation
        if best_summary is None or summary.validation[metric] > best_summary[metric]:
            self.state.best_epoch = summary.epoch
            self.state.best_class_vectors = self._class_vectors()
            self.state.best_model = {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}

    def _close_epoch(self, summary: EpochSummary) -> None:
        self.state.curve.append(summary)
        self.state.trainer = self.trainer.state_dict() if self.trainer else {}
        checkpoint.save(self.state, self.folder)
        log.info("%s; wrote %s", epoch_line(summary), checkpoint.CHECKPOINT)
        self.observers.send("epoch_end", epoch=summary)

    def _store(self, embeddings: Embeddings, evidence: Evidence) -> None:
        identity = {"study": self.run.study.name, "run": self.run.name, "fingerprint": self.run.fingerprint}
        weights = {name: tensor.cpu().numpy() for name, tensor in self.network.state_dict().items()}
        save_tensors(self.folder / MODEL, weights, identity)
        arrays = {"vectors": embeddings.vectors, "labels": embeddings.labels}
        save_tensors(self.folder / EMBEDDINGS, arrays, identity | {CLASS_NAMES: names_to_text(embeddings.class_names)})
        save_evidence(self.folder / EVIDENCE, evidence)

    def _class_vectors(self) -> ClassVectors | None:
        """Return what the loss has learned for the training classes so far; None if it learns no such vectors."""
        if self.trainer is None:
            return None
        classes = len(self.data.train.class_names)
        return class_vectors_of(self.run.study.needed_loss, self.trainer.loss, classes, self.model.embedding_dim)

    def _store_proxies(self) -> dict[str, float]:
        """Store the class vectors of the selected epoch and the training classes' embeddings; return their figures."""
        vectors = self._class_vectors() if self.state.best_model is None else self.state.best_class_vectors
        if vectors is None:
            return {}
        images = some_of_each_class(self.data.train, MOST_IMAGES, generator(self.run.seed, "proxies"))
        with work("training images", unit="image", stage="embed"):
            embeddings = SplitEmbedder(images, self.run.study, self.transforms).embeddings(self.network)
        proxies, found = proxies_of(vectors, embeddings)
        save_proxies(self.folder / PROXIES, proxies)
        return found

    def _result(self, epoch: int, metrics: Mapping[str, float], geometry: Mapping[str, float]) -> Result:
        run, study = self.run, self.run.study
        return Result(
            study=study.name,
            question=study.question,
            run=run.name,
            fingerprint=run.fingerprint,
            seed=run.seed,
            point=run.point,
            settings=run.settings,
            versions=run.versions,
            protocol=self._protocol(epoch),
            metrics=metrics,
            baseline=self.state.baseline,
            headline=headline(study.evaluators, metrics),
            curve=tuple(self.state.curve),
            seconds=self.state.seconds,
            environment=environment(self.test.device),
            warnings=tuple(f"{split}: {note}" for split, notes in self.state.notes.items() for note in notes),
            loss=loss_facts(study.loss),
            geometry=geometry,
            baseline_geometry=self.state.baseline_geometry,
            peak_memory=peak_memory(self.test.device),
            components=run.components,
            settings_fingerprint=run.settings_fingerprint,
            data=run.contents.facts() if run.contents else {},
        )

    def _protocol(self, epoch: int) -> dict[str, Any]:
        study, evaluation = self.run.study, self.run.study.evaluation
        return {
            **self.data.facts(),
            "split": "test classes never seen in training",
            "transforms": plain(self.transforms, self.folder),
            "weights": getattr(self.network.backbone, "provenance", "not stated"),
            "pooling": study.embedding.pooling or "as the backbone does",
            "batchnorm": _batchnorm(study),
            "epochs": study.training.epochs,
            "epoch": epoch,
            "selected_by": "last epoch" if evaluation.select == "last" else f"validation {evaluation.metric}",
        }


def _batchnorm(study: Study) -> str:
    if not study.trains:
        return "as loaded"
    return "statistics frozen" if study.training.freeze_batchnorm else "trained"


def loss_facts(loss: LossConfig | None) -> LossFacts:
    """Return the facts that the loss declares, with its option `margin` if that is a number."""
    if loss is None:
        return LossFacts("")
    margin = getattr(loss, "margin", None)
    number = float(margin) if isinstance(margin, int | float) and not isinstance(margin, bool) else None
    with faults_of(loss, "formula, margin_axis or margin_kind"):
        return LossFacts(loss.name, loss.formula, number, loss.margin_axis, loss.margin_kind)


def _about_batches(batches: Batches, batch_size: int, visited: float) -> Iterator[str]:
    """Yield what is unusual about the batches of an epoch."""
    largest = max(map(len, batches))
    if largest < batch_size:
        yield f"batches have {counted(largest, 'image')}, fewer than training.batch_size = {batch_size}"
    if visited < NEARLY_ALL:
        yield f"an epoch covers {visited:.0%} of the training images"
