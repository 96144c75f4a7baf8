"""Which mechanism explains which setting."""

from __future__ import annotations

from collections.abc import Callable

from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.explanation.batch_composition import batch_composition
from dmlcore.report.explanation.comparison import compared
from dmlcore.report.explanation.dimension import dimension_use
from dmlcore.report.explanation.effect import Effect
from dmlcore.report.explanation.findings import Findings
from dmlcore.report.explanation.losses import compares_losses, loss_comparison
from dmlcore.report.explanation.margin import margin_activity
from dmlcore.report.explanation.mechanism import Mechanism
from dmlcore.report.explanation.moved import moved_with_metric
from dmlcore.report.explanation.proxies import has_proxies, proxies_against_pairs
from dmlcore.report.explanation.single import training_change

Applies = Callable[[StudyMaterial, Effect], bool]
Explain = Callable[[StudyMaterial, Effect], Mechanism]

MECHANISMS: tuple[tuple[Applies, Explain], ...] = (
    (lambda _, effect: effect.axis.path == "embedding.dim", dimension_use),
    (lambda _, effect: effect.axis.path == "training.batch_size", batch_composition),
    (lambda _, effect: effect.axis.numeric and effect.axis.path.endswith("margin"), margin_activity),
    (lambda _, effect: effect.axis.numeric, moved_with_metric),
    (lambda _, effect: has_proxies(effect), proxies_against_pairs),
    (lambda _, effect: compares_losses(effect), loss_comparison),
    (lambda _material, _effect: True, compared),
)
"""The first that applies to a setting is used."""

TRAINING = ""
"""The path of the mechanism of training itself."""


def mechanisms_of(material: StudyMaterial, findings: Findings) -> dict[str, Mechanism]:
    """Return varied path → its mechanism, tested; TRAINING → that of training if nothing is varied."""
    if not material.varied:
        helped = findings.training is not None and findings.training.shown
        return {TRAINING: training_change(material, findings.metric).tested(helped)}
    return {
        path: _explain(material, effect)(material, effect).tested(findings.changes(path))
        for path, effect in findings.effects.items()
    }


def _explain(material: StudyMaterial, effect: Effect) -> Explain:
    return next(explain for applies, explain in MECHANISMS if applies(material, effect))
