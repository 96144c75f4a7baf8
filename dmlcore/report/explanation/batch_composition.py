"""A varied batch size: the pairs of an image in a batch, the steps of an epoch, and what the runs recorded of them."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from dmlcore.api.blocks import Block, Formula, Table, Text
from dmlcore.report.content.axis import AxisPoint
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import MISSING, TRAINING, ZERO_LOSS, label, whole
from dmlcore.report.explanation.claims import Claim, Test
from dmlcore.report.explanation.effect import Effect, metric_test
from dmlcore.report.explanation.evidence import recorded_test
from dmlcore.report.explanation.mechanism import Mechanism, Step
from dmlcore.report.explanation.moved import moved_blocks
from dmlcore.report.explanation.recorded_table import recorded_table
from dmlcore.text import counted

ACTIVE = tuple(f"{TRAINING}{name}" for name in ("active_negative_pairs", "active_triplets"))
GRADIENT = f"{TRAINING}gradient_norm"


def batch_composition(_material: StudyMaterial, effect: Effect) -> Mechanism:
    """Return what a larger batch contains, and which of its expected effects the runs recorded."""
    quantities = recorded_table(effect.axis, (ZERO_LOSS, *ACTIVE, GRADIENT), "Batches of each size")
    return Mechanism((*_contents(effect), *quantities), tuple(_steps(effect)), tuple(moved_blocks(effect)))


def _contents(effect: Effect) -> Iterator[Block]:
    points = effect.axis.points
    if _each(points[0]):
        yield Text(
            "With B images in a batch, K of each class, every image has the following numbers of positives and"
            " negatives:"
        )
        yield Formula(r"\mathrm{positives} = K - 1,\quad \mathrm{negatives} = B - K")
    rows = tuple(
        (
            point.label,
            *((MISSING, MISSING) if not (each := _each(point)) else (whole(each - 1), whole(point.number - each))),
            whole(_steps_per_epoch(point)),
            whole(_epochs(point) * _steps_per_epoch(point)),
        )
        for point in points
    )
    header = (effect.axis.title, "positives per image", "negatives per image", "steps per epoch", "steps in all")
    note = "Steps are the training images divided by the batch size, unless the study limits them."
    yield Table(header, rows, "Contents of a batch, and steps", (note,))
    yield Text(_confounded(effect))


def _confounded(effect: Effect) -> str:
    """What else differs between the sizes."""
    first, last = effect.ends
    few, many = (_epochs(point) * _steps_per_epoch(point) for point in (last, first))
    if few == many:
        return f"All sizes take {counted(few, 'step')}, so the larger batches have seen more images."
    if _epochs(first) != _epochs(last):
        return f"The sizes differ in epochs too: {_epochs(first)} at the first and {_epochs(last)} at the last."
    return (
        f"The sizes are compared at equal epochs ({_epochs(first)}), not at equal steps: {effect.axis.named(first)}"
        f" takes about {counted(many, 'step')} of the optimizer and {effect.axis.named(last)} about {few:,}"
        f" ({many / few:.3g} times as many). Two sizes differ in the pairs of a batch and in the number of steps"
        " together, and these runs do not separate the two."
    )


def _steps(effect: Effect) -> Iterator[Step]:
    axis, (first, last) = effect.axis, effect.ends
    each = _each(first)
    if each:
        ends = " and ".join(f"{whole(point.number - each)} at {axis.named(point)}" for point in effect.ends)
        yield Step(
            "batch",
            "An image has more negatives in a larger batch, and as many positives",
            "the definition of a balanced batch",
            finding=f"Negatives per image: {ends}; positives: {each - 1}.",
        )
    zero = axis.having(ZERO_LOSS)
    if len(zero) == len(axis.points) and any(point.recorded[ZERO_LOSS].mean > 0 for point in zero):
        yield Step(
            "batch",
            "With more negatives, fewer batches have no active pair or triplet",
            "the formula",
            Claim(
                "with a larger batch, fewer steps have a loss of zero",
                (recorded_test(axis, ZERO_LOSS, last, first, -1),),
            ),
        )
    for name in ACTIVE:
        if len(axis.having(name)) == len(axis.points):
            yield Step(
                "batch",
                f"The {label(name)} depends on the embeddings and not on how many there are in a batch, so a difference"
                " is one of training",
                "the formula",
                Claim(f"the batch size changes the {label(name)}", (recorded_test(axis, name, last, first),)),
            )
    if len(axis.having(GRADIENT)) == len(axis.points):
        yield Step(
            "loss",
            "At equal weights, the gradient of a mean over more images varies less, so its norm is smaller",
            "the variance of a mean",
            Claim("with a larger batch, the gradient is smaller", (recorded_test(axis, GRADIENT, last, first, -1),)),
        )
    yield _metric_step(effect)


def _metric_step(effect: Effect) -> Step:
    """A larger batch has more pairs per step and fewer steps: the optimum may be inside the range."""
    axis, (first, last) = effect.axis, effect.ends
    expectation = "At equal epochs, a larger batch has more pairs per step but fewer steps, so neither end must be best"
    if effect.highest in effect.ends:
        statement = f"{effect.name} differs between {axis.named(last)} and {axis.named(first)}"
        return Step("metric", expectation, "the table above", Claim(statement, (metric_test(effect, last, first),)))
    statement = f"{effect.name} is higher at {axis.named(effect.highest)} than at both ends of the range"
    tests = tuple(_against(effect, point) for point in effect.ends)
    return Step("metric", expectation, "the table above", Claim(statement, tests))


def _against(effect: Effect, point: AxisPoint) -> Test:
    """Test the highest value, selected from all, against another."""
    test = metric_test(effect, effect.highest, point, 1)
    if test.found is None:
        return test
    return evolve(test, found=evolve(test.found, p=min(1.0, len(effect.axis.points) * test.found.p)))


def _option(point: AxisPoint, table: str, name: str) -> int:
    """An option of the runs that is a positive number; else 0."""
    value = (point.results[0].settings.get(table) or {}).get(name)
    return value if type(value) is int and value > 0 else 0


def _each(point: AxisPoint) -> int:
    """Images per class in a batch; 0 if the sampler does not balance classes."""
    return _option(point, "sampler", "samples_per_class")


def _epochs(point: AxisPoint) -> int:
    return len(point.results[0].curve) - 1


def _steps_per_epoch(point: AxisPoint) -> int:
    """About how many batches an epoch has."""
    images = point.results[0].protocol["train_images"]
    steps = _option(point, "sampler", "batches_per_epoch") or max(1, int(images // point.number))
    return min(steps, _option(point, "training", "max_steps") or steps)
