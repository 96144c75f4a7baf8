"""The finished runs as CSV."""

from __future__ import annotations

from dmlcore.report.material import StudyMaterial


def render(material: StudyMaterial) -> str:
    """Header and rows."""
    names = dict.fromkeys(name for result in material.results for name in result.metrics)
    lines = [",".join(["study", "run", *names])]
    lines += [",".join([r.study, r.run, *(repr(r.metrics[n]) for n in names)]) for r in material.results]
    return "\n".join(lines) + "\n"
