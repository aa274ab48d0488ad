"""Attributions change nothing, and two readings of fairness can exclude each other."""

import numpy as np
import pytest

from recsys_book.errata import beyond_accuracy as errata
from recsys_book.recommenders.reranking import (
    calibrate,
    exposure_shares,
    group_gap,
    with_minimum_share,
)


@pytest.fixture
def proxy_model():
    """Cases with an attribute, a proxy of it, and a model that reads the proxy alone."""
    rng = np.random.default_rng(0)
    attribute = rng.integers(0, 2, 2000)
    features = np.column_stack([attribute, attribute + 0.1 * rng.normal(size=2000)])
    return attribute, features, np.array([0.0, 1.0])


@pytest.mark.erratum("PRV-06")
def test_an_attribution_of_zero_beside_the_largest_gap(proxy_model):
    attribute, features, weights = proxy_model
    phi = errata.prv_06_attributions_of_a_linear_model(features, weights)
    scores = features @ weights
    np.testing.assert_allclose(phi.sum(axis=1), scores - scores.mean())
    assert not phi[:, 0].any()
    gap, low, _ = group_gap((scores > 0.5).astype(float), attribute)
    assert gap > 0.99 and low > 0.98


@pytest.mark.erratum("PRV-06")
def test_re_ranking_changes_what_attribution_only_describes(proxy_model):
    attribute, features, weights = proxy_model
    scores = features @ weights
    before = np.argsort(-scores)[:50]
    after = with_minimum_share(scores, attribute == 0, 50, 0.5)
    shares = [exposure_shares(lists[None], attribute)[0] for lists in (before, after)]
    assert shares[0] == 0 and shares[1] > 0.4


@pytest.mark.erratum("PRV-08")
def test_two_readings_of_fair_exclude_each_other():
    assert not errata.prv_08_fair_to_everybody(np.array([0.8, 0.6]), 5)
    assert errata.prv_08_fair_to_everybody(np.array([0.8, 0.2]), 5)  # by luck


@pytest.mark.erratum("PRV-08")
def test_a_stated_criterion_can_be_met():
    kinds = np.repeat([0, 1], 10)
    relevance = np.linspace(1, 0, 20)
    mine = [
        calibrate(relevance, np.eye(2)[kinds], np.array([s, 1 - s]), 5, 1.0) for s in (0.8, 0.6)
    ]
    np.testing.assert_allclose([np.mean(kinds[c] == 0) for c in mine], [0.8, 0.6])
    makers = with_minimum_share(relevance, kinds == 1, 10, 0.5)
    assert np.mean(kinds[makers]) == 0.5
