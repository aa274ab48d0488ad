"""The articles' formulas for language-model recommenders fail as described; ours do not."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_matrix

from recsys_book.encoders import TextEncoder
from recsys_book.errata import reading as errata
from recsys_book.preprocessing.reviews import texts_of_others
from recsys_book.recommenders.features.din import ActivationUnit, din_pooling
from recsys_book.recommenders.language import funnel, infonce_loss, reciprocal_ranks, user_vectors


@pytest.mark.erratum("CF-08")
def test_a_softmax_of_one_score_is_one_and_sigmoids_are_not():
    logits = np.array([-37.0, 0.0, 12.0])
    np.testing.assert_array_equal(errata.cf_08_softmax_of_one_score(logits), 1.0)
    chances = funnel(torch.tensor([[-3.0, 1.0], [0.0, 0.0], [3.0, 1.0]])).numpy()
    assert (np.diff(chances[:, 0]) > 0.1).all()
    np.testing.assert_allclose(chances[1], [0.5, 0.25], atol=1e-6)


@pytest.mark.erratum("CF-09")
def test_a_new_item_loses_whatever_its_match():
    match, rating = np.array([0.9, 0.1]), np.array([0.0, 4.0])
    assert errata.cf_09_score_times_rating(match, rating).argmax() == 1
    for good in (1.0, 100.0):
        assert errata.cf_09_score_times_rating(np.array([good, 0.1]), rating)[0] == 0
    assert match.argmax() == 0  # the score alone ranks it first


@pytest.mark.erratum("CF-10")
def test_attention_over_one_vector_returns_it_for_everybody():
    rng = np.random.default_rng(0)
    u, v, h = rng.normal(size=(3, 8))
    for user, item in ((u, v), (100 * u, v), (u, -v)):
        np.testing.assert_array_equal(errata.cf_10_attention_over_one_vector(user, item, h), h)


@pytest.mark.erratum("CF-10")
def test_attention_of_the_candidate_over_many_items_depends_on_the_candidate():
    generator = torch.Generator().manual_seed(0)
    keys = torch.randn(1, 5, 8, generator=generator)
    unit = ActivationUnit(8, 4, 0.2, generator)
    for weight in unit.parameters():
        torch.nn.init.normal_(weight, generator=generator)
    pooled = [din_pooling(unit(keys, q), keys) for q in torch.randn(2, 1, 8, generator=generator)]
    assert (pooled[0] - pooled[1]).abs().max() > 0.1


def code(rating, weights):
    return np.tanh(rating * weights)


@pytest.mark.erratum("CF-11")
def test_one_formula_gives_users_and_items_one_vector():
    ratings = np.array([[5.0, 1.0], [3.0, 4.0]])
    users, items = errata.cf_11_one_formula_for_both(code, ratings, np.arange(1.0, 5) / 10)
    np.testing.assert_array_equal(users[1], items[1])
    np.testing.assert_array_equal(items[0], code(3.0, np.arange(1.0, 5) / 10))
    other = ratings.copy()
    other[0, 0], other[0, 1] = 1.0, 4.0  # the first ratings leave no trace
    again, _ = errata.cf_11_one_formula_for_both(code, other, np.arange(1.0, 5) / 10)
    np.testing.assert_array_equal(again[1], users[1])


@pytest.mark.erratum("CF-11")
def test_ours_gives_each_user_the_mean_of_their_own_items():
    items = np.eye(3)
    users = user_vectors(csr_matrix(np.array([[1.0, 0, 0], [0, 1, 1]])), items)
    assert abs(users[0] @ users[1]) < 1e-12
    assert users[0] @ items[0] > 0.99


@pytest.mark.erratum("CF-14")
def test_frozen_vectors_cannot_be_optimised_and_a_map_can():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="empty parameter list"):
        errata.cf_14_optimise_frozen_vectors(rng.normal(size=(4, 3)), rng.normal(size=(5, 3)))
    map_ = torch.nn.Linear(3, 3, bias=False)
    torch.nn.init.eye_(map_.weight)
    items = torch.tensor(rng.normal(size=(5, 3)), dtype=torch.float32)
    infonce_loss(map_(items[:4]), map_(items), torch.tensor([1, 2, 3, 4]), 0.2).backward()
    assert map_.weight.grad.abs().sum() > 0.01


@pytest.mark.erratum("CF-14")
def test_lists_put_together_never_show_the_second_and_the_merge_does():
    users, items = [0, 1, 2, 3], [7, 1, 8, 9]
    assert errata.cf_14_lists_put_together(users, items, 4) == users
    scores = np.full((2, 10), -np.inf)
    scores[0, users], scores[1, items] = [4, 3, 2, 1], [4, 3, 2, 1]
    merged = reciprocal_ranks(scores, 60.0).sum(axis=0)
    best = np.argsort(-merged)[:3]
    assert best[0] == 1 and set(best[1:]) == {0, 7}


@pytest.fixture(scope="module")
def reviews():
    """Simulated: ratings that are pure noise, and a review that fits each."""
    user, item, rating, texts = errata.simulated_reviews(40, 30, seed=0)
    encode = TextEncoder.from_pretrained().encode
    return user, item, rating, texts, encode


@pytest.mark.erratum("CF-16")
def test_ones_own_review_gives_the_rating_away_and_those_of_others_do_not(reviews):
    user, item, rating, texts, encode = reviews
    train = np.random.default_rng(1).random(len(user)) < 0.7
    predicted = errata.cf_16_rating_from_own_review(encode(texts).astype(float), rating, train)
    assert np.corrcoef(predicted, rating[~train])[0, 1] > 0.9
    log = pd.DataFrame({"user": user, "item": item, "text": texts})
    log["timestamp"] = np.random.default_rng(2).permutation(len(log))
    others = texts_of_others(log, most=20)
    known = np.array([len(o) > 0 for o in others])
    vectors = dict(zip(sorted(set(texts)), encode(sorted(set(texts))).astype(float)))
    means = np.stack([np.mean([vectors[t] for t in o], axis=0) for o in others if o])
    honest = errata.cf_16_rating_from_own_review(means, rating[known], train[known])
    assert abs(np.corrcoef(honest, rating[known][~train[known]])[0, 1]) < 0.15
