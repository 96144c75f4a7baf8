"""The values that a study took from the results of others: which, by what, and which others there were."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.naming import Names, setting_name
from dmlcore.report.content.quantities import decimals, label
from dmlcore.results.choices import Choice, Rival
from dmlcore.text import counted, listing, value_text


def explain_choices(material: StudyMaterial) -> Iterator[Block]:
    """Return a table with a row per value, and what the choice means for the results; nothing without choices."""
    choices = material.choices
    if not choices:
        return
    header = ("setting", "value taken", "from study", "highest mean of", "all values tried there")
    yield Table(header, tuple(map(_row, choices)), "Values taken from earlier studies", words=5)
    metrics = listing(dict.fromkeys(label(choice.metric) for choice in choices))
    text = (
        f"Each of the {counted(len(choices), 'value')} is the one with the highest mean {metrics}. That a value is the"
        " highest does not show that it is better than the others; its own study tests that."
    )
    if any(choice.split == "test" for choice in choices):
        text += (
            " The values were chosen on the test classes, the same as of this study, so all results with them are"
            " somewhat optimistic; a choice on validation classes avoids this."
        )
    yield Text(text)


def _row(choice: Choice) -> tuple[str, ...]:
    classes = f"{choice.classes} " if choice.classes else ""
    names = Names.of(rival.point for rival in choice.rivals)
    rivals = "\n".join(_rival(choice, rival, names) for rival in choice.rivals)
    return (
        setting_name(choice.path),
        value_text(choice.value),
        choice.study,
        f"{label(choice.metric)} on {classes}{choice.split} classes",
        rivals,
    )


def _rival(choice: Choice, rival: Rival, names: Names) -> str:
    """ "64: 0.2820 ± 0.0041 (2 runs)"; the whole point if other settings vary too."""
    alone = len(rival.point) == 1
    name = names.value(choice.path, rival.point[choice.path]) if alone else names.point(rival.point)
    if rival.mean is None:
        return f"{name}: failed"
    spread = f" ± {decimals(rival.sd)}" if rival.sd is not None else ""
    return f"{name}: {decimals(rival.mean)}{spread} ({counted(rival.runs, 'run')})"
