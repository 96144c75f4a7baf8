"""Tables as LaTeX."""

from __future__ import annotations

from dmlcore.report.material import StudyMaterial


def render(material: StudyMaterial) -> str:
    """The study's name."""
    return f"% {material.name}\n"
