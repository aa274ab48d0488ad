"""Towers as wide as the tables do not multiply; one softmax cannot say that several are right."""

import math

import pytest
import torch
from torch.nn import functional

from recsys_book.errata import neural as errata
from recsys_book.recommenders.neural import (
    NeuMFNetwork,
    batch_softmax_loss,
    multinomial_loss,
    tower_scores,
)


@pytest.fixture
def texts():
    g = torch.Generator().manual_seed(0)
    return torch.randn(4, 16, generator=g), torch.randn(4, 16, generator=g)


@pytest.mark.erratum("CF-06")
def test_the_articles_towers_do_not_multiply(texts):
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        errata.cf_06_towers_as_wide_as_the_tables(*texts, 50, 80)


@pytest.mark.erratum("CF-06")
def test_with_as_many_users_as_items_the_loss_has_no_labels_for_the_scores(texts):
    scores = errata.cf_06_towers_as_wide_as_the_tables(*texts, 60, 60)
    assert scores.shape == (4, 4)
    with pytest.raises(ValueError, match="target size"):
        functional.binary_cross_entropy(scores, torch.ones(4))
    assert errata.cf_06_weights(768, 1_000_000, 10_000) > 7.7e8


@pytest.mark.erratum("CF-06")
def test_our_towers_share_a_dimension_whatever_the_tables(texts):
    users, items = texts
    scores = tower_scores(users[:2], items)
    assert scores.shape == (2, 4)
    square = tower_scores(users, items)
    loss = batch_softmax_loss(square, torch.arange(4))
    assert loss.ndim == 0 and torch.isfinite(loss)


@pytest.mark.erratum("CF-07")
def test_the_articles_items_get_recommendations_and_no_pair_is_scored():
    g = torch.Generator().manual_seed(0)
    users, items = torch.randn(3, 5, generator=g), torch.randn(7, 5, generator=g)
    weight = torch.randn(5, 7, generator=g)
    out = errata.cf_07_softmax_of_stacked_rows(users, items, weight)
    assert out.shape == (10, 7)
    other = errata.cf_07_softmax_of_stacked_rows(users, items.flip(0), weight)
    torch.testing.assert_close(out[:3], other[:3])  # the users' rows know nothing of the items


@pytest.mark.erratum("CF-07")
def test_perfect_scores_leave_the_softmax_at_log_k_and_bring_the_sigmoid_to_zero():
    relevant = torch.tensor([1.0, 1, 1, 1, 0, 0])
    scores = torch.where(relevant > 0, 50.0, -50.0)
    assert errata.cf_07_softmax_loss(scores, relevant).item() == pytest.approx(math.log(4))
    assert functional.binary_cross_entropy_with_logits(scores, relevant).item() < 1e-6
    better = scores + torch.tensor([0.0, 1, 0, 0, 0, 0])
    assert errata.cf_07_softmax_loss(better, relevant) > math.log(4)


@pytest.mark.erratum("CF-07")
def test_ours_scores_pairs_and_its_softmax_is_over_draws_not_over_truths():
    network = NeuMFNetwork(3, 7, 2, (4,), "both", torch.Generator().manual_seed(0))
    pairs = network(torch.tensor([0, 0, 1]), torch.tensor([5, 6, 5]))
    assert pairs.shape == (3,) and len(set(pairs.tolist())) == 3
    rows = torch.tensor([[1.0, 1, 1, 1, 0, 0]])
    even = torch.where(rows > 0, 50.0, -50.0)
    # the multinomial's floor is the entropy of the draws; what counts is that it is a minimum
    tilted = even + torch.tensor([[2.0, 0, 0, 0, 0, 0]])
    assert multinomial_loss(even, rows) < multinomial_loss(tilted, rows)


@pytest.mark.erratum("COD-13")
def test_the_articles_deep_model_is_linear():
    x = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    model = errata.Cod13DeepInName(2, 20)
    out = model(x)[:, 0]
    assert (out[1] + out[2]).item() == pytest.approx((out[0] + out[3]).item(), abs=1e-6)
    assert sum(p.numel() for p in model.parameters()) == 3
    p = torch.tensor([[-1.0], [1.0]])
    network = NeuMFNetwork(2, 2, 1, (4,), "gmf", torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.p.weight.copy_(p), network.q.weight.copy_(p)
    s = network(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])).detach()
    assert (s[1] + s[2]).item() != pytest.approx((s[0] + s[3]).item(), abs=1.0)
