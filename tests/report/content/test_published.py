"""Published rows by data set."""

from __future__ import annotations

from dmlcore.report.content.published import published_grid, published_margins
from sample_results import result


def test_rows_of_the_data_set_highest_first() -> None:
    cars = published_grid(result(settings={"dataset": {"use": "cars196"}}))
    assert cars is not None
    assert [(*row[:2], *row[3:]) for row in cars.rows] == [
        ("HIST", "ResNet-50", "512", "89.8"),
        ("HIST", "ResNet-50", "512", "89.8"),
        ("Contextual", "ResNet-50", "512", "89.3"),
        ("Recall@k surrogate, SiMix", "ResNet-50", "512", "88.3"),
        ("Proxy-Anchor", "ResNet-50", "512", "87.7"),
        ("Proxy-Anchor", "ResNet-50", "512", "87.7"),
        ("Proxy-Anchor", "BN-Inception", "512", "86.4"),
        ("NormSoftmax", "ResNet-50", "512", "84.2"),
        ("Multi-Similarity", "BN-Inception", "512", "84.1"),
        ("NormSoftmax", "ResNet-50", "128", "81.6"),
        ("ProxyNCA", "ResNet-50", "128", "80.0"),
        ("Margin, distance sampling", "ResNet-50", "128", "79.3"),
        ("Triplet, soft-hard", "ResNet-50", "128", "75.4"),
    ]
    assert all(row[2] for row in cars.rows), "every row has its source"
    assert (cars.words, len(cars.header)) == (3, 5)
    birds = published_grid(result(settings={"dataset": {"use": "cub200"}}))
    assert birds is not None
    assert [row[-1] for row in birds.rows] == [
        "71.6", "70.1", "69.9", "69.7", "69.1", "68.7", "65.7", "64.0", "63.4", "61.3", "61.2", "57.4", "56.5",
    ]  # fmt: skip


def test_other_data_has_none() -> None:
    assert published_grid(result(settings={"dataset": {"use": "glyphs"}})) is None
    assert published_grid(result(settings={})) is None


def test_margins_are_those_of_the_triplet_loss_on_birds() -> None:
    grid = published_margins(result(settings={"dataset": {"use": "cub200"}, "loss": {"use": "triplet"}}))
    assert grid is not None
    assert (grid.rows[1], grid.rows[-1]) == ((".05–.075", ".422"), ("−.2", ".154"))
    assert published_margins(result(settings={"dataset": {"use": "cub200"}, "loss": {"use": "contrastive"}})) is None
    assert published_margins(result(settings={"dataset": {"use": "cars196"}, "loss": {"use": "triplet"}})) is None
