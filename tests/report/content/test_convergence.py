"""How fast losses converge, in numbers that are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from dmlcore.api.result import LossFacts, Result
from dmlcore.api.values import EpochSummary
from dmlcore.report.content.axis import Axis, AxisPoint
from dmlcore.report.content.convergence import (
    Convergence,
    convergence_of,
    convergence_table,
    course_of,
    loss_convergence,
    unit_text,
)
from sample_results import MAP, RECALL, made_material, result

LEVELS = (0.0, 0.2, 0.4, 0.5, 0.5)


def trained(
    levels: Sequence[float | None] = LEVELS,
    seconds: float = 2.0,
    loss: str = "contrastive",
    seed: int = 0,
    files: str = "",
) -> Result:
    """A run of 250 images per epoch in batches of 100, that is 3 steps."""
    curve = tuple(
        EpochSummary(
            epoch,
            1.0 if epoch else None,
            None,
            seconds if epoch else 9.0,
            250 / seconds if epoch else None,
            test=None if level is None else {RECALL: level},
        )
        for epoch, level in enumerate(levels)
    )
    settings = {"loss": {"use": loss}, "training": {"batch_size": 100}}
    return result(curve=curve, settings=settings, loss=LossFacts(loss), seed=seed, files={files: ""} if files else {})


def converging(*groups: Sequence[Result]) -> Convergence:
    points = tuple(AxisPoint(g[0].loss.name, g[0].loss.name, tuple(g), {}, {}) for g in groups)
    found = convergence_of(Axis("loss.use", points), RECALL)
    assert found is not None
    return found


def test_a_course_counts_steps_and_seconds_of_training_alone() -> None:
    course = course_of(trained(), RECALL)
    assert course is not None
    assert course.epochs.tolist() == [0, 1, 2, 3, 4]
    assert course.steps.tolist() == [0, 3, 6, 9, 12]
    assert course.seconds.tolist() == [0, 2, 4, 6, 8]
    assert course.values.tolist() == list(LEVELS)


def test_values_between_measured_epochs_are_interpolated() -> None:
    course = course_of(trained((0.0, None, 0.4, None, 0.6)), RECALL)
    assert course is not None
    assert course.epochs.tolist() == [0, 2, 4]
    assert course.after("epochs", 1) == pytest.approx(0.2)
    assert course.after("seconds", 5) == pytest.approx(0.45)
    assert course.until("steps", 0.5) == pytest.approx(9)
    assert course.until("epochs", 0.7) is None


@pytest.mark.parametrize("run", [trained((0.0, None, 0.4)), evolve(trained(), settings={})])
def test_a_run_without_a_curve_or_a_batch_size_has_no_course(run: Result) -> None:
    assert course_of(run, RECALL) is None


def test_a_loss_is_compared_early_and_by_when_it_reaches_the_reference() -> None:
    fast = [trained((0.0, 0.4, 0.5, 0.5, 0.6), 4.0, "proxy_anchor", seed) for seed in (0, 1)]
    convergence = converging(fast, [trained(seed=seed) for seed in (0, 1)])
    assert convergence.reference.label == "contrastive"
    assert convergence.same_steps
    assert convergence.early("epochs") == 1
    assert convergence.early("seconds") == 2
    assert convergence.target == pytest.approx(0.45)
    assert unit_text(convergence, "epochs", 1) == "1 epoch of 3 steps"
    table = convergence_table(convergence)
    assert table.header == ("", "proxy_anchor", "contrastive")
    assert table.rows == (
        ("Recall@1 after 1 epoch of 3 steps", "0.4000 ± 0.0000", "0.2000 ± 0.0000"),
        ("Recall@1 after 2 seconds", "0.2000 ± 0.0000", "0.2000 ± 0.0000"),
        ("Recall@1 at the end", "0.6000 ± 0.0000", "0.5000 ± 0.0000"),
        ("epochs to Recall@1 0.4500", "1.5", "2.5"),
        ("seconds to Recall@1 0.4500", "6.0", "5.0"),
    )


def test_steps_are_compared_too_where_an_epoch_has_more_of_them() -> None:
    smaller = trained(loss="triplet")
    smaller = evolve(smaller, settings={**smaller.settings, "training": {"batch_size": 50}})
    convergence = converging([trained()], [smaller])
    assert convergence.units == ("epochs", "steps", "seconds")
    assert convergence.early("steps") == 3
    assert unit_text(convergence, "steps", 3) == "3 steps"


def test_a_target_that_is_not_reached_by_all_runs_is_missing() -> None:
    convergence = converging([trained(loss="triplet", levels=(0.0, 0.1, 0.1))], [trained()])
    assert convergence_table(convergence).rows[-1][1] == "–"


def test_the_mean_over_seeds_reaches_the_target() -> None:
    slow, fast = trained((0.0, 0.1, 0.2, 0.3)), trained((0.0, 0.3, 0.6, 0.9), seed=1)
    convergence = converging([slow, fast], [trained(loss="triplet", levels=(0.0, 0.1, 0.1, 0.1))])
    assert convergence.target == pytest.approx(0.54)
    assert convergence_table(convergence).rows[3][1:] == ("2.7", "–")


def test_runs_measured_at_other_epochs_are_not_averaged() -> None:
    groups = [[trained(), trained((0.0, None, 0.4, 0.4, 0.4), seed=1)], [trained(loss="triplet")]]
    points = tuple(AxisPoint(g[0].loss.name, g[0].loss.name, tuple(g), {}, {}) for g in groups)
    assert convergence_of(Axis("loss.use", points), RECALL) is None


def test_the_reference_is_a_loss_on_pairs() -> None:
    learned = trained(loss="contrastive", files="proxies.safetensors")
    assert converging([learned], [trained(loss="triplet")]).reference.label == "triplet"


def test_samples_have_the_noise_of_all_losses() -> None:
    convergence = converging([trained(), trained((0, 0.3, 0.4, 0.4, 0.4), seed=1)], [trained(loss="triplet")])
    samples = convergence.samples("epochs", 1)
    np.testing.assert_allclose(samples["contrastive"].values, [0.2, 0.3])
    for sample in samples.values():
        assert sample.seed_variance is not None
        assert sample.seed_variance.value == pytest.approx(0.005)


def test_only_a_study_of_losses_has_a_convergence(tmp_path: Path) -> None:
    margins = made_material(tmp_path / "margins", [{"loss.margin": 0.1}, {"loss.margin": 0.5}], lambda point: 0.5)
    losses = made_material(tmp_path / "losses", [{"loss.use": "a"}, {"loss.use": "b"}], lambda point: 0.5)
    assert loss_convergence(margins, MAP) is None
    assert loss_convergence(losses, MAP) is not None
