"""Item and user biases: damped means and the exact ridge solution."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from recsys_book.data import Interactions
from recsys_book.recommenders import ItemBias, UserItemBias, damped_mean


@pytest.fixture
def ratings():
    rng = np.random.default_rng(1)
    user, item = rng.integers(0, 30, 400), rng.integers(0, 20, 400)
    value = np.clip(np.round(3 + rng.normal(size=30)[user] + rng.normal(size=20)[item]), 1, 5)
    return Interactions(user, item, value, np.arange(400), np.arange(30), np.arange(20))


def test_damped_mean_by_hand():
    values, group = np.array([1.0, 3.0, 4.0]), np.array([0, 0, 2])
    np.testing.assert_allclose(damped_mean(values, group, 3, 0), [2, 0, 4])
    np.testing.assert_allclose(damped_mean(values, group, 3, 2), [1, 0, 4 / 3])


def test_exact_biases_are_the_ridge_regression_on_indicators(ratings):
    model = UserItemBias(l2_user=4.0, l2_item=4.0).fit(ratings)
    design = np.hstack([np.eye(30)[ratings.user], np.eye(20)[ratings.item]])
    ridge = Ridge(alpha=4.0, fit_intercept=False, solver="cholesky")
    ridge.fit(design, ratings.value - ratings.value.mean())
    np.testing.assert_allclose(model.user_bias_, ridge.coef_[:30], atol=1e-9)
    np.testing.assert_allclose(model.item_bias_, ridge.coef_[30:], atol=1e-9)


def test_exact_beats_damped_on_its_own_objective(ratings):
    def objective(m):
        error = ratings.value - m.predict(ratings.user, ratings.item)
        return (error**2).sum() + 5 * (m.user_bias_**2).sum() + 5 * (m.item_bias_**2).sum()

    assert objective(UserItemBias().fit(ratings)) < objective(
        UserItemBias(method="damped").fit(ratings)
    )


def test_unknown_users_and_items_have_no_bias(ratings):
    model = UserItemBias().fit(ratings)
    got = model.predict([-1, 3, -1, 3], [-1, -1, 2, 2])
    mean, b_u, b_i = model.mean_, model.user_bias_[3], model.item_bias_[2]
    np.testing.assert_allclose(got, [mean, mean + b_u, mean + b_i, mean + b_u + b_i])
    np.testing.assert_allclose(model.score([-1])[0], mean + model.item_bias_)


def test_score_and_predict_agree(ratings):
    for model in (ItemBias(), UserItemBias(), UserItemBias(method="damped")):
        model.fit(ratings)
        np.testing.assert_allclose(model.score([3])[0], model.predict([3] * 20, np.arange(20)))


def test_bad_input_is_named(ratings):
    with pytest.raises(ValueError, match="2 users and 1 items"):
        ItemBias().fit(ratings).predict([0, 1], [0])
    with pytest.raises(ValueError, match="item position 20"):
        ItemBias().fit(ratings).predict([0], [20])
    with pytest.raises(ValueError, match="damping is -1"):
        ItemBias(-1).fit(ratings)
    with pytest.raises(ValueError, match="l2_item is -2"):
        UserItemBias(l2_item=-2).fit(ratings)
    with pytest.raises(ValueError, match="above 0 for method 'exact'"):
        UserItemBias(l2_item=0).fit(ratings)
    with pytest.raises(ValueError, match="method is 'guess'"):
        UserItemBias(method="guess").fit(ratings)
    with pytest.raises(ValueError, match="not fitted"):
        ItemBias().predict([0], [0])
