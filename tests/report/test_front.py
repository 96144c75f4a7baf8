"""The first page: titles, and the best rows of all studies."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from dmlcore.api.blocks import Table, Text
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.front import front_of
from dmlcore.results.trials import Trial
from sample_results import made_material, made_probe


def study(folder: Path, name: str, untrained: float = 0.3) -> StudyMaterial:
    points = [{"loss.margin": 0.1}, {"loss.margin": 0.5}]
    material = made_material(folder / name, points, lambda point: point["loss.margin"] + 0.3, untrained=untrained)
    return evolve(material, name=name)


def table_of(*materials: StudyMaterial) -> Table:
    (table,) = front_of(materials).blocks
    assert isinstance(table, Table)
    return table


def test_a_single_study_has_its_answer_in_its_chapter(tmp_path: Path) -> None:
    front = front_of([study(tmp_path, "margins")])
    assert (front.title, front.answers, front.blocks) == ("margins", (), ())


def test_the_title_is_the_given_one_or_counts_the_studies(tmp_path: Path) -> None:
    materials = [study(tmp_path, "one"), study(tmp_path, "two")]
    assert front_of(materials).title == "Report on 2 studies"
    assert front_of(materials, "Margins", "Ada Example").title == "Margins"


def test_equal_untrained_networks_share_a_row(tmp_path: Path) -> None:
    rows = table_of(study(tmp_path, "one"), study(tmp_path, "two")).rows
    assert [row[0] for row in rows] == ["all studies", "one", "two"]
    assert rows[0][1] == "untrained network"


def test_each_study_has_its_own_untrained_network_if_they_differ(tmp_path: Path) -> None:
    rows = table_of(study(tmp_path, "one"), study(tmp_path, "two", untrained=0.2)).rows
    assert [row[:2] for row in rows[:2]] == [("one", "untrained network"), ("two", "untrained network")]
    assert [row[0] for row in rows[2:]] == ["one", "two"]


def test_a_probe_adds_the_smallest_batch(tmp_path: Path) -> None:
    probe = made_probe([Trial(10, "learns", ("It learns.",), {"gain": 0.1})])
    blocks = front_of([study(tmp_path, "one"), evolve(study(tmp_path, "two"), probe=probe)]).blocks
    (sentence,) = (block for block in blocks if isinstance(block, Text))
    assert sentence.text.startswith("two: ")
    assert "10" in sentence.text


def test_a_study_without_results_has_no_answer(tmp_path: Path) -> None:
    empty = evolve(study(tmp_path, "one"), results=())
    front = front_of([empty, evolve(empty, name="two")])
    assert (front.answers, front.blocks) == ((None, None), ())
