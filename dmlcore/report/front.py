"""The first page of a report: title, author and, over several studies, what each found and their best rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import PointMeasurements
from dmlcore.report.content.protocol import shared_protocol
from dmlcore.report.content.quantities import MISSING, label
from dmlcore.report.content.statistics import LEVEL, Spread
from dmlcore.report.content.table import headline
from dmlcore.report.explanation.answer import Answer, answer_of
from dmlcore.report.explanation.batch_size import minimum_sentence

UNANSWERED = "No run is finished yet."
"""Instead of the answer of a study."""


@frozen(eq=False)
class Front:
    """The first page."""

    title: str
    author: str = ""
    """Empty if it is not stated."""
    answers: tuple[Answer | None, ...] = ()
    """One for each study, in order; None without a finished run. The answer of a single study is in its chapter."""
    blocks: tuple[Text | Table, ...] = ()
    """What compares the studies."""
    protocol: tuple[Block, ...] = ()
    """Of all studies, for the appendix."""


def front_of(materials: Sequence[StudyMaterial], title: str = "", author: str = "") -> Front:
    """Return the first page of a report over these studies; the default title follows from them."""
    if len(materials) == 1:
        return Front(title or materials[0].name, author)
    answers: tuple[Answer | None, ...] = tuple(answer_of(material) for material in materials)
    names = tuple(dict.fromkeys(name for material in materials for name in headline(material)))
    table = best_rows(list(filter(None, answers)), names)
    blocks = ([table] if table else []) + list(_smallest_batches(materials))
    return Front(
        title or f"Report on {len(materials)} studies",
        author,
        answers,
        tuple(blocks),
        tuple(shared_protocol(materials)),
    )


def best_rows(answers: Sequence[Answer], names: Sequence[str]) -> Table | None:
    """Return the best row of every study and its untrained row, once if all have the same; None without answers."""
    if not answers:
        return None
    trained = [(answer.study, answer.best.label, *_cells(answer.best, names)) for answer in answers]
    untrained = {
        answer.study: ("untrained network", *_cells(answer.untrained, names)) for answer in answers if answer.untrained
    }
    note = (
        f"Means ± standard deviations over seeds; brackets show {LEVEL:.0%} confidence intervals. The tables of the"
        " chapters describe them."
    )
    return Table(
        ("study", "best row", *map(label, names), "seeds"),
        [*_merged(untrained), *trained],
        "Best row of every study",
        (note,),
        words=2,
    )


def _merged(untrained: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """One row if those of all studies are equal, else one row for each study."""
    if len(set(untrained.values())) == 1:
        yield ("all studies", *next(iter(untrained.values())))
    else:
        yield from ((study, *cells) for study, cells in untrained.items())


def _cells(row: PointMeasurements, names: Sequence[str]) -> tuple[str, ...]:
    spreads = [Spread.of_sample(row.samples[name]) if name in row.samples else None for name in names]
    return (*(MISSING if spread is None else _cell(spread) for spread in spreads), str(row.seeds))


def _cell(spread: Spread) -> str:
    return f"{spread}\n{spread.interval}" if spread.interval else str(spread)


def _smallest_batches(materials: Sequence[StudyMaterial]) -> Iterator[Text]:
    """The minimum batch size of each study with a probe."""
    for material in materials:
        if material.probe is not None and material.probe.trials:
            yield Text(f"{material.name}: {minimum_sentence(material.probe)}")
