"""The rule of a sampler and a loss, found from the sampler's own batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from dmlcore.engine.probe.verdict import rule_of
from dmlcore.results.trials import Rule

LABELS = np.repeat(np.arange(10), 8)


def test_pairs_in_balanced_batches(real_study: Any) -> None:
    assert rule_of(real_study("glyphs_contrastive"), LABELS) == Rule(
        sampler="m_per_class",
        loss="contrastive",
        needs_positives=True,
        needs_negatives=True,
        samples_per_class=5,
        classes=10,
        smallest=10,
        below="training.batch_size = 9 is not a multiple of 5: a batch has 5 images (sampler.samples_per_class) of each"
        " of its classes. Use another batch size, or another samples_per_class.",
        multiples=True,
        largest=50,
        trains_batchnorm=True,
    )


def test_a_sampler_that_takes_fewer_classes_has_no_largest_size(real_study: Any) -> None:
    assert rule_of(real_study("glyphs_contrastive", "sampler.fewer_classes=true"), LABELS).largest is None


def test_proxies_with_any_batch(real_study: Any) -> None:
    rule = rule_of(real_study("glyphs_proxy_anchor", 'sampler={use="shuffled"}'), LABELS)
    assert (rule.needs_positives, rule.needs_negatives, rule.samples_per_class) == (False, False, None)
    assert (rule.smallest, rule.below, rule.multiples, rule.largest) == (1, "", False, None)


def test_one_image_a_class_allows_no_size(real_study: Any) -> None:
    rule = rule_of(real_study("glyphs_triplet", "sampler.samples_per_class=1"), LABELS)
    assert (rule.smallest, rule.samples_per_class, rule.multiples) == (None, 1, False)
