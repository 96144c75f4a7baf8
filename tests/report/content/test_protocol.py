"""The protocol of every row."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from dmlcore.api.blocks import Table, Text
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.protocol import protocol_blocks, protocols, shared_protocol, value_text_of
from sample_results import made_material

SHARED = {
    "data": "glyphs, trained on 600 images of 40 classes, measured on 600 images of 40 classes not seen in training",
    "transforms": "size 32, test_crop center",
    "loss": "contrastive",
    "weights": "random",
    "pooling": "avg",
    "BatchNorm": "statistics frozen",
    "epochs": "2",
    "epoch selected by": "last epoch",
    "batch size": "20",
    "versions": "torch 2.9",
    "device": "cpu",
}


def margins(folder: Path) -> StudyMaterial:
    return made_material(folder, [{"loss.margin": 0.1}, {"loss.margin": 0.5}], lambda point: 0.5, seeds=(0, 1))


def test_what_all_rows_share_is_one_table(tmp_path: Path) -> None:
    text, table = protocol_blocks(margins(tmp_path))
    assert text == Text("The rows differ only in the grid: margin.")
    assert isinstance(table, Table)
    assert table.folded
    assert table.rows == [*SHARED.items(), ("seeds", "0, 1")]
    assert table.words == len(table.header) == 2, "its values are words"


def test_what_the_grid_does_not_vary_and_differs_is_a_table(tmp_path: Path) -> None:
    material = margins(tmp_path)
    last = material.results[-1]
    other = evolve(last, protocol={**last.protocol, "weights": "imagenet"})
    differing, table = protocol_blocks(evolve(material, results=(*material.results[:-2], last, other)))
    assert isinstance(table, Table)
    assert table.rows == [(name, value) for name, value in SHARED.items() if name != "weights"]
    assert isinstance(differing, Table)
    assert not differing.folded
    assert differing.header == ("setting", "value", "margin")
    assert differing.rows == [
        ("weights", "random", "0.1"),
        ("weights", "random or imagenet", "0.5"),
        ("seeds", "0, 1", "0.1"),
        ("seeds", "1, 1", "0.5"),
    ]


def test_studies_of_one_report_show_what_they_share_once(tmp_path: Path) -> None:
    first = margins(tmp_path / "first")
    dims = [{"embedding.dim": 32}, {"embedding.dim": 64}]
    second = made_material(tmp_path / "second", dims, lambda point: 0.5, settings={"training": {"batch_size": 50}})
    differing, shared = shared_protocol([first, evolve(second, name="dims"), evolve(first, name="none", results=())])
    assert isinstance(differing, Table)
    assert differing.rows == [
        ("grid", "margin: 0.1, 0.5", "made"),
        ("grid", "embedding dimension: 32, 64", "dims"),
        ("batch size", "20", "made"),
        ("batch size", "50", "dims"),
        ("seeds", "0, 1", "made"),
        ("seeds", "0, 1, 2", "dims"),
    ]
    assert isinstance(shared, Table)
    assert shared.folded
    assert shared.rows == [(name, value) for name, value in SHARED.items() if name != "batch size"]


def test_a_setting_that_only_one_grid_sets_differs_between_studies(tmp_path: Path) -> None:
    sizes = [{"training.batch_size": 10}, {"training.batch_size": 20}]
    first = made_material(tmp_path / "first", sizes, lambda point: 0.5, seeds=(0, 1))
    differing, _ = shared_protocol([evolve(first, name="sizes"), margins(tmp_path / "second")])
    assert isinstance(differing, Table)
    assert ("batch size", "set by the grid, or not used", "sizes") in differing.rows


def test_results_from_before_test_crop_cropped_the_center(tmp_path: Path) -> None:
    material = margins(tmp_path)
    last = material.results[-1]
    crop = {
        name: evolve(last, protocol={**last.protocol, "transforms": {"size": 32, "test_crop": name}})
        for name in ("center", "border")
    }
    same, border = (
        protocol_blocks(evolve(material, results=(*material.results[:-1], crop[name]))) for name in ("center", "border")
    )
    assert same[0] == Text("The rows differ only in the grid: margin.")
    assert isinstance(border[0], Table)
    assert ("transforms", "size 32, test_crop center or size 32, test_crop border", "0.5") in border[0].rows


def test_what_follows_from_a_varied_backbone_is_left_out(tmp_path: Path) -> None:
    points = [{"backbone": {"use": "resnet50"}}, {"backbone": {"use": "toy"}}]
    facts = protocols(made_material(tmp_path, points, lambda point: 0.5))["resnet50"]
    assert facts.keys().isdisjoint(("weights", "pooling", "transforms", "backbone"))
    assert facts["data"].startswith("glyphs, trained on 600 images")


def test_the_other_options_of_a_varied_component_are_told(tmp_path: Path) -> None:
    settings = {"sampler": {"use": "m_per_class", "samples_per_class": 5}, "optimizer": {"learning_rate": 0.001}}
    material = made_material(tmp_path, [{"loss.margin": 0.1}], lambda point: 0.5, settings=settings)
    first = evolve(
        material.results[0], settings={**settings, "loss": {"use": "triplet", "margin": 0.1, "distance": "cosine"}}
    )
    facts = protocols(evolve(material, results=(first,)))["margin 0.1"]
    assert facts["loss"] == "triplet (distance cosine)"
    assert facts["sampler"] == "m_per_class (samples_per_class 5)"
    assert facts["optimizer"] == "learning_rate 0.001"


def test_tables_within_tables_are_told_by_their_names() -> None:
    parts = [
        {"use": "triplet", "margin": 0.1},
        {"use": "circle", "distance": {"use": "cosine"}, "memory": {"size": 50, "miner": {"use": "batch_hard"}}},
    ]
    assert value_text_of({"use": "weighted_sum", "parts": parts, "weights": [1.0, 0.5]}) == (
        "weighted_sum (parts [triplet (margin 0.1), circle (distance cosine, memory (size 50, miner batch_hard))],"
        " weights [1, 0.5])"
    )


def test_components_of_other_distributions_are_told_unless_they_are_varied(tmp_path: Path) -> None:
    material = margins(tmp_path)
    came_from = {
        "loss": "dmlcore-angular/angular 1.0.0",
        "loss.margin.shape": "dmlcore-shapes/round 2.0",
        "sampler": "dmlcore/m_per_class 0.1.0",
    }
    told = evolve(material, results=tuple(evolve(result, components=came_from) for result in material.results))
    facts = protocols(told)["margin 0.1"]
    assert facts["components of other distributions"] == "loss = dmlcore-angular/angular 1.0.0"
    assert protocols(material)["margin 0.1"] == {k: v for k, v in facts.items() if not k.startswith("components")}
