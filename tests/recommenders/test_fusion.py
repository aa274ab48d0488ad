"""Early and late fusion of several views of the items."""

import numpy as np
import pytest
import scipy.sparse as sp
from contract import check_contract, checkerboard, parity_features
from sklearn.linear_model import Ridge

from recsys_book.data import Interactions
from recsys_book.encoders import AmongCold
from recsys_book.evaluation import evaluate_ranking
from recsys_book.preprocessing import cold_item_split
from recsys_book.recommenders.fusion import (
    EarlyFusion,
    LateFusion,
    concatenate_views,
    fuse_kernels,
    late_fusion,
    learn_weights,
    ridge_scores,
    simplex_grid,
    standardise_rows,
    view_kernel,
)

ALL = np.ones(30, bool)


def two_views(n=30, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 4)), 7 + 3 * rng.normal(size=(n, 6))


@pytest.mark.equation("eq-early-fusion")
def test_the_kernel_of_the_concatenation_is_the_sum_of_the_kernels():
    views, weights = two_views(), np.array([0.3, 0.7])
    Z = concatenate_views(views, weights)
    assert Z.shape == (30, 10)
    fused = fuse_kernels([v @ v.T for v in views], weights)
    np.testing.assert_allclose(Z @ Z.T, fused, rtol=1e-10)


@pytest.mark.equation("eq-late-fusion")
def test_who_knows_nothing_has_no_vote():
    scores = np.array([[1.0, 2.0, 5.0]]), np.array([[3.0, 99.0, 99.0]])
    known = np.array([True, True, False]), np.array([True, False, False])
    fused = late_fusion(scores, np.array([0.25, 0.75]), known)
    np.testing.assert_allclose(fused, [[0.25 * 1 + 0.75 * 3, 2.0, 0.0]])


def test_a_view_is_centred_and_scaled_on_the_reference_items():
    view = two_views()[1]
    reference = np.arange(30) < 20
    K, known = view_kernel(view, reference)
    Z = view - view[reference].mean(axis=0)
    Z /= np.sqrt((Z[reference] ** 2).sum(axis=1).mean())
    np.testing.assert_allclose(K, Z @ Z.T, atol=1e-10)
    assert known.all()
    np.testing.assert_allclose(view_kernel(sp.csr_matrix(view), reference)[0], K, atol=1e-10)
    constant, _ = view_kernel(np.ones((30, 2)), reference)
    np.testing.assert_array_equal(constant, 0)


def test_a_missing_row_abstains():
    view = two_views()[0]
    view[3] = np.nan
    K, known = view_kernel(view, ALL)
    assert not known[3] and known.sum() == 29 and (K[3] == 0).all() and (K[:, 3] == 0).all()
    sparse = sp.csr_matrix(np.nan_to_num(view))
    np.testing.assert_allclose(view_kernel(sparse, ALL)[0], K, atol=1e-12)
    with pytest.raises(ValueError, match="finite"):
        view_kernel(np.full((30, 2), np.inf), ALL)
    with pytest.raises(ValueError, match="at least one item"):
        view_kernel(np.full((30, 2), np.nan), ALL)


def test_the_dual_regression_is_ridge_of_scikit_learn():
    view, rng = two_views()[0], np.random.default_rng(1)
    warm = np.arange(30) < 22
    seen = sp.csr_matrix((rng.random((5, 30)) < 0.4) * warm * 1.0)
    centred = view - view[warm].mean(axis=0)
    found = ridge_scores(centred @ centred.T, warm, seen, 3.0)
    for user in range(5):
        target = seen[user].toarray()[0][warm]
        model = Ridge(alpha=3.0).fit(view[warm], target)
        wanted = model.predict(view) - target.mean()
        np.testing.assert_allclose(found[user], wanted, atol=1e-9)


def test_rows_get_mean_zero_and_deviation_one():
    scores = np.array([[1.0, 2.0, 3.0, 50.0], [4.0, 4.0, 4.0, 4.0]])
    known = np.array([True, True, True, False])
    found = standardise_rows(scores, known)
    assert found[0, :3].mean() == pytest.approx(0) and found[0, :3].std() == pytest.approx(1)
    np.testing.assert_array_equal(found[1], 0)


def test_the_grid_covers_the_simplex():
    grid = simplex_grid(3, 4)
    assert grid.shape == (15, 3) and len(np.unique(grid, axis=0)) == 15
    np.testing.assert_allclose(grid.sum(axis=1), 1)
    np.testing.assert_array_equal(grid[0], [1, 0, 0])


VIEWS = {"parity": parity_features(), "sparse": sp.csr_matrix(parity_features())}


@pytest.mark.parametrize("kind", [EarlyFusion, LateFusion])
def test_contract(kind):
    check_contract(lambda: kind(VIEWS, (0.4, 0.6), l2=1.0), personalised=True)


def simulated(seed=0, n_users=150, n_items=120):
    """Taste has two sides; one view shows the first side of an item and the other the second."""
    rng = np.random.default_rng(seed)
    text, picture = rng.normal(size=(2, n_items, 4))
    taste = rng.normal(size=(n_users, 8))
    truth = taste @ np.hstack([text, picture]).T + rng.normal(0, 0.5, (n_users, n_items))
    user, item = np.nonzero(truth > np.quantile(truth, 0.8, axis=1, keepdims=True))
    order = rng.permutation(len(user))
    user, item = user[order], item[order]
    one = np.ones(len(user))
    log = Interactions(
        user, item, one, np.arange(len(user)), np.arange(n_users), np.arange(n_items)
    )
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    return log, {"text": text @ rotation, "picture": 5 + 2 * picture}


def quality(model, split):
    report = evaluate_ranking(AmongCold(model.fit(split.train), split.train), split, 10)
    return report.per_user["ndcg"].mean()


def test_two_views_beat_the_better_one_on_cold_items():
    log, views = simulated()
    split = cold_item_split(log, 0.3, seed=0)
    single = max(quality(EarlyFusion({name: view}), split) for name, view in views.items())
    for kind in (EarlyFusion, LateFusion):
        assert quality(kind(views), split) > single + 0.1


def test_late_fusion_bears_a_missing_view_where_the_items_mean_misleads():
    log, views = simulated()
    split = cold_item_split(log, 0.3, seed=0)
    gaps = {name: np.array(view) for name, view in views.items()}
    lost = np.random.default_rng(0).random(log.n_items) < 0.5
    gaps["picture"][lost] = np.nan
    for kind in (EarlyFusion, LateFusion):
        whole, broken = quality(kind(views), split), quality(kind(gaps), split)
        text = quality(kind({"text": views["text"]}), split)
        assert text < broken < whole  # half of the pictures are better than none


def test_learned_weights_leave_a_useless_view_out():
    log, views = simulated()
    noise = np.random.default_rng(5).normal(size=(log.n_items, 8))
    views = {"picture": views["picture"], "noise": noise, "text": views["text"]}
    split = cold_item_split(log, 0.3, seed=0)
    for kind in (EarlyFusion, LateFusion):
        weights, tried, scores = learn_weights(kind(views), split.train, steps=4)
        assert weights[1] == 0 and weights[0] > 0 and weights[2] > 0
        assert scores.argmax() == np.flatnonzero((tried == weights).all(axis=1))[0]
        learned = quality(kind(views, weights), split)
        assert learned > quality(kind(views), split)


def test_other_weights_need_no_new_fit():
    log, views = simulated()
    model = LateFusion(views).fit(log)
    one_sided = model.reweighted((1.0, 0.0))
    np.testing.assert_array_equal(one_sided.score([3]), model.view_scores_[0][[3]])
    assert (model.weights_ == 0.5).all()
    fresh = LateFusion(views, (1.0, 0.0)).fit(log)
    np.testing.assert_array_equal(fresh.score([3]), one_sided.score([3]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"views": {}}, "0 views"),
        ({"views": VIEWS, "weights": (1.0,)}, "2 views"),
        ({"views": VIEWS, "weights": (1.0, -1.0)}, "at least 0"),
        ({"views": VIEWS, "weights": (0.0, 0.0)}, "above 0"),
        ({"views": VIEWS, "l2": 0.0}, "l2 is 0"),
        ({"views": {"short": np.ones((3, 2))}}, "'short' has 3 rows"),
    ],
)
def test_views_and_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LateFusion(**settings).fit(checkerboard()[0])
