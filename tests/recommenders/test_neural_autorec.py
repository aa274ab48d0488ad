"""AutoRec: the masked error, planted low-rank ratings, fallbacks, and bad input."""

import numpy as np
import pytest
import torch
from contract import check_contract, checkerboard

from recsys_book.data import Interactions, latent_factor_ratings
from recsys_book.evaluation import evaluate_ratings
from recsys_book.preprocessing import random_split
from recsys_book.recommenders import UserItemBias
from recsys_book.recommenders.neural import AutoRec, observed_loss

SMALL = {"hidden": 8, "epochs": 5, "batch_size": 8}


def ratings(user, item, value, n_users, n_items):
    return Interactions(
        user=np.asarray(user),
        item=np.asarray(item),
        value=np.asarray(value, dtype=float),
        timestamp=np.arange(len(user)),
        users=np.arange(n_users),
        items=np.arange(n_items),
    )


@pytest.mark.parametrize("based_on", ["item", "user"])
def test_contract(based_on):
    check_contract(lambda: AutoRec(based_on=based_on, **SMALL), personalised=False)


@pytest.mark.equation("eq-autorec")
def test_only_observed_cells_count():
    values = torch.tensor([[1.0, -1.0], [0.0, 2.0]])
    observed = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    predictions = torch.tensor([[0.0, 100.0], [-100.0, 5.0]])
    assert observed_loss(predictions, values, observed).item() == pytest.approx((1 + 9) / 2)


@pytest.mark.equation("eq-autorec")
@pytest.mark.parametrize("based_on", ["item", "user"])
def test_planted_factors_are_found_beyond_the_biases(based_on):
    planted = latent_factor_ratings(n_users=150, n_items=100, n=6000, rank=2, seed=0)
    split = random_split(planted.interactions, 0.2, seed=0)
    model = AutoRec(40, based_on, dropout=0.0, rate=0.01, l2=0.1, epochs=60, batch_size=50)
    mine = evaluate_ratings(model.fit(split.train), split).rmse
    biases = evaluate_ratings(UserItemBias().fit(split.train), split).rmse
    assert mine < 0.85 * biases


@pytest.mark.parametrize("based_on", ["item", "user"])
def test_scores_are_predictions_within_the_range(based_on):
    log, _ = checkerboard()
    rng = np.random.default_rng(0)
    log = ratings(log.user, log.item, rng.integers(1, 6, len(log)), 20, 20)
    model = AutoRec(based_on=based_on, **SMALL).fit(log)
    user, item = np.divmod(np.arange(400), 20)
    predictions = model.predict(user, item)
    np.testing.assert_allclose(model.score(np.arange(20)).ravel(), predictions, rtol=1e-10)
    assert predictions.min() >= 1 and predictions.max() <= 5
    with pytest.raises(ValueError, match="pairs"):
        model.predict([0, 1], [0])


@pytest.mark.parametrize("based_on", ["item", "user"])
def test_what_is_unknown_is_left_to_the_biases(based_on):
    log = ratings([0, 0, 1, 1, 2], [0, 1, 0, 1, 0], [1, 5, 2, 4, 3], 4, 3)
    model = AutoRec(based_on=based_on, **SMALL).fit(log)
    users, items = np.array([-1, 0, 3, 0, -1]), np.array([0, -1, 0, 2, -1])
    want = np.clip(model.biases_.predict(users, items), 1, 5)
    np.testing.assert_allclose(model.predict(users, items), want, rtol=1e-12)
    np.testing.assert_allclose(model.score([-1])[0], np.clip(model.biases_.score([-1])[0], 1, 5))
    np.testing.assert_allclose(model.score([0])[0], model.predict([0, 0, 0], [0, 1, 2]))
    assert model.predict([], []).shape == (0,)


def test_equal_ratings_and_a_single_user():
    model = AutoRec(**SMALL).fit(ratings([0, 0, 1], [0, 1, 0], [3, 3, 3], 2, 2))
    np.testing.assert_allclose(model.predict([0, 1], [0, 1]), 3.0)
    single = AutoRec(**SMALL).fit(ratings([0, 0, 0], [0, 1, 2], [1, 3, 5], 1, 3))
    assert np.isfinite(single.predict([0, 0], [0, 2])).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"based_on": "both"}, "based_on is 'both'"),
        ({"hidden": 0}, "hidden is 0"),
        ({"dropout": 1.0}, "dropout is 1"),
        ({"rate": 1e30}, "diverged"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings, message):
    log = ratings([0, 0, 1], [0, 1, 0], [1, 3, 5], 2, 2)
    with pytest.raises(ValueError, match=message):
        AutoRec(**(SMALL | settings)).fit(log)
