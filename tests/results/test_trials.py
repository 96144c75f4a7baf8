"""What the figures of a trial show, and probes of older formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dmlcore.errors import DamagedResultsError
from dmlcore.results.trials import Probe, Regime, Trial, from_json, graded, regime_of, to_json
from sample_results import drawn_probe

SCHEMA_2 = Path(__file__).parent / "probe_schema_2.json"
"""The probe of three sizes as format 2 stored it, with its old names of regimes."""

HEALTHY = {"steps": 60.0, "zero_loss_steps": 0.0, "gradient_norm": 1.0, "gain": 0.1, "gain_low": 0.05, "gain_high": 0.2}


@pytest.mark.parametrize(
    ("figures", "regime"),
    [
        ({}, "impossible"),
        ({"positives_per_anchor": 4.0}, "impossible"),
        ({"steps": 3.0, "loss_first": 1.0}, "failed"),
        (HEALTHY, "learns"),
        (HEALTHY | {"zero_loss_steps": 0.95}, "learns"),
        (HEALTHY | {"zero_loss_steps": 1.0}, "no signal"),
        (HEALTHY | {"gradient_norm": 0.0}, "no signal"),
        (HEALTHY | {"unseen_cosine_before": 0.956, "unseen_cosine": 0.995}, "collapsed"),
        (HEALTHY | {"unseen_cosine_before": 0.998, "unseen_cosine": 0.995}, "learns"),
        (HEALTHY | {"unseen_cosine_before": 0.2, "unseen_cosine": 0.6}, "learns"),
        (HEALTHY | {"mean_cosine_last": 0.99995}, "collapsed"),
        (HEALTHY | {"gain_low": -0.01}, "inconclusive"),
        (HEALTHY | {"gain_low": -0.3, "gain_high": -0.1, "gain": -0.2}, "harmful"),
        ({"steps": 60.0, "zero_loss_steps": 0.0, "gradient_norm": 1.0, "gain": 0.1}, "learns"),
        ({"steps": 60.0, "zero_loss_steps": 0.0, "gradient_norm": 1.0, "gain": -0.1}, "inconclusive"),
    ],
)
def test_figures_give_the_regime(figures: dict[str, float], regime: Regime) -> None:
    assert regime_of(figures) == regime


def test_less_than_half_of_the_best_gain_is_weak() -> None:
    gains = {20: 0.2, 10: 0.09, 5: 0.11, 40: 0.02}
    trials = [Trial(size, "learns", (), {"gain": gain}) for size, gain in gains.items()]
    trials += [Trial(80, "learns", (), {"gain": 0.9}, refused="No."), Trial(1, "impossible", (), refused="No.")]
    found = {trial.batch_size: trial.regime for trial in graded(trials)}
    assert found == {1: "impossible", 5: "learns", 10: "weak", 20: "learns", 40: "weak", 80: "learns"}
    assert list(found) == sorted(found)


def test_only_sizes_that_the_rule_allows_run_and_learn() -> None:
    refused = Trial(5, "learns", (), HEALTHY, refused="No negative pair.")
    assert (refused.stepped, refused.runs, refused.learns) == (True, False, False)
    probe = drawn_probe()
    assert (probe.smallest_that_runs, probe.smallest_that_learns) == (10, 20)


def test_a_probe_is_read_as_it_was_stored() -> None:
    probe = drawn_probe()
    assert from_json(to_json(probe), "here") == probe


@pytest.fixture
def old() -> Probe:
    return from_json(SCHEMA_2.read_text(encoding="utf-8"), "here")


def test_an_old_probe_gets_the_regimes_of_today(old: Probe) -> None:
    stored = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    assert [trial["regime"] for trial in stored["trials"]] == ["undefined", "undefined", "weak"]
    assert [trial.regime for trial in old.trials] == ["impossible", "learns", "inconclusive"]
    assert (old.smallest_that_runs, old.smallest_that_learns) == (10, None)
    assert old.rule is None


def test_an_old_refusal_is_a_fact_of_its_own(old: Probe) -> None:
    one, five, ten = old.trials
    assert one.refused.startswith("training.batch_size = 1 is not a multiple of 5")
    assert five.refused.startswith("A batch of 5 images of 1 class has only one class")
    assert ten.refused == ""
    assert one.reasons == ()
    assert [reason.split()[0] for reason in five.reasons] == ["5", "60", "retrieval/recall_at_1"]


def test_a_damaged_old_probe_is_named() -> None:
    stored = json.loads(SCHEMA_2.read_text(encoding="utf-8"))
    del stored["checksum"], stored["trials"]
    stored["schema"] = 1
    with pytest.raises(DamagedResultsError, match="here: damaged probe"):
        from_json(json.dumps(stored), "here")
