"""A stored study in which every text from outside is hostile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from attrs import evolve, frozen

from dmlcore import Formula, Section, StudyResults, Table, Text, plot
from dmlcore.api.result import LossFacts, Result
from dmlcore.api.values import LabelledImages
from dmlcore.report.content.material import StudyMaterial
from dmlcore.results.trials import Probe
from hostile_text import FORMULAS, MARKUP, UNSEEN
from sample_results import RULE, drawn_material, drawn_probe, letters

CLASSES = 45
"""Of two images each: so few that t-SNE need not place them."""

TEXTS = (*MARKUP, *(text.strip() for text in FORMULAS), *UNSEEN)

INPUT = r"\text{\input{/etc/passwd}} \input{/etc/passwd}"


@frozen
class Renamed:
    """Images with other names of their classes."""

    images: LabelledImages
    class_names: tuple[str, ...]

    @property
    def labels(self) -> np.ndarray:
        return self.images.labels

    def image(self, index: int) -> object:
        return self.images.image(index)


def hostile_material(root: Path, named: Callable[[str], str] = str) -> StudyMaterial:
    """The study; `named` changes every text, such as the addresses in them."""
    texts = [named(text) for text in TEXTS]
    images = Renamed(letters(CLASSES, 2), tuple(text for text in texts if text.isprintable())[:CLASSES])
    drawn = drawn_material(root, images, dims=(16, 64), seeds=(0,))  # type: ignore[arg-type]
    labels = dict(zip((16, 64), (texts[0], " ".join(texts)), strict=True))
    return evolve(
        drawn,
        name=texts[0],
        question=" ".join(texts),
        varied=("loss.note",),
        results=tuple(_hostile(result, labels[result.point["embedding.dim"]], texts) for result in drawn.results),
        probe=_hostile_probe(texts),
        unfinished=tuple(texts),
        failures={text: text for text in texts},
        additions=(lambda study: _section(study, texts),),
    )


def _hostile_probe(texts: list[str]) -> Probe:
    """Its texts from outside: names of components, and reasons with what plugins raised."""
    drawn, words = drawn_probe(), " ".join(texts)
    trials = [evolve(t, reasons=tuple(texts), refused=words if t.refused else "") for t in drawn.trials]
    rule = evolve(RULE, sampler=texts[0], loss=texts[1], below=words)
    return evolve(drawn, trials=tuple(trials), rule=rule)


def _hostile(result: Result, note: str, texts: list[str]) -> Result:
    metrics = {**result.metrics, f"retrieval/{texts[-1]}": 0.5}
    return evolve(
        result,
        point={"loss.note": note},
        metrics=metrics,
        headline=tuple(metrics),
        warnings=tuple(texts),
        loss=LossFacts(texts[1], INPUT),
        protocol={**result.protocol, "weights": texts[2]},
        components={"loss": texts[5]},
        versions={"torch": texts[6]},
        settings={"loss": {"use": texts[3], "note": texts[4]}, "training": {"epochs": 12}},
    )


def _section(study: StudyResults, texts: list[str]) -> Section:
    table = Table(("text", texts[0]), [(text, text) for text in texts], texts[1], texts)
    figure = plot(texts[0], texts[1], lambda axes: axes.set_title(texts[2]), texts[3])
    return Section(texts[4], [*map(Text, texts), table, figure, Formula(INPUT), Formula(f"[x](y) < a {texts[0]}")])
