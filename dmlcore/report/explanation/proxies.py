"""Losses with a learned vector for each class against losses on pairs: batches, convergence, geometry and metric."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from dmlcore.api.blocks import Block, Formula, Table, Text
from dmlcore.report.content.axis import AxisPoint
from dmlcore.report.content.convergence import (
    LOSS_PATHS,
    Convergence,
    Unit,
    convergence_of,
    convergence_table,
    learns_classes,
    unit_text,
)
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import GEOMETRY, MISSING, full_label, label, number, whole
from dmlcore.report.content.statistics import Spread, compare, spread_cells
from dmlcore.report.explanation.claims import Claim, Test
from dmlcore.report.explanation.comparison import pairs_blocks
from dmlcore.report.explanation.effect import Effect, metric_test
from dmlcore.report.explanation.evidence import ONE_SEED, chosen, recorded_test, seeds_known
from dmlcore.report.explanation.losses import formula_blocks
from dmlcore.report.explanation.mechanism import Mechanism, Step
from dmlcore.text import counted, listing

KIM = "Kim et al., 2020"
PROXY_ANCHOR = "proxy_anchor"

PULL = (
    r"\dfrac{\partial L}{\partial s(x,p)} = -\dfrac{\alpha}{|P^+|}"
    r" \dfrac{h^+(x)}{1 + \sum_{z \in X_p^+} h^+(z)},\quad h^+(z) = e^{-\alpha (s(z,p) - \delta)}"
)
"""Of an image x of the class of the proxy p: the derivative of Kim et al., 2020, equation 4."""

PUSH = (
    r"\dfrac{\partial L}{\partial s(x,p)} = \dfrac{\alpha}{|P|}"
    r" \dfrac{h^-(x)}{1 + \sum_{z \in X_p^-} h^-(z)},\quad h^-(z) = e^{\alpha (s(z,p) + \delta)}"
)
"""Of an image x of another class."""

OF_PROXIES = tuple(f"{GEOMETRY}{name}" for name in ("proxy_similarity", "proxy_accuracy", "similarity_between_proxies"))
OF_TEST_CLASSES = tuple(f"{GEOMETRY}{name}" for name in ("distance_ratio", "uniformity", "effective_rank"))
RATIO = f"{GEOMETRY}distance_ratio"


def has_proxies(effect: Effect) -> bool:
    """Whether the axis varies the loss, and one of the losses learned vectors of the training classes."""
    return effect.axis.path in LOSS_PATHS and any(map(learns_classes, effect.axis.points))


def proxies_against_pairs(material: StudyMaterial, effect: Effect) -> Mechanism:
    """Return what comparing with learned vectors instead of pairs does; at least one point has such vectors."""
    convergence = convergence_of(effect.axis, effect.metric)
    blocks = (*formula_blocks(effect), *_gradient(effect), _comparisons(material, effect))
    course = [convergence_table(convergence)] if convergence else []
    steps = tuple(_steps(material, effect, convergence))
    return Mechanism(blocks, steps, (*course, _geometry(effect), *pairs_blocks(effect)))


def _gradient(effect: Effect) -> Iterator[Block]:
    """The gradient of Proxy-Anchor, and how it weighs the images of a batch."""
    if any(point.results[0].loss.name == PROXY_ANCHOR for point in effect.axis.points):
        yield Text(f"The gradient of Proxy-Anchor for a proxy p and an image x of its class ({KIM}):")
        yield Formula(PULL)
        yield Text("And for an image x of another class:")
        yield Formula(PUSH)
        yield Text(
            "For each proxy, the images of its class share one pull and those of other classes share one push. The"
            " farther an image is from the proxy of its class, or the closer to another, compared with the other images"
            " of the batch, the larger its share. The positive term is divided by the number of proxies with an image"
            " of their class in the batch, the negative term by the number of all proxies."
        )


@frozen
class Batch:
    """A batch of a run in numbers."""

    size: int
    classes: int
    """Of the training set."""
    each: int | None
    """Images per class, if the sampler states it."""

    @classmethod
    def of(cls, point: AxisPoint) -> Batch:
        result = point.results[0]
        settings: Any = result.settings
        each = settings.get("sampler", {}).get("samples_per_class")
        return cls(settings["training"]["batch_size"], result.protocol["train_classes"], each)

    @property
    def classes_in_it(self) -> int | None:
        return min(self.classes, self.size // self.each) if self.each else None


def _comparisons(material: StudyMaterial, effect: Effect) -> Table:
    rows = []
    for point in effect.axis.points:
        batch, vectors = Batch.of(point), _vectors(material, point)
        rows.append((effect.axis.named(point), *(_with_vectors(batch, vectors) if vectors else _with_pairs(batch))))
    header = ("loss", "compares each image with", "classes compared", "comparisons in a batch", "of them positive")
    first = Batch.of(effect.axis.points[0])
    each = f", {first.each} per class" if first.each else ""
    note = f"A batch has {counted(first.size, 'image')}{each}; there are {counted(first.classes, 'training class')}."
    return Table(header, tuple(rows), "Comparisons in a batch", (note,), words=2)


def _with_vectors(batch: Batch, vectors: int) -> tuple[str, ...]:
    positive = batch.size * vectors // batch.classes
    return "learned vectors", whole(batch.classes), whole(batch.size * vectors), whole(positive)


def _with_pairs(batch: Batch) -> tuple[str, ...]:
    pairs = whole(batch.size * (batch.size - 1) / 2)
    if batch.each is None or batch.classes_in_it is None:
        return "other images of the batch", MISSING, pairs, MISSING
    return "other images of the batch", whole(batch.classes_in_it), pairs, whole(batch.size * (batch.each - 1) / 2)


def _vectors(material: StudyMaterial, point: AxisPoint) -> int:
    """How many class vectors the loss learned; 0 if none."""
    stored = (material.proxies(result) for result in point.results)
    return next((len(proxies.vectors) for proxies in stored if proxies is not None), 0)


def _steps(material: StudyMaterial, effect: Effect, convergence: Convergence | None) -> Iterator[Step]:
    learned = [point for point in effect.axis.points if learns_classes(point)]
    pairs = [point for point in effect.axis.points if point not in learned]
    yield Step(
        "loss",
        "Every image is compared with a vector of every training class, not only with the images of its batch",
        "the formula",
        finding=_compared(material, learned, pairs, effect),
    )
    if not pairs:
        yield _at_the_proxies(effect, learned)
        return
    best = max(learned, key=lambda point: effect.sample(point).mean)
    other = convergence.reference if convergence and convergence.reference in pairs else pairs[0]
    if convergence:
        yield from _convergence_steps(effect, convergence, best, other, len(learned))
    yield _at_the_proxies(effect, learned)
    yield from _geometry_step(effect, best, other, len(learned))
    yield _metric_step(effect, best, other, len(learned))


def _compared(material: StudyMaterial, learned: list[AxisPoint], pairs: list[AxisPoint], effect: Effect) -> str:
    batch = Batch.of(learned[0])
    text = f"In each step, {effect.axis.named(learned[0])} compares an image with {counted(batch.classes, 'class')}"
    if not pairs or batch.classes_in_it is None:
        return f"{text}."
    return f"{text}, {effect.axis.named(pairs[0])} with the {batch.classes_in_it} of its batch."


def _convergence_steps(
    effect: Effect, convergence: Convergence, best: AxisPoint, other: AxisPoint, of: int
) -> Iterator[Step]:
    expected: dict[Unit, str] = {
        "epochs": "Proxies need fewer epochs than pairs",
        "steps": "Proxies need fewer steps than pairs",
        "seconds": "Proxies need less training time than pairs",
    }
    first, second = effect.axis.named(best), effect.axis.named(other)
    for unit in convergence.units:
        place = convergence.early(unit)
        after = unit_text(convergence, unit, place)
        test = _early_test(effect, convergence, unit, place, best, other, of)
        claim = Claim(f"{first} is ahead of {second} after {after}, so it converges faster", (test,))
        values = (convergence.samples(unit, place)[point.label].values for point in (best, other))
        reached = " and ".join(str(Spread.of(list(each))) for each in values)
        finding = f"{effect.name} after {after}: {reached} ({first} and {second})."
        yield Step("metric", expected[unit], KIM, claim, finding)


def _early_test(
    effect: Effect, convergence: Convergence, unit: Unit, place: float, best: AxisPoint, other: AxisPoint, of: int
) -> Test:
    """Test the metric early in training: over seeds only, since no values per query are stored for an epoch."""
    samples = convergence.samples(unit, place)
    what = (
        f"{effect.name} after {unit_text(convergence, unit, place)}, {effect.axis.named(best)} minus"
        f" {effect.axis.named(other)}, over seeds"
    )
    found = compare(samples[best.label], samples[other.label]) if seeds_known(effect.axis) else None
    return chosen(Test(what, found, 1, "" if found else ONE_SEED), of)


def _at_the_proxies(effect: Effect, learned: list[AxisPoint]) -> Step:
    values = [
        f"{effect.axis.named(point)}: {listing(f'{label(n)} {number(point.recorded[n].mean)}' for n in OF_PROXIES)}"
        for point in learned
        if all(name in point.recorded for name in OF_PROXIES)
    ]
    expectation = "The embeddings of a class gather around its vector, and the vectors of the classes move apart"
    return Step("geometry", expectation, "the formula", finding=f"{'; '.join(values)}." if values else "")


def _geometry_step(effect: Effect, best: AxisPoint, other: AxisPoint, of: int) -> Iterator[Step]:
    if RATIO not in best.recorded or RATIO not in other.recorded:
        return
    claim = Claim(
        f"{effect.axis.named(best)} separates unseen classes farther, compared with their size, than"
        f" {effect.axis.named(other)}",
        (chosen(recorded_test(effect.axis, RATIO, best, other, -1), of),),
    )
    expectation = "Each step pushes images from the vectors of all other classes, which separates the classes farther"
    yield Step("geometry", expectation, "the formula", claim)


def _metric_step(effect: Effect, best: AxisPoint, other: AxisPoint, of: int) -> Step:
    test = chosen(metric_test(effect, best, other, 1), of)
    first, second = effect.axis.named(best), effect.axis.named(other)
    claim = Claim(f"{first} ends with a higher {effect.name} than {second}", (test,))
    expectation = (
        "Proxy-Anchor ends above losses on pairs: Recall@1 on CUB-200-2011 69.1, Multi-Similarity 65.7 (BN-Inception,"
        " 512 dimensions, best test epoch)"
    )
    return Step("metric", expectation, f"README of {KIM}; Wang et al., 2019", claim)


def _geometry(effect: Effect) -> Table:
    """What the runs recorded of vectors and classes, a column for each loss."""
    names = [n for n in (*OF_PROXIES, *OF_TEST_CLASSES) if any(n in point.recorded for point in effect.axis.points)]
    rows = tuple((full_label(n), *spread_cells(n, [p.recorded.get(n) for p in effect.axis.points])) for n in names)
    header = ("quantity", *(effect.axis.named(point) for point in effect.axis.points))
    return Table(header, rows, "Learned vectors and classes after training")
