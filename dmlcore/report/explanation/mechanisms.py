"""Which mechanism explains which setting."""

from __future__ import annotations

from collections.abc import Callable

from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.explanation.batch_composition import batch_composition
from dmlcore.report.explanation.comparison import compared
from dmlcore.report.explanation.dimension import dimension_use
from dmlcore.report.explanation.effect import Effect
from dmlcore.report.explanation.findings import Findings
from dmlcore.report.explanation.margin import margin_activity
from dmlcore.report.explanation.mechanism import Mechanism
from dmlcore.report.explanation.moved import moved_with_metric
from dmlcore.report.explanation.proxies import has_proxies, proxies_against_pairs

Explain = Callable[[StudyMaterial, Effect], Mechanism]

MECHANISMS: dict[str, Explain] = {
    "embedding.dim": dimension_use,
    "training.batch_size": batch_composition,
}
"""Path → its mechanism; margins are recognized by the end of their path, and others have a generic one."""


def mechanisms_of(material: StudyMaterial, findings: Findings) -> dict[str, Mechanism]:
    """Return varied path → its mechanism, tested."""
    return {
        path: _explain(effect)(material, effect).tested(findings.changes(path))
        for path, effect in findings.effects.items()
    }


def _explain(effect: Effect) -> Explain:
    path = effect.axis.path
    if path in MECHANISMS:
        return MECHANISMS[path]
    if not effect.axis.numeric:
        return proxies_against_pairs if has_proxies(effect) else compared
    return margin_activity if path.rpartition(".")[2].endswith("margin") else moved_with_metric
