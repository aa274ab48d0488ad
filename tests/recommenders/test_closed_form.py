"""EASE: the solution, its optimality, and what half_life does."""

import numpy as np
import pytest
from contract import checkerboard
from sklearn.linear_model import Ridge

from recsys_book.data import Interactions
from recsys_book.recommenders import EASE, ease_objective, ease_weights, positions_from_end
from recsys_book.recommenders.closed_form import inverse_of_positive


@pytest.fixture
def X():
    return (np.random.default_rng(5).random((40, 12)) < 0.35).astype(float)


@pytest.mark.equation("eq-ease-objective")
def test_no_small_change_with_a_zero_diagonal_lowers_the_objective(X):
    B = ease_weights(X.T @ X, 3.0)
    best = ease_objective(X, B, 3.0)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-1, 1.0):
        step = rng.normal(size=B.shape) * size
        np.fill_diagonal(step, 0)
        assert ease_objective(X, B + step, 3.0) > best


@pytest.mark.equation("eq-ease-multiplier")
def test_the_gradient_is_zero_except_on_the_diagonal_where_the_multiplier_stands(X):
    l2 = 3.0
    G = X.T @ X
    B = ease_weights(G, l2)
    half_gradient = -G + G @ B + l2 * B  # half the derivative of the objective
    multiplier = 1 / np.diag(np.linalg.inv(G + l2 * np.eye(len(G)))) - l2
    np.testing.assert_allclose(half_gradient, -np.diag(multiplier), atol=1e-10)


@pytest.mark.equation("eq-ease-solution")
def test_ease_is_one_ridge_regression_per_item(X):
    B = ease_weights(X.T @ X, 3.0)
    assert (np.diag(B) == 0).all()
    for j in range(X.shape[1]):
        others = np.arange(X.shape[1]) != j
        ridge = Ridge(alpha=3.0, fit_intercept=False, solver="cholesky").fit(X[:, others], X[:, j])
        np.testing.assert_allclose(B[others, j], ridge.coef_, atol=1e-10)


def test_inverse_of_a_positive_matrix(X):
    A = X.T @ X + np.eye(12)
    inverse = inverse_of_positive(A)
    np.testing.assert_allclose(inverse, np.linalg.inv(A), atol=1e-12)
    np.testing.assert_array_equal(inverse, inverse.T)
    with pytest.raises(ValueError, match="not positive definite at row 1"):
        inverse_of_positive(np.diag([1.0, -1.0]))


def test_without_the_constraint_every_item_predicts_itself(X):
    G = X.T @ X
    free = np.linalg.solve(G + 1e-9 * np.eye(len(G)), G)
    np.testing.assert_allclose(free, np.eye(len(G)), atol=1e-6)


def test_positions_from_end_with_unsorted_rows_and_ties():
    log = Interactions(
        user=np.array([1, 0, 1, 0, 1]),
        item=np.arange(5),
        value=np.ones(5),
        timestamp=np.array([30, 5, 10, 5, 20]),
        users=np.arange(2),
        items=np.arange(5),
    )
    assert positions_from_end(log).tolist() == [0, 1, 2, 0, 1]


def test_half_life_weights_the_history_and_leaves_the_weights_alone():
    log, _ = checkerboard()
    plain, recent = EASE(5.0).fit(log), EASE(5.0, half_life=2.0).fit(log)
    np.testing.assert_array_equal(plain.weights_, recent.weights_)
    history = recent.history_.toarray()[0]
    np.testing.assert_allclose(history[[18, 16, 14]], [1, 0.5**0.5, 0.5])


def test_a_repeated_pair_counts_once_without_half_life():
    log, _ = checkerboard()
    twice = log.select(np.r_[np.arange(len(log)), 0, 0])
    np.testing.assert_array_equal(EASE(5.0).fit(log).weights_, EASE(5.0).fit(twice).weights_)
    assert EASE(5.0).fit(twice).history_.max() == 1


@pytest.mark.parametrize("half_life", [None, 3.0])
def test_a_visitor_with_a_known_history_gets_the_scores_of_that_user(half_life):
    log, _ = checkerboard()
    model = EASE(5.0, half_life).fit(log)
    rows = log.select(log.user == 7)
    visitor = Interactions(
        np.zeros(len(rows), int),
        rows.item,
        rows.value,
        rows.timestamp,
        np.array(["me"]),
        rows.items,
    )
    np.testing.assert_allclose(model.score_histories(visitor), model.score([7]), atol=1e-12)


def test_a_visitor_without_history_gets_popularity():
    log, _ = checkerboard()
    model = EASE(5.0).fit(log)
    silent = log.select(log.user != 3)
    np.testing.assert_array_equal(model.score_histories(silent)[3], np.bincount(log.item))


def test_a_visitor_with_other_items_is_refused():
    log, _ = checkerboard()
    other = Interactions(log.user, log.item, log.value, log.timestamp, log.users, log.items + 1)
    with pytest.raises(ValueError, match="not the 20 this recommender was fitted on"):
        EASE(5.0).fit(log).score_histories(other)
    with pytest.raises(ValueError, match="not fitted"):
        EASE().score_histories(log)


@pytest.mark.parametrize("model", [EASE(0), EASE(-1), EASE(float("nan"))])
def test_penalty_out_of_range(model):
    with pytest.raises(ValueError, match="l2 is"):
        model.fit(checkerboard()[0])


@pytest.mark.parametrize("half_life", [0, -2.0])
def test_half_life_out_of_range(half_life):
    with pytest.raises(ValueError, match="half_life is"):
        EASE(half_life=half_life).fit(checkerboard()[0])
