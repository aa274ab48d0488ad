"""Similarities: each against a trusted library, the sparse search against all pairs."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.spatial.distance import jaccard as jaccard_distance
from scipy.stats import pearsonr
from sklearn.metrics.pairwise import cosine_similarity as sklearn_cosine

from recsys_book.recommenders import similarity as sim


@pytest.fixture(scope="module")
def R():
    """Ratings of 40 users and 15 items, a third of them known; one user and one item have none."""
    rng = np.random.default_rng(3)
    dense = rng.integers(1, 6, (40, 15)) * (rng.random((40, 15)) < 0.35)
    dense[7] = 0
    dense[:, 4] = 0
    return sp.csr_matrix(dense.astype(float))


@pytest.fixture(scope="module")
def X(R):
    return sp.csr_matrix((R > 0).astype(float))


def with_gaps(R):
    dense = R.toarray()
    return np.where(dense > 0, dense, np.nan)


def all_pairs(columns, measure):
    n = columns.shape[1]
    return np.array([[measure(columns[:, i], columns[:, j]) for j in range(n)] for i in range(n)])


def kept(full, k=None):
    """Positive off-diagonal entries, the k largest of each row, ties to the lower column."""
    full = full.copy()
    np.fill_diagonal(full, 0)
    full[full <= 0] = 0
    if k is not None:
        order = np.argsort(-full, axis=1, kind="stable")[:, k:]
        np.put_along_axis(full, order, 0, axis=1)
    return full


@pytest.mark.equation("eq-user-mean-centred")
def test_centring_leaves_every_user_a_mean_of_zero_and_the_gaps_alone(R):
    C = sim.user_mean_centred(R)
    np.testing.assert_array_equal(C.indices, R.indices)
    dense = with_gaps(R)
    known = ~np.isnan(dense)
    mean = np.where(known.any(1), np.nansum(dense, 1) / np.maximum(known.sum(1), 1), 0)
    np.testing.assert_allclose(C.toarray()[known], (dense - mean[:, None])[known], atol=1e-12)
    np.testing.assert_allclose(C.sum(axis=1), 0, atol=1e-12)


@pytest.mark.equation("eq-cosine-similarity")
def test_cosine_is_that_of_scikit_learn_and_does_not_see_length(R):
    dense = R.toarray()
    want = sklearn_cosine(dense.T)
    got = all_pairs(dense, sim.cosine_similarity)
    np.testing.assert_allclose(got, want, atol=1e-12)
    x, y = dense[:, 0], dense[:, 1]
    assert sim.cosine_similarity(3 * x, y) == pytest.approx(sim.cosine_similarity(x, y))
    assert sim.cosine_similarity(x, 0 * y) == 0


@pytest.mark.equation("eq-pearson")
def test_pearson_is_that_of_scipy_on_common_ratings(R):
    dense = with_gaps(R).T
    for i, j in ((0, 1), (2, 9), (5, 11)):
        both = ~np.isnan(dense[i] + dense[j])
        want = pearsonr(dense[i][both], dense[j][both]).statistic
        assert sim.pearson(dense[i], dense[j]) == pytest.approx(want, abs=1e-12)
    assert sim.pearson(np.array([3.0, np.nan, 1]), np.array([np.nan, 2.0, 4])) == 0
    assert sim.pearson(np.array([3.0, 3, 3]), np.array([1.0, 2, 3])) == 0


@pytest.mark.equation("eq-adjusted-cosine")
def test_adjusted_cosine_takes_off_the_users_scale():
    strict, kind = np.array([1.0, 3, 2]), np.array([3.0, 5, 4])
    items = np.stack([strict, kind, kind + 0, strict])  # users by items: everybody likes item 1
    means = items.mean(axis=1)
    assert sim.adjusted_cosine(items[:, 0], items[:, 1], means) == pytest.approx(-1)
    assert sim.cosine_similarity(items[:, 0], items[:, 1]) > 0.9
    gap = items[:, 0].copy()
    gap[:] = np.nan
    assert sim.adjusted_cosine(gap, items[:, 1], means) == 0


@pytest.mark.equation("eq-jaccard")
def test_jaccard_is_one_minus_scipys_distance(X):
    dense = X.toarray().astype(bool)
    for i, j in ((0, 1), (3, 8), (4, 5)):
        want = 1 - jaccard_distance(dense[:, i], dense[:, j])
        assert sim.jaccard(dense[:, i], dense[:, j]) == pytest.approx(want)
    assert sim.jaccard(np.zeros(3), np.zeros(3)) == 0


def test_a_distance_becomes_a_similarity_that_falls():
    q, near, far = np.array([1.0, 0]), np.array([1.0, 1]), np.array([9.0, 9])
    assert sim.euclidean_similarity(q, q) == 1
    assert sim.euclidean_similarity(q, near) == 0.5 > sim.euclidean_similarity(q, far) > 0


@pytest.mark.equation("eq-shrinkage")
def test_shrinkage_is_the_ridge_slope_of_standardised_ratings_and_the_posterior_mean():
    rng = np.random.default_rng(0)
    n, shrinkage = 12, 5.0
    x = rng.normal(size=n)
    y = 0.5 * x + rng.normal(size=n)
    x, y = ((v - v.mean()) / v.std() for v in (x, y))
    r = x @ y / n
    slopes = np.linspace(-1, 1, 200_001)
    loss = (y @ y) - 2 * slopes * (x @ y) + slopes**2 * (x @ x + shrinkage)
    assert sim.shrunk(r, n, shrinkage) == pytest.approx(slopes[loss.argmin()], abs=1e-5)
    # The posterior mean of a correlation with prior N(0, tau^2), seen with variance s^2 / n.
    tau, s = 0.2, 0.9
    truth = rng.normal(0, tau, 400_000)
    seen = truth + rng.normal(0, s / np.sqrt(n), 400_000)
    slope = (truth @ seen) / (seen @ seen)
    assert sim.shrunk(1.0, n, (s / tau) ** 2) == pytest.approx(slope, abs=5e-3)
    np.testing.assert_array_equal(sim.shrunk(np.ones(3), [0, 4, 4e9], 4.0).round(3), [0, 0.5, 1])
    np.testing.assert_array_equal(sim.shrunk(np.ones(2), [0, 1], 0.0), [0, 1])


def test_significance_reaches_full_trust_at_the_threshold():
    got = sim.significance_weighted(np.full(3, 0.8), np.array([5, 50, 500]), 50)
    np.testing.assert_allclose(got, [0.08, 0.8, 0.8])


@pytest.mark.equation("eq-bm25-weight")
def test_bm25_and_tfidf_are_implicits():
    from implicit import nearest_neighbours as peer

    rng = np.random.default_rng(1)
    A = sp.csr_matrix(rng.integers(1, 5, (20, 12)) * (rng.random((20, 12)) < 0.4), dtype=float)
    ours, theirs = sim.bm25_weight(A, 1.7, 0.4), peer.bm25_weight(A, 1.7, 0.4)
    np.testing.assert_allclose(ours.toarray(), theirs.toarray(), rtol=1e-12)
    np.testing.assert_allclose(
        sim.tfidf_weight(A).toarray(), peer.tfidf_weight(A).toarray(), rtol=1e-12
    )
    # Saturation: ten times the value is far from ten times the weight.
    one = sim.bm25_weight(sp.csr_matrix(np.diag([1.0, 10.0, 1, 1])), 1.2, 0.0).diagonal()
    assert one[1] / one[0] == pytest.approx(2.2 / 11.2 * 10)


@pytest.mark.parametrize("name", ["CosineRecommender", "TFIDFRecommender", "BM25Recommender"])
@pytest.mark.filterwarnings("ignore:Method expects CSR")
def test_item_similarities_are_implicits_on_movielens(ml100k, name):
    from implicit import nearest_neighbours as peer

    X = sp.csr_matrix(ml100k.interactions.to_csr(1.0))
    model = getattr(peer, name)(K=X.shape[1], num_threads=1)
    model.fit(X, show_progress=False)
    theirs = sp.csr_matrix(model.similarity)
    theirs.setdiag(0)
    measure = {"C": "cosine", "T": "tfidf", "B": "bm25"}[name[0]]
    ours = sim.nearest(X.T.tocsr(), X.shape[1], measure)
    assert np.abs((ours - theirs).data).max(initial=0) < 1e-9 * theirs.max()
    # The k largest of each row: implicit's k + 1 count the item itself; ties may differ.
    few = getattr(peer, name)(K=51, num_threads=1)
    few.fit(X, show_progress=False)
    theirs = sp.csr_matrix(few.similarity)
    theirs.setdiag(0)
    theirs.eliminate_zeros()
    ours = sim.nearest(X.T.tocsr(), 50, measure)
    for row in range(0, X.shape[1], 7):
        a, b = (np.sort(m.data[m.indptr[row] : m.indptr[row + 1]])[::-1] for m in (ours, theirs))
        size = min(len(a), len(b))
        assert abs(len(a) - len(b)) <= 1
        np.testing.assert_allclose(a[:size], b[:size], rtol=1e-9)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("k", [1, 4, 40])
@pytest.mark.parametrize("measure", ["cosine", "jaccard", "pearson", "adjusted_cosine"])
def test_nearest_keeps_the_largest_of_all_pairs(R, X, measure, k, threads):
    dense, ones = with_gaps(R), X.toarray()
    if measure == "cosine":
        A, full = X, all_pairs(ones, sim.cosine_similarity)
    elif measure == "jaccard":
        A, full = X, all_pairs(ones, sim.jaccard)
    elif measure == "pearson":
        A, full = R, all_pairs(dense, sim.pearson)
    else:
        A = sim.user_mean_centred(R)
        known = ~np.isnan(dense)
        means = np.nansum(dense, 1) / np.maximum(known.sum(1), 1)
        full = all_pairs(dense, lambda x, y: sim.adjusted_cosine(x, y, means))
    got = sim.nearest(sp.csr_matrix(A.T), k, measure, threads=threads)
    assert np.diff(got.indptr).max() <= k
    np.testing.assert_allclose(
        np.sort(got.toarray(), axis=1), np.sort(kept(full, min(k, 15)), axis=1), atol=1e-12
    )
    if k == 40:
        np.testing.assert_allclose(got.toarray(), kept(full), atol=1e-12)


def test_shrinkage_and_significance_inside_nearest(R, X):
    A, n = X.T.tocsr(), (X.T @ X).toarray()
    length = np.sqrt(np.outer(n.diagonal(), n.diagonal()))
    got = sim.nearest(A, 15, "cosine", shrinkage=4.0).toarray()
    np.testing.assert_allclose(got, kept(n / (length + 4)), atol=1e-12)
    got = sim.nearest(A, 15, "cosine", significance=5.0).toarray()
    safe = np.where(length > 0, length, 1)
    np.testing.assert_allclose(got, kept(sim.significance_weighted(n / safe, n, 5.0)), atol=1e-12)
    got = sim.nearest(A, 15, "jaccard", shrinkage=4.0).toarray()
    union = n.diagonal()[:, None] + n.diagonal() - n
    np.testing.assert_allclose(got, kept(n / (union + 4)), atol=1e-12)
    got = sim.nearest(A, 15, "cosine", alpha=0.2).toarray()
    size = np.maximum(n.diagonal(), 1)
    np.testing.assert_allclose(got, kept(n / (size[:, None] ** 0.8 * size**0.2)), atol=1e-12)


def test_common_measures_count_the_common_users(R, X):
    A, n = R.T.tocsr(), (X.T @ X).toarray()
    plain = sim.nearest(A, 15, "pearson").toarray()
    got = sim.nearest(A, 15, "pearson", shrinkage=3.0).toarray()
    np.testing.assert_allclose(got, sim.shrunk(plain, n, 3.0), atol=1e-12)
    got = sim.nearest(A, 15, "pearson", significance=6.0).toarray()
    np.testing.assert_allclose(got, sim.significance_weighted(plain, n, 6.0), atol=1e-12)
    got = sim.nearest(A, 15, "pearson", min_common=5).toarray()
    np.testing.assert_allclose(got, np.where(n >= 5, plain, 0), atol=1e-12)


def test_a_wide_catalogue_of_short_rows_takes_the_other_path():
    # Few rows are reached from each: the kernel notes which, and must not mix rows up.
    rng = np.random.default_rng(0)
    A = sp.random_array((600, 900), density=0.004, rng=rng, format="csr")
    A.data = rng.normal(size=A.nnz)  # products of both signs, sums that can cancel
    got = sim.nearest(A, 600, "cosine").toarray()
    np.testing.assert_allclose(got, kept(sklearn_cosine(A.toarray())), atol=1e-12)
    few = sim.nearest(A, 2, "cosine").toarray()
    np.testing.assert_allclose(np.sort(few, 1), np.sort(kept(got, 2), 1), atol=1e-12)


def test_product_divides_by_the_given_scale():
    A = sp.csr_matrix(np.random.default_rng(0).random((6, 9)))
    left, right = np.arange(1.0, 7), np.arange(2.0, 8)
    full = (A @ A.T).toarray()
    got = sim.nearest(A, 6, "product", scale=(left, right)).toarray()
    np.testing.assert_allclose(got, kept(full / np.outer(left, right)), rtol=1e-12)
    np.testing.assert_allclose(sim.nearest(A, 6, "product").toarray(), kept(full), rtol=1e-12)


def test_ties_go_to_the_lower_position():
    A = sp.csr_matrix(np.ones((9, 2)))
    got = sim.nearest(A, 3, "cosine")
    assert got.indices.reshape(9, 3)[0].tolist() == [1, 2, 3]
    assert got.indices.reshape(9, 3)[8].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"similarity": "euclid"}, "similarity is 'euclid'"),
        ({"k": 0}, "k is 0"),
        ({"shrinkage": -1.0}, "shrinkage is -1"),
        ({"significance": float("nan")}, "significance is nan"),
        ({"similarity": "bm25", "significance": 5.0}, "significance counts common events"),
        ({"threads": 0}, "threads 0"),
        ({"min_common": 0}, "min_common is 0"),
    ],
)
def test_settings_out_of_range(X, settings, message):
    with pytest.raises(ValueError, match=message):
        sim.nearest(X, **({"k": 3} | settings))
