"""What a study's runs show: whether training helped, and whether each varied setting changes the metric."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb

from attrs import evolve, frozen

from dmlcore.report.content.axis import Axis, AxisPoint, marginal_axis
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import TRAINED, PointMeasurements, kind_of, selecting_metric
from dmlcore.report.content.power import seeds_needed, smallest_found
from dmlcore.report.content.quantities import decimals, label
from dmlcore.report.content.statistics import compare
from dmlcore.report.explanation.claims import Claim, Test, corrected
from dmlcore.report.explanation.effect import Effect, effect_claim, effect_of
from dmlcore.report.explanation.evidence import ONE_SEED, seeds_known
from dmlcore.report.explanation.phrases import where
from dmlcore.text import counted

SIZE = 0.01
"""The difference that a study should be able to decide, in units of the metric."""

PLURALS = {
    "embedding dimension": "embedding dimensions",
    "batch size": "batch sizes",
    "learning rate": "learning rates",
}
"""Names of settings with several words that can be put before two values."""

MANY = 8
"""Seeds for which the smallest difference is given if no number of seeds decides one of SIZE."""


@frozen(eq=False)
class Findings:
    """The claims about one metric; their p-values are corrected for all of them together."""

    metric: str
    best: PointMeasurements
    """The row with the highest mean."""
    untrained: PointMeasurements | None
    """The untrained network of that row."""
    training: Claim | None
    """That training helped; None if nothing was trained or the untrained network was not measured."""
    effects: Mapping[str, Effect]
    """Path → its effect, for the paths of which two values can be compared."""
    claims: Mapping[str, Claim]
    """The same paths → the claim that the path changes the metric."""

    @property
    def name(self) -> str:
        return label(self.metric)

    def changes(self, path: str) -> bool:
        """Whether the runs show that a path changes the metric."""
        return path in self.claims and self.claims[path].shown

    @property
    def undecided(self) -> int:
        """The number of claims that were tested and not shown: Holm's correction for the largest effect of these."""
        claims = [*([self.training] if self.training else []), *self.claims.values()]
        return sum(claim.testable and not claim.shown for claim in claims)

    @property
    def verdict(self) -> str:
        """One sentence for each varied path, or else on training, that a layman understands."""
        sentences = [_path_verdict(self, path) for path in self.effects]
        return " ".join(sentences) or self.training_verdict

    @property
    def training_verdict(self) -> str:
        """Whether training helped, in one sentence."""
        if self.untrained is None:
            return (
                f"{self.name} is {decimals(self.best.samples[self.metric].mean)}; there is nothing to compare it with."
            )
        before, after = (decimals(row.samples[self.metric].mean) for row in (self.untrained, self.best))
        if self.training is None:
            return f"{self.name} is {after}; nothing was trained."
        if self.training.shown:
            return f"Training helped: {self.name} rises from {before} to {after}."
        if not self.training.testable:
            return f"{self.name} is {before} before training and {after} after it, in a single run with one seed."
        return f"That training helps can't be shown: {self.name} is {before} before and {after} after it."


def findings_of(material: StudyMaterial) -> Findings | None:
    """Return the findings about the metric that selects the best row; None without a finished run that has it."""
    metric = selecting_metric(material.results)
    trained = [row for row in material.trained if metric in row.samples]
    if not trained:
        return None
    best = max(trained, key=lambda row: row.samples[metric].mean)
    untrained = _untrained_of(material, best, metric)
    training = _training_claim(metric, best, untrained, len(trained)) if untrained else None
    axes = {path: marginal_axis(material, path) for path in material.varied}
    effects = {path: effect for path, axis in axes.items() if axis and (effect := effect_of(axis, metric))}
    claims = [*([training] if training else []), *map(effect_claim, effects.values())]
    tested = corrected(claims)
    own = tested.pop(0) if training else None
    return Findings(metric, best, untrained, own, effects, dict(zip(effects, tested, strict=True)))


def _untrained_of(material: StudyMaterial, best: PointMeasurements, metric: str) -> PointMeasurements | None:
    """The row of the network that the best row started from."""
    rows = [row for row in material.rows if row.untrained and metric in row.samples]
    own = [row for row in rows if len(rows) == 1 or {r.run for r in best.results} <= {r.run for r in row.results}]
    return own[0] if own else None


def _training_claim(metric: str, best: PointMeasurements, untrained: PointMeasurements, rows: int) -> Claim | None:
    if kind_of(best.results[0]) != TRAINED:
        return None
    name = label(metric)
    found = compare(best.samples[metric], untrained.samples[metric])
    several = len({result.seed for result in best.results}) > 1
    if found is None or not several:
        test = Test(f"{name} after minus before training", None, 1, ONE_SEED)
    else:
        test = Test(f"{name} after minus before training", evolve(found, p=min(1.0, rows * found.p)), 1)
    return Claim(f"training improves {name} on classes never seen in training", (test,))


def _path_verdict(findings: Findings, path: str) -> str:
    effect, claim = findings.effects[path], findings.claims[path]
    axis, name = effect.axis, findings.name
    high, low = (decimals(effect.sample(point).mean) for point in (effect.highest, effect.lowest))
    levels = f"{name} is {high} {where(axis, effect.highest)} and {low} {where(axis, effect.lowest)}"
    if claim.shown:
        return f"The {axis.title} matters: {levels}."
    seeds = counted(max(len(effect.sample(point).seeds) for point in axis.points), "seed")
    if not seeds_known(axis):
        return (
            f"Whether the {axis.title} matters can't be decided with {seeds}: {levels}, but another seed could reverse"
            " this. Run at least 2 seeds."
        )
    both = _both(axis, effect.lowest, effect.highest)
    return f"No difference between {both} can be shown with {seeds}; {_needed(effect, findings.undecided)}."


def _both(axis: Axis, one: AxisPoint, other: AxisPoint) -> str:
    """ "embedding dimensions 32 and 128"; "margins 0.1 and 0.5"; "adam and sgd"; "the 4 losses"."""
    if axis.named(one) == one.label:
        several = len(axis.points) > 2
        return f"the {counted(len(axis.points), axis.title)}" if several else f"{one.label} and {other.label}"
    if " " in axis.title and axis.title not in PLURALS:
        return f"{axis.named(one)} and {other.label}"
    return f"{PLURALS.get(axis.title, f'{axis.title}s')} {one.label} and {other.label}"


def _needed(effect: Effect, claims: int) -> str:
    """What would decide it; p is corrected for the pairs of values and this number of claims."""
    high, low = effect.sample(effect.highest), effect.sample(effect.lowest)
    if effect.span is None:
        return "they were measured on different test images"
    tests = claims * comb(len(effect.axis.points), 2)
    needed = seeds_needed(high, low, SIZE, tests)
    if needed is not None and needed <= len(high.seeds):
        return f"one of {SIZE:g} or more would have been found in at least four of five such studies"
    if needed is not None:
        return f"{needed} seeds would be needed to show one of {SIZE:g}"
    least = smallest_found(high, low, MANY, tests)
    return (
        f"{MANY} seeds could show one of {least:g}, but no number of seeds one of {SIZE:g}, which is too small for"
        " these test classes"
    )
