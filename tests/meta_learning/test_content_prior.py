"""Maps from content: weights, shrinkage, wide features, and rows without a text."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge

from recsys_book.data import Interactions
from recsys_book.meta_learning import cold_start as cold
from recsys_book.recommenders import movielens_triples


@pytest.fixture
def problem():
    """Features (30, 4), targets (30, 2) and weights, five of them zero."""
    rng = np.random.default_rng(1)
    X, Y, w = rng.normal(size=(30, 4)), rng.normal(size=(30, 2)), rng.uniform(0.2, 3, 30)
    w[:5] = 0
    return X, Y, w


@pytest.mark.equation("eq-text-to-factor")
def test_the_map_equals_scikit_learn(problem):
    X, Y, w = problem
    ours = cold.FeatureMap(0.5).fit(X, Y, w).predict(X)
    theirs = Ridge(alpha=0.5).fit(X[5:], Y[5:], sample_weight=w[5:]).predict(X)
    assert np.allclose(ours, theirs, atol=1e-10)


@pytest.mark.equation("eq-text-to-factor")
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_wide_features_are_solved_in_the_dual_with_the_same_answer(problem, kind):
    X, Y, w = problem
    narrow = cold.FeatureMap(0.5).fit(X, Y, w)
    wide = cold.FeatureMap(0.5).fit(kind(np.hstack([X, np.zeros((30, 50))])), Y, w)
    assert np.allclose(wide.weights_[:4], narrow.weights_, atol=1e-10)
    assert not wide.weights_[4:].any()


def test_narrow_sparse_features_give_the_dense_answer(problem):
    X, Y, w = problem
    dense = cold.FeatureMap(0.5).fit(X, Y, w).predict(X)
    assert np.allclose(cold.FeatureMap(0.5).fit(csr_array(X), Y, w).predict(csr_array(X)), dense)


def test_an_item_of_weight_zero_teaches_nothing(problem):
    X, Y, w = problem
    before = cold.FeatureMap(0.5).fit(X, Y, w).predict(X)
    Y = Y.copy()
    Y[:5] = 1e6
    assert np.array_equal(cold.FeatureMap(0.5).fit(X, Y, w).predict(X), before)


def test_an_item_without_text_gets_the_level(problem):
    X, Y, w = problem
    map_ = cold.FeatureMap(0.5).fit(X + 3, Y, w)
    assert np.array_equal(map_.predict(np.zeros((1, 4)))[0], map_.level_)
    assert not np.allclose(map_.predict(np.full((1, 4), 1e-9))[0], map_.level_)


@pytest.mark.equation("eq-event-weights")
def test_weights_are_the_inverse_variance_of_the_items_means():
    counts, noise, missed = np.array([1, 4, 50]), 0.9, 0.3
    precision = 1 / (missed + noise / counts)
    weights = cold.event_weights(counts, noise / missed)
    assert np.allclose(weights / weights[0], precision / precision[0])


def test_weights_at_the_ends():
    counts = np.array([0, 2, 6])
    assert np.array_equal(cold.event_weights(counts, 0.0), [0, 1, 1])
    assert np.allclose(cold.event_weights(counts, np.inf), [0, 0.75, 2.25])


@pytest.mark.equation("eq-content-shrinkage")
def test_shrinkage_minimises_the_negative_log_posterior():
    y, prior, noise, missed = np.array([1.0, 0.2, -0.4]), 0.5, 0.8, 0.2
    b = cold.shrink_to_prior(np.array([prior]), y.mean(keepdims=True), [3], noise / missed)[0]
    slope = (b - prior) / missed + (b - y).sum() / noise
    assert slope == pytest.approx(0, abs=1e-12)


def test_shrinkage_without_ratings_is_the_prior_whatever_the_mean():
    assert cold.shrink_to_prior(np.array([0.3]), np.array([np.nan]), [0], 5.0) == [0.3]


def test_biases_of_items_and_users_are_found():
    rng = np.random.default_rng(0)
    level_i, level_u = rng.normal(0, 0.5, 20), rng.normal(0, 0.5, 200)
    user, item = np.divmod(np.arange(4000), 20)
    value = 3 + level_u[user] + level_i[item]
    log = Interactions(user, item, value, np.arange(4000), np.arange(200), np.arange(20))
    found = cold.alternating_biases(log)
    assert np.allclose(found.raw - found.raw.mean(), level_i - level_i.mean(), atol=0.02)
    assert np.corrcoef(found.user, level_u)[0, 1] > 0.999
    assert np.array_equal(found.counts, np.full(20, 200))


def test_expected_popularity_follows_the_content():
    flags = np.repeat(np.eye(2), 20, axis=0)
    counts = np.r_[np.full(20, 5), np.full(20, 50)]
    counts[[0, 39]] = 0  # two new items
    expected = cold.expected_popularity(flags, counts, 1e-6)[:, 0]
    assert expected[0] == pytest.approx(np.log1p(5), abs=1e-3)
    assert expected[39] == pytest.approx(np.log1p(50), abs=1e-3)


def test_film_features_of_movielens(ml100k):
    genre_year = cold.genres_and_year(ml100k)
    assert genre_year.shape == (1682, 22)
    assert set(genre_year[:, -1]) == {0.0, 1.0}
    assert genre_year[266, -3] == pytest.approx(1 / 3)  # the film without a year: 1990
    table = cold.facts(ml100k, cold.AGE_RATING)
    length = np.sqrt((table.toarray() ** 2).sum(axis=1))
    assert np.allclose(length[length > 0], 1)
    assert (length == 0).sum() == 1682 - 1229
    graph = movielens_triples(ml100k)
    assert (cold.facts(graph, cold.AGE_RATING) != table).nnz == 0


def test_text_is_centred_and_silence_stays_silent():
    rng = np.random.default_rng(0)
    vectors = rng.normal(1.0, 1.0, (50, 8))
    vectors[3] = 0
    out = cold.centered_text(vectors, 4.0)
    assert not out[3].any()
    assert np.allclose(np.linalg.norm(np.delete(out, 3, 0), axis=1), 4)
    assert not cold.centered_text(np.zeros((4, 2))).any()
    parts = cold.text_components(vectors, 3)
    assert parts.shape == (50, 3)
    assert parts.std(axis=0).mean() == pytest.approx(1)


def test_stacked_blocks_add_their_likenesses():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(6, 2)), rng.normal(size=(6, 3))
    wanted = A @ A.T + 8 * B @ B.T
    assert np.allclose((lambda X: X @ X.T)(cold.stack_blocks((A, 1), (B, 8))), wanted)
    sparse = cold.stack_blocks((A, 1), (csr_array(B), 8))
    assert np.allclose((sparse @ sparse.T).toarray(), wanted)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda X, Y, w: cold.FeatureMap(0.0).fit(X, Y, w), "l2 is 0.0"),
        (lambda X, Y, w: cold.FeatureMap(1.0).fit(X, Y, 0 * w), "All items are cold"),
        (lambda X, Y, w: cold.event_weights(w, -1.0), "saturation is -1.0"),
        (lambda X, Y, w: cold.shrink_to_prior(w, w, w, 0.0), "kappa is 0.0"),
        (lambda X, Y, w: cold.stack_blocks(), "no block"),
        (lambda X, Y, w: cold.stack_blocks((X, 1), (Y[:3], 1)), "rows"),
        (lambda X, Y, w: cold.stack_blocks((X, 0)), "weight 0"),
        (lambda X, Y, w: cold.checked_item_features(X, 31), "31 items"),
        (lambda X, Y, w: cold.checked_item_features(csr_array(X * np.nan), 30), "Row 0"),
    ],
)
def test_bad_input_is_named(problem, call, words):
    with pytest.raises(ValueError, match=words):
        call(*problem)


def test_the_first_row_that_is_not_finite_is_named(problem):
    X = problem[0].copy()
    X[[7, 9], 2] = np.nan, np.inf
    with pytest.raises(ValueError, match="Row 7"):
        cold.checked_item_features(X, 30)
