"""Explanations say what the figures of studies with a known truth show, and what they don't."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from dmlcore.api.blocks import Block, Formula, Table, Text
from dmlcore.api.result import LossFacts
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.explanation import explain
from sample_results import RECALL, made_material

DIMS = [{"embedding.dim": dim} for dim in (16, 32, 64, 128, 256, 512)]
MARGINS = [{"loss.margin": margin} for margin in (0.1, 0.3, 0.5, 0.7, 0.9)]


def blocks(material: StudyMaterial) -> list[Block]:
    return list(explain(material))


def texts(material: StudyMaterial) -> list[str]:
    return [block.text for block in blocks(material) if isinstance(block, Text)]


def one(material: StudyMaterial, *words: str) -> str:
    """The one paragraph that has all of these words."""
    found = [text for text in texts(material) if all(word in text for word in words)]
    assert len(found) == 1, (words, texts(material))
    return found[0]


def table(material: StudyMaterial, word: str) -> Table:
    """The one table with this word in its caption."""
    (found,) = (b for b in blocks(material) if isinstance(b, Table) and word in b.caption)
    return found


def rising(point: Mapping[str, Any]) -> float:
    return 0.7 - 0.3 * math.exp(-point["embedding.dim"] / 48)


def flattening_rank(point: Mapping[str, Any]) -> dict[str, float]:
    return {"effective_rank": 40 * (1 - math.exp(-point["embedding.dim"] / 60))}


def inner(point: Mapping[str, Any]) -> float:
    return 0.65 - (point["loss.margin"] - 0.5) ** 2


def activity(point: Mapping[str, Any]) -> dict[str, float]:
    return {"active_negative_pairs": 0.6 * (1 - point["loss.margin"]) ** 2}


def test_a_dimension_that_rises_and_flattens_with_the_effective_rank(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS, rising, geometry=flattening_rank)
    assert one(material, "Recall@1 is lowest at embedding.dim=16").endswith(
        "embedding.dim changes Recall@1 significantly."
    )
    assert one(material, "The effective rank on test images rises from 9.3").endswith("512 dimensions (8%).")
    assert one(material, "From 16 to 512 dimensions (32×)", "agrees with the textbook")
    flat = one(material, "levels off", "hardly used")
    assert re.search(r"at embedding.dim=(128|256): from there to 512, the dimension grows (4|2)×", flat)
    moved = table(material, "changed with Recall@1")
    assert moved.rows[0][0] == "effective rank on test images"
    assert moved.rows[0][4:] == ("+1.00", "0.0028")
    steps = table(material, "from one value to the next")
    assert [row[0] for row in steps.rows] == ["16 → 32", "32 → 64", "64 → 128", "128 → 256", "256 → 512"]


def test_used_dimensions_that_do_not_help_are_no_reason_to_flatten(tmp_path: Path) -> None:
    material = made_material(
        tmp_path, DIMS, rising, geometry=lambda point: {"effective_rank": point["embedding.dim"] / 2}
    )
    assert one(material, "levels off", "are used, but")


def test_a_dimension_without_effect_supports_no_story(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS, lambda point: 0.6, geometry=flattening_rank)
    assert one(material, "Recall@1 is lowest", "do not show that embedding.dim changes Recall@1")
    assert one(material, "the effective rank grows 4.2", "do not support")
    assert not [text for text in texts(material) if "levels off" in text]


def test_a_rise_without_more_directions_in_use_does_not_support_the_textbook(tmp_path: Path) -> None:
    material = made_material(
        tmp_path, DIMS, rising, geometry=lambda point: {"effective_rank": 30 - math.log(point["embedding.dim"])}
    )
    assert one(material, "Recall@1 rises with the dimension but not with", "do not support")


def test_a_dimension_that_harms_is_reported_as_it_is(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS, lambda p: 0.8 - rising(p), geometry=flattening_rank)
    assert one(material, "Recall@1 is higher at 16 dimensions than at", "contradicts the textbook")


def test_a_margin_with_an_inner_optimum(tmp_path: Path) -> None:
    facts = LossFacts("contrastive", r"\max(s - m, 0)", 0.5, "cosine", "threshold")
    material = made_material(
        tmp_path,
        MARGINS,
        inner,
        diagnostics=activity,
        geometry=lambda point: {"similarity_overlap": 0.05 + 0.3 * (point["loss.margin"] - 0.5) ** 2},
        loss=facts,
    )
    assert Formula(r"\max(s - m, 0)") in blocks(material)
    assert table(material, "threshold").rows[2][2] == "1.0000"
    assert one(material, "loss.margin=0.5 is significantly different from every other value tried")
    assert one(
        material, "inside the range tried (0.1 to 0.9)", "loss.margin=0.5 is significantly higher than both ends"
    )
    assert "falls from 0.48" in one(material, "The share of active negative pairs in the last epoch")
    assert one(material, "Both extremes cost Recall@1", "the fewest active, 0.0060 at loss.margin=0.9")
    assert one(material, "overlap is lowest at loss.margin=0.5", "also the margin with", "Recall@1: ρ = −")


def test_a_margin_best_at_the_edge_says_so(tmp_path: Path) -> None:
    material = made_material(tmp_path, MARGINS, lambda p: 0.4 + 0.3 * p["loss.margin"], diagnostics=activity)
    assert one(material, "loss.margin=0.9, is at the edge of the range tried (0.1 to 0.9)")
    assert one(material, "Recall@1 is lost with many active pairs", "contradicts the textbook")


def test_an_overlap_that_is_least_elsewhere_explains_nothing(tmp_path: Path) -> None:
    material = made_material(
        tmp_path, MARGINS, inner, geometry=lambda point: {"similarity_overlap": 0.2 - 0.1 * point["loss.margin"]}
    )
    assert one(material, "overlap is lowest at loss.margin=0.9, 0.11", "does not explain which margin")
    assert one(material, "active pairs or triplets was not recorded at each of the 5 margins")


def test_a_margin_without_effect(tmp_path: Path) -> None:
    material = made_material(tmp_path, MARGINS, lambda point: 0.6, diagnostics=activity)
    assert one(material, "share of active negative pairs", "does not change significantly with it")
    recalls = {r.point["loss.margin"]: 0.0 for r in material.results}
    for found in material.results:
        recalls[found.point["loss.margin"]] += found.metrics[RECALL]
    highest = max(recalls, key=lambda margin: recalls[margin])
    assert one(material, "at the edge" if highest in (0.1, 0.9) else "An optimum inside the range is not shown")
    assert not [text for text in texts(material) if "The optimum is inside" in text]


def test_a_margin_of_a_loss_that_does_not_say_what_it_is(tmp_path: Path) -> None:
    material = made_material(tmp_path, MARGINS, inner, loss=LossFacts("own", margin=0.5, margin_axis="cosine"))
    assert one(material, "The loss own measures its margin as cosine", "does not state")


def test_losses_are_compared_with_their_formulas(tmp_path: Path) -> None:
    points = [{"loss": {"use": name}} for name in ("triplet", "proxy_anchor", "contrastive")]
    levels = {"triplet": 0.6, "proxy_anchor": 0.66, "contrastive": 0.6}
    material = made_material(
        tmp_path,
        points,
        lambda point: levels[point["loss"]["use"]],
        geometry=lambda point: {"effective_rank": 30.0 + len(point["loss"]["use"]), "hubness": 2.0},
    )
    named = tuple(
        evolve(result, loss=LossFacts(result.point["loss"]["use"], rf"L_{{{len(result.point['loss']['use'])}}}"))
        for result in material.results
    )
    material = evolve(material, results=named)
    assert one(material, "loss=proxy_anchor is significantly different from every other value")
    assert one(material, "loss=triplet, the loss triplet:")
    assert Formula("L_{12}") in blocks(material)
    pairs = table(material, "Pairwise differences in Recall@1")
    assert pairs.rows[-1][0] == "triplet − contrastive"
    assert float(pairs.rows[-1][3]) > 0.05
    assert one(material, "of the 2 recorded quantities differ")
    assert table(material, "Largest differences").rows[0][0] == "effective rank on test images"


def test_any_other_number(tmp_path: Path) -> None:
    points = [{"optimizer.learning_rate": rate} for rate in (1e-5, 1e-4, 1e-3)]
    material = made_material(
        tmp_path,
        points,
        lambda point: 0.6 + 0.1 * math.log10(point["optimizer.learning_rate"] * 1e4),
        geometry=lambda point: {"hubness": 2 + point["optimizer.learning_rate"] * 1000},
    )
    assert one(material, "Recall@1 is lowest at optimizer.learning_rate=1e-05")
    assert table(material, "changed with Recall@1").rows[0][4:] == ("+1.00", "0.33")
    assert one(material, "1 of 1 recorded", "probability 0.33, so 0.33 are expected")


def test_two_paths_are_explained_each_over_the_other(tmp_path: Path) -> None:
    points = [{"loss.margin": m, "embedding.dim": d} for m in (0.1, 0.5, 0.9) for d in (32, 64)]
    material = made_material(tmp_path, points, inner)
    assert one(material, "loss.margin: 3 values, each averaged over embedding.dim=32, embedding.dim=64.")
    assert one(material, "embedding.dim: 2 values, each averaged over loss.margin=0.1, loss.margin=0.5,")
    assert [text for text in texts(material) if text.startswith("Recall@1 is lowest at loss.margin=")]


def test_without_a_grid_before_and_after(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{}], lambda point: 0.6, geometry=lambda point: {"effective_rank": 30.0})
    grid = table(material, "before and after training")
    assert grid.rows == (("effective rank on test images", "15", "30"),)
    assert one(material, "The untrained network has Recall@1 0.27", "is significant")


def test_one_seed_is_said_to_be_one(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS, rising, seeds=[0])
    assert one(material, "Recall@1 is lowest", "With one seed, the seed noise is unknown")
    assert one(material, "nmi is lowest", "can't be tested: there is one seed")


def test_results_of_older_versions(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS[:3], rising, evidence=False)
    assert one(material, "9 runs of 9", "per-query values")
    assert one(material, "The 9 runs stored only metrics")
    assert one(material, "The spectrum of the embeddings was recorded at 0 of 3 dimensions")


def test_failed_and_unfinished_runs_are_named(tmp_path: Path) -> None:
    material = made_material(
        tmp_path,
        [{"loss.margin": 0.1}],
        lambda point: 0.5,
        failures={"loss.margin=2 seed=0": "The loss is NaN."},
        unfinished=("loss.margin=0.5 seed=0",),
    )
    failed, unfinished = texts(material)[:2]
    assert "1 failed run" in failed
    assert "loss.margin=2 seed=0: The loss is NaN." in failed
    assert "1 unfinished run" in unfinished
    assert "loss.margin=0.5 seed=0." in unfinished
    assert one(material, "loss.margin: the 3 finished runs", "nothing can be compared")


def test_nothing_finished(tmp_path: Path) -> None:
    material = evolve(made_material(tmp_path, [{}], lambda point: 0.5), results=())
    (text,) = texts(material)
    assert text.startswith("0 runs finished")


def test_no_sentence_without_its_figure(tmp_path: Path) -> None:
    materials = [
        made_material(tmp_path / "dims", DIMS, rising, geometry=flattening_rank),
        made_material(tmp_path / "margins", MARGINS, inner, diagnostics=activity),
        made_material(tmp_path / "none", MARGINS, lambda point: 0.6),
    ]
    for material in materials:
        assert len(texts(material)) > 3
        for text in texts(material):
            assert re.search(r"\d", text), text


def test_seeds_that_only_some_points_have_are_not_compared(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{"k": 1}, {"k": 2}], lambda point: 0.3 * point["k"], seeds=(0, 1))
    without = evolve(material, results=material.results[:-1])
    recall = [r.metrics[RECALL] for r in material.results if r.seed == 0]
    assert f"{min(recall):.4f}" in one(without, "Recall@1 is lowest at k=1")


def test_formulas_are_in_the_part_of_latex_that_is_drawn(tmp_path: Path) -> None:
    from matplotlib.mathtext import MathTextParser

    material = made_material(tmp_path, DIMS[:3], rising, geometry=flattening_rank)
    formulas = [block.latex for block in blocks(material) if isinstance(block, Formula)]
    assert formulas
    for formula in formulas:
        assert MathTextParser("path").parse(f"${formula}$").width > 0
