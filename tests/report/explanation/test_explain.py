"""Explanations say what the figures of made studies show, and what they don't."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from dmlcore.api.blocks import Formula, Table, Text
from dmlcore.api.result import LossFacts
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.explanation import explain
from dmlcore.results.trials import Trial
from sample_results import RECALL, made_material, made_probe

DIMS = [{"embedding.dim": dim} for dim in (16, 32, 64, 128, 256, 512)]
MARGINS = [{"loss.margin": margin} for margin in (0.1, 0.3, 0.5, 0.7, 0.9)]


def texts(material: StudyMaterial) -> list[str]:
    return [block.text for block in explain(material).blocks if isinstance(block, Text)]


def grids(material: StudyMaterial) -> dict[str, Table]:
    return {block.caption: block for block in explain(material).blocks if isinstance(block, Table)}


def one(material: StudyMaterial, start: str) -> str:
    """The one paragraph with this start."""
    found = [text for text in texts(material) if text.startswith(start)]
    assert len(found) == 1, (start, texts(material))
    return found[0]


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
    assert explain(material).key == "explanation"
    assert one(material, "recall@1 is lowest at embedding.dim=16").endswith("So embedding.dim does change recall@1.")
    assert one(material, "The effective rank of the test embeddings rises from 9.3").endswith("512 (8%).")
    assert "These figures fit the textbook: from 16 to 512 dimensions, 32 times as many" in one(material, "These")
    flat = one(material, "It flattens from embedding.dim=")
    assert re.match(
        r"It flattens from embedding.dim=(128|256) on: from there to 512 the dimension grows (4|2) times", flat
    )
    assert flat.endswith("The added dimensions are hardly used, which fits that they bring no more.")
    moved = grids(material)["What moved with recall@1"]
    assert moved.rows[0][0] == "effective rank of the test embeddings"
    assert moved.rows[0][4:] == ("+1.00", "0.0028")
    steps = grids(material)["recall@1 from one value to the next"]
    assert [row[0] for row in steps.rows] == ["16 → 32", "32 → 64", "64 → 128", "128 → 256", "256 → 512"]


def test_used_dimensions_that_do_not_help_are_no_reason_to_flatten(tmp_path: Path) -> None:
    material = made_material(
        tmp_path, DIMS, rising, geometry=lambda point: {"effective_rank": point["embedding.dim"] / 2}
    )
    assert one(material, "It flattens from").endswith(
        "The added dimensions are used, so that unused dimensions do not explain why it flattens: what they hold does"
        " not help to tell unseen classes apart."
    )


def test_a_dimension_without_effect_supports_no_story(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS, lambda point: 0.6, geometry=flattening_rank)
    assert "So these runs do not show that embedding.dim changes recall@1" in one(material, "recall@1 is lowest")
    story = one(material, "That more dimensions hold more of what tells unseen classes apart is not supported")
    assert "the effective rank becomes 4.2" in story
    assert not [text for text in texts(material) if text.startswith("It flattens")]


def test_a_rise_without_more_directions_in_use_does_not_support_the_textbook(tmp_path: Path) -> None:
    material = made_material(
        tmp_path, DIMS, rising, geometry=lambda point: {"effective_rank": 30 - math.log(point["embedding.dim"])}
    )
    assert "So these figures do not support that more directions in use are the reason." in one(
        material, "recall@1 rises with the dimension, but not with"
    )


def test_a_dimension_that_harms_is_told_as_it_is(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS, lambda p: 0.8 - rising(p), geometry=flattening_rank)
    assert "the textbook's rise with the dimension is not what these figures show" in one(
        material, "Here recall@1 is higher with 16 dimensions than with"
    )


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
    assert Formula(r"\max(s - m, 0)") in explain(material).blocks
    assert grids(material)["The margin as a threshold on each axis"].rows[2][2] == "1.0000"
    assert one(material, "loss.margin=0.5 differs from every other value tried; the nearest is")
    assert one(material, "The optimum lies inside the range that was tried, 0.1 … 0.9: loss.margin=0.5 is above both")
    assert "falls from 0.48" in one(material, "The share of active negative pairs in the last epoch's batches")
    assert one(material, "Both too few and too many cost: with the least active, 0.0060 at loss.margin=0.9")
    assert "is also the one that retrieves best (rank correlation with recall@1: ρ = −" in one(
        material, "The margin with the least overlap, loss.margin=0.5"
    )


def test_a_margin_best_at_the_edge_says_so(tmp_path: Path) -> None:
    material = made_material(tmp_path, MARGINS, lambda p: 0.4 + 0.3 * p["loss.margin"], diagnostics=activity)
    assert one(material, "The highest value lies at the edge of what was tried, loss.margin=0.9 of 0.1 … 0.9")
    assert "the textbook's story that few active pairs or triplets leave nothing to learn from is not what" in one(
        material, "What is lost goes with too much that is active"
    )


def test_an_overlap_that_is_least_elsewhere_explains_nothing(tmp_path: Path) -> None:
    material = made_material(
        tmp_path, MARGINS, inner, geometry=lambda point: {"similarity_overlap": 0.2 - 0.1 * point["loss.margin"]}
    )
    assert one(material, "The least overlap, 0.11").endswith(
        "how far all pairs are parted does not explain which margin retrieves best."
    )
    assert one(material, "How many pairs or triplets were active was recorded at none of the 5 margins")


def test_a_margin_without_effect(tmp_path: Path) -> None:
    material = made_material(tmp_path, MARGINS, lambda point: 0.6, diagnostics=activity)
    assert "does not change beyond chance with it" in one(material, "The margin moves the share of active negative")
    assert "that there is an optimum inside is not shown" in " ".join(texts(material)) or one(
        material, "The highest value lies at the edge"
    )


def test_a_margin_of_a_loss_that_does_not_say_what_it_is(tmp_path: Path) -> None:
    material = made_material(tmp_path, MARGINS, inner, loss=LossFacts("own", margin=0.5, margin_axis="cosine"))
    assert one(material, "The loss own measures its margin as cosine; it does not say whether")


def trial(size: int, regime: Any, gain: float, learns: bool) -> Trial:
    figures = {"gain": gain, "gain_low": gain - 0.02, "gain_high": gain + 0.02, "zero_loss_steps": 0.0}
    return Trial(size, regime, (f"It was tried with {size} images.",), figures, learns)


TRIALS = (
    trial(1, "undefined", 0.0, False),
    trial(5, "degenerate", -0.05, False),
    trial(10, "weak", 0.05, True),
    trial(20, "fine", 0.2, True),
)


def probed(folder: Path, *arguments: Any) -> StudyMaterial:
    return evolve(made_material(folder, [{}], lambda point: 0.5), results=(), probe=made_probe(*arguments))


def test_a_probe(tmp_path: Path) -> None:
    material = probed(tmp_path, TRIALS, 10, 5)
    assert texts(material)[:2] == [
        "The smallest batch size that runs is 5.",
        "Undefined (no step can be made, or the loss is not finite): 1.",
    ]
    grid = grids(material)["What each batch size did"]
    assert grid.header == ("batch size", "regime", "zero-loss steps", "gain in recall@1", "learns")
    assert grid.rows[1] == ("5", "degenerate", "0", "−0.0500\n[−0.070, −0.030]", "no")
    assert "Batch size 10: It was tried with 10 images." in texts(material)


def test_a_batch_size_that_is_varied(tmp_path: Path) -> None:
    points = [{"training.batch_size": size} for size in (10, 20, 80)]
    material = made_material(
        tmp_path,
        points,
        lambda point: 0.4 + 0.003 * point["training.batch_size"],
        diagnostics=lambda point: {"zero_loss_steps": 1 / point["training.batch_size"]},
    )
    assert "falls from 0.10" in one(material, "The share of steps with zero loss of all epochs")
    assert one(material, "recall@1 is lowest at training.batch_size=10")


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
    assert one(material, "loss=proxy_anchor differs from every other value tried")
    assert one(material, "loss=triplet, the loss triplet:")
    assert Formula("L_{12}") in explain(material).blocks
    pairs = grids(material)["Every pair's difference in recall@1"]
    assert [row[0] for row in pairs.rows][-1] in ("triplet − contrastive", "contrastive − triplet")
    assert float(pairs.rows[-1][3]) > 0.05
    assert one(material, "Of 2 recorded figures, ")
    assert grids(material)["What sets highest and lowest apart"].rows[0][0] == "effective rank of the test embeddings"


def test_any_other_number(tmp_path: Path) -> None:
    points = [{"optimizer.learning_rate": rate} for rate in (1e-5, 1e-4, 1e-3)]
    material = made_material(
        tmp_path,
        points,
        lambda point: 0.6 + 0.1 * math.log10(point["optimizer.learning_rate"] * 1e4),
        geometry=lambda point: {"hubness": 2 + point["optimizer.learning_rate"] * 1000},
    )
    assert one(material, "recall@1 is lowest at optimizer.learning_rate=1e-05")
    assert grids(material)["What moved with recall@1"].rows[0][4:] == ("+1.00", "0.33")
    assert "by chance with probability 0.33, so that 0.33 are expected" in one(material, "1 of the 1 recorded")


def test_two_paths_are_explained_each_over_the_other(tmp_path: Path) -> None:
    points = [{"loss.margin": m, "embedding.dim": d} for m in (0.1, 0.5, 0.9) for d in (32, 64)]
    material = made_material(tmp_path, points, inner)
    assert one(material, "Along loss.margin, 3 values, each averaged over embedding.dim=32, embedding.dim=64.")
    assert one(material, "Along embedding.dim, 2 values, each averaged over loss.margin=0.1, loss.margin=0.5,")
    assert [text for text in texts(material) if text.startswith("recall@1 is lowest at loss.margin=")]


def test_without_a_grid_before_and_after(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{}], lambda point: 0.6, geometry=lambda point: {"effective_rank": 30.0})
    grid = grids(material)["What training did to the embeddings of unseen classes"]
    assert grid.rows == (("effective rank of the test embeddings", "15", "30"),)
    assert "so training does change it." in one(material, "The untrained network has recall@1 0.27")


def test_one_seed_is_said_to_be_one(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS, rising, seeds=[0])
    assert "There is one seed, so the noise of seeds is unknown and not in this." in one(material, "recall@1 is lowest")
    assert "No test says whether they differ: there is one seed, and no value for each query was stored." in one(
        material, "nmi is lowest"
    )


def test_results_of_older_versions(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS[:3], rising, evidence=False)
    assert one(material, "9 runs of 9 stored no values for each query")
    assert one(material, "No quantities beside the metrics are stored for these 9 runs")
    assert one(material, "The spectrum of the embeddings was recorded at 0 of 3 dimensions")


def test_failed_and_unfinished_runs_are_named(tmp_path: Path) -> None:
    material = made_material(
        tmp_path,
        [{"loss.margin": 0.1}],
        lambda point: 0.5,
        failures={"loss.margin=2 seed=0": "The loss is NaN."},
        unfinished=("loss.margin=0.5 seed=0",),
    )
    assert texts(material)[:2] == [
        "Not in these figures, because training failed (1 run): loss.margin=2 seed=0: The loss is NaN.",
        "1 run still to be made and not in these figures: loss.margin=0.5 seed=0.",
    ]
    assert one(material, "loss.margin: the 3 runs finished so far give no two values of it that can be compared")


def test_nothing_finished(tmp_path: Path) -> None:
    material = evolve(made_material(tmp_path, [{}], lambda point: 0.5), results=())
    assert texts(material) == ["0 runs finished: there is nothing to explain yet."]


def test_no_sentence_without_its_figure(tmp_path: Path) -> None:
    materials = [
        made_material(tmp_path / "dims", DIMS, rising, geometry=flattening_rank),
        made_material(tmp_path / "margins", MARGINS, inner, diagnostics=activity),
        made_material(tmp_path / "none", MARGINS, lambda point: 0.6),
    ]
    for material in materials:
        for text in texts(material):
            assert re.search(r"\d", text), text


def test_seeds_that_only_some_points_have_are_left_out_of_the_comparison(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{"k": 1}, {"k": 2}], lambda point: 0.3 * point["k"], seeds=(0, 1))
    without = evolve(material, results=material.results[:-1])
    recall = [r.metrics[RECALL] for r in material.results if r.seed == 0]
    assert f"{min(recall):.4f}" in one(without, "recall@1 is lowest at k=1")


def test_formulas_are_in_the_part_of_latex_that_is_drawn(tmp_path: Path) -> None:
    from matplotlib.mathtext import MathTextParser

    material = made_material(tmp_path, DIMS[:3], rising, geometry=flattening_rank)
    formulas = [block.latex for block in explain(material).blocks if isinstance(block, Formula)]
    assert formulas
    for formula in formulas:
        assert MathTextParser("path").parse(f"${formula}$").width > 0
