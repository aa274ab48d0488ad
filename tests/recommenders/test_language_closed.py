"""Text in neighbours, factors, EASE, graphs and the hybrid: equations, contracts, bad input."""

import numpy as np
import pytest
import scipy.sparse as sp
from contract import N, check_contract, checkerboard, parity_features

from recsys_book.data import Interactions
from recsys_book.encoders import AmongCold
from recsys_book.evaluation import evaluate_ranking
from recsys_book.preprocessing import cold_item_split
from recsys_book.recommenders import EASE
from recsys_book.recommenders.language import (
    InterestProfile,
    TextEASE,
    TextHybrid,
    TextNeighbours,
    TextPriorMF,
    best_interest,
    normalised_graph,
    posterior_factors,
    prior_objective,
    reciprocal_ranks,
    roughness,
    shrink_towards_text,
    smooth,
    text_factors,
    text_gram,
    user_vectors,
)
from recsys_book.recommenders.language.hybrid import ridge_map, standardise
from recsys_book.recommenders.language.neighbors import nearest_cosines

TEXT = parity_features() + 0.01 * np.random.default_rng(0).normal(size=(N, 2))
MAKERS = {
    "both lists": lambda v=TEXT: TextNeighbours(v, 8, 8),
    "item list": lambda v=TEXT: TextNeighbours(v, 8, 8, half_life=4.0, lists="items"),
    "user list": lambda v=TEXT: TextNeighbours(v, 8, 8, lists="users"),
    "interests": lambda v=TEXT: InterestProfile(v, 2),
    "text prior": lambda v=TEXT: TextPriorMF(v, factors=4, l2=0.1, epochs=4),
    "no prior": lambda v=TEXT: TextPriorMF(
        v, factors=4, l2=0.1, epochs=4, prior="none", start="random"
    ),
    "text rows": lambda v=TEXT: TextEASE(v, 5.0),
    "hybrid": lambda v=TEXT: TextHybrid(EASE(5.0), v, text_weight=0.1, popularity_weight=0.1),
}


@pytest.mark.parametrize("name", MAKERS)
def test_contract(name):
    check_contract(MAKERS[name], personalised=True)


def one_user(n_items=6):
    return Interactions(
        np.zeros(3, int),
        np.arange(3),
        np.full(3, 4.0),
        np.arange(3),
        np.array([7]),
        np.arange(n_items),
    )


@pytest.mark.parametrize("name", MAKERS)
def test_bad_vectors_are_refused_and_odd_logs_are_not(name):
    make, (log, _) = MAKERS[name], checkerboard()
    with pytest.raises(ValueError, match="19 text vectors for 20 items"):
        make(TEXT[:-1]).fit(log)
    holes = TEXT.copy()
    holes[3, 0] = np.nan
    with pytest.raises(ValueError, match="Row 3 of the text vectors is not finite"):
        make(holes).fit(log)
    vectors = np.random.default_rng(1).normal(size=(6, 4))
    alone = make(vectors).fit(one_user())  # a single user, equal ratings, items never seen
    assert np.isfinite(alone.score([0, -1])).all()
    same = make(np.ones((6, 4))).fit(one_user())  # texts that say nothing
    assert np.isfinite(same.score([0])).all()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (TextNeighbours(TEXT, item_neighbours=0), "item_neighbours is 0"),
        (TextNeighbours(TEXT, constant=0), "constant is 0"),
        (TextNeighbours(TEXT, half_life=-1.0), "half_life is -1"),
        (TextNeighbours(TEXT, lists="all"), "lists is 'all'"),
        (InterestProfile(TEXT, 0), "interests is 0"),
        (TextPriorMF(TEXT, l2=0), "l2 is 0"),
        (TextPriorMF(TEXT, alpha=-1), "alpha is -1"),
        (TextPriorMF(TEXT, prior="bert"), "prior is 'bert'"),
        (TextPriorMF(TEXT, start="bert"), "start is 'bert'"),
        (TextEASE(TEXT, l2=0), "l2 is 0"),
        (TextEASE(TEXT, text_weight=-0.1), "text_weight is -0.1"),
        (TextHybrid(EASE(), TEXT, strength=0), "strength is 0"),
        (TextHybrid(EASE(), TEXT, text_weight=float("nan")), "text_weight is nan"),
        (TextHybrid(EASE(), TEXT, window=0), "window is 0"),
    ],
)
def test_settings_out_of_range(model, message):
    with pytest.raises(ValueError, match=message):
        model.fit(checkerboard()[0])


@pytest.mark.equation("eq-text-similarity-cf")
def test_both_lists_are_sums_over_neighbours():
    log, _ = checkerboard()
    model = TextNeighbours(np.random.default_rng(2).normal(size=(N, 5)), 3, 4).fit(log)
    E, X = model.item_vectors_, model.seen_.toarray()
    people = X @ E
    people /= np.linalg.norm(people, axis=1, keepdims=True)
    np.testing.assert_allclose(model.user_vectors_, people, atol=1e-12)
    for u, i in ((0, 1), (3, 8), (11, 19)):
        others = [j for j in range(N) if j != i]
        near = sorted(others, key=lambda j: -(E[i] @ E[j]))[:3]
        want = sum(X[u, j] * max(E[i] @ E[j], 0) for j in near)
        assert model.item_list(np.array([u]))[0, i] == pytest.approx(want, abs=1e-12)
        folk = sorted((w for w in range(N) if w != u), key=lambda w: -(people[u] @ people[w]))[:4]
        want = sum(X[w, i] * max(people[u] @ people[w], 0) for w in folk)
        assert model.user_list(np.array([u]))[0, i] == pytest.approx(want, abs=1e-12)


def test_recent_items_count_more_and_empty_histories_have_no_direction():
    history = sp.csr_matrix(np.array([[1.0, 0.25], [0, 0]]))
    found = user_vectors(history, np.eye(2))
    np.testing.assert_allclose(found, [[0.970143, 0.242536], [0, 0]], atol=1e-6)
    assert nearest_cosines(np.eye(2), -np.eye(2), 5).max() == 0  # never negative, k too large


@pytest.mark.equation("eq-text-merge")
def test_ranks_are_merged_by_their_reciprocals():
    a, b = np.array([[3.0, 2, 1]]), np.array([[1.0, 2, 30]])
    merged = reciprocal_ranks(a, 60) + reciprocal_ranks(b, 60)
    np.testing.assert_allclose(merged, [[1 / 61 + 1 / 63, 2 / 62, 1 / 63 + 1 / 61]], atol=1e-12)
    np.testing.assert_array_equal(reciprocal_ranks(a * 1000, 60), reciprocal_ranks(a, 60))


def test_two_interests_find_both_tastes_where_the_mean_finds_neither():
    directions = np.array([[1.0, 0], [0, 1.0], [0.7071, 0.7071]])
    two, one = directions[None, :2], directions[None, 2:]
    assert best_interest(two, directions)[0, :2].min() == 1
    assert best_interest(one, directions)[0, :2].max() < 0.71
    log, _ = checkerboard()
    model = InterestProfile(TEXT, 30).fit(log)  # more interests than items
    np.testing.assert_allclose(np.linalg.norm(model.interests_, axis=2), 1, atol=1e-9)


@pytest.mark.equation("eq-text-prior")
def test_the_step_is_the_minimum_of_the_objective():
    rng = np.random.default_rng(3)
    X = (rng.random((12, 7)) < 0.4).astype(float)
    X[:, 6] = 0
    P, prior = rng.normal(size=(12, 3)), rng.normal(size=(7, 3))
    Q = posterior_factors(sp.csr_matrix(X.T), P, prior, 2.0, 1.5)
    np.testing.assert_array_equal(Q[6], prior[6])  # nothing seen: the text decides
    best = prior_objective(X, P, Q, prior, 2.0, 1.5)
    for _ in range(20):
        step = 1e-3 * rng.normal(size=Q.shape)
        assert prior_objective(X, P, Q + step, prior, 2.0, 1.5) > best
    near = posterior_factors(sp.csr_matrix(X.T), P, prior, 1e9, 1.5)
    np.testing.assert_allclose(near, prior, atol=1e-6)  # a narrow prior wins


@pytest.mark.equation("eq-text-prior")
def test_a_round_lowers_the_objective_and_text_starts_are_principal_components():
    log, _ = checkerboard()
    X = log.to_csr(1.0).toarray()
    values = []
    for epochs in (1, 2, 5):
        m = TextPriorMF(TEXT, factors=3, l2=1.0, epochs=epochs, prior="none").fit(log)
        values.append(prior_objective(X, m.user_factors_, m.item_factors_, m.prior_, m.l2, m.alpha))
    assert values[0] > values[1] > values[2]
    found = text_factors(TEXT, 4)
    assert found.shape == (N, 4) and not found[:, 2:].any()
    assert found.std() == pytest.approx(0.1)
    assert not text_factors(np.ones((5, 2)), 2).any()


@pytest.mark.equation("eq-text-gram")
def test_text_rows_are_extra_users():
    rng = np.random.default_rng(4)
    X, E = (rng.random((30, 8)) < 0.4).astype(float), rng.normal(size=(8, 3))
    stacked = np.vstack([X, np.sqrt(2.5) * E.T])
    np.testing.assert_allclose(text_gram(X.T @ X, E, 2.5), stacked.T @ stacked, atol=1e-10)
    log, _ = checkerboard()
    np.testing.assert_allclose(
        TextEASE(TEXT, 5.0, 0.0).fit(log).weights_, EASE(5.0).fit(log).weights_, atol=1e-12
    )
    assert (
        np.abs(TextEASE(TEXT, 5.0, 1.0).fit(log).weights_ - EASE(5.0).fit(log).weights_).max()
        > 0.001
    )


@pytest.mark.equation("eq-graph-smoothing")
def test_smoothing_keeps_what_neighbours_share_and_lowers_the_rest():
    log, _ = checkerboard()
    graph = normalised_graph(log)
    values, basis = np.linalg.eigh(graph.toarray())
    assert values.max() == pytest.approx(1) and values.min() >= -1 - 1e-9
    kept = (1 + values + values**2) / 3
    x = np.random.default_rng(5).normal(size=(2 * N, 3))
    np.testing.assert_allclose(smooth(graph, x, 2), basis * kept @ basis.T @ x, atol=1e-10)
    assert roughness(graph, smooth(graph, x, 2)) < 0.7 * roughness(graph, x)
    np.testing.assert_array_equal(smooth(graph, x, 0), x)
    edges = sum(
        np.sum((x[u] / d_u**0.5 - x[N + i] / d_i**0.5) ** 2)
        for u, i in zip(log.user, log.item)
        for d_u, d_i in [(np.sum(log.user == u), np.sum(log.item == i))]
    )
    assert roughness(graph, x) == pytest.approx(edges / np.sum(x**2))
    with pytest.raises(ValueError, match="layers is -1"):
        smooth(graph, x, -1)


@pytest.mark.equation("eq-text-shrinkage")
def test_few_events_leave_the_word_to_the_text():
    scores, text = np.array([[10.0, 10, 10]]), np.zeros((1, 3))
    found = shrink_towards_text(scores, text, np.array([0.0, 2, 998]), 2.0)
    np.testing.assert_allclose(found, [[0, 5, 9.98]])


@pytest.mark.equation("eq-text-shrinkage")
def test_the_text_predicts_the_scores_of_an_item_that_nobody_has_seen():
    log, _ = checkerboard()
    unseen = log.select(log.item != 5)
    hybrid = TextHybrid(EASE(5.0), TEXT, l2=0.01).fit(unseen)
    scores = hybrid.score(np.arange(N))[:, 5]
    assert scores[1::2].min() > scores[::2].max() + 0.5  # odd users like odd items
    assert not EASE(5.0).fit(unseen).score(np.arange(N))[:, 5].any()
    plain = TextHybrid(EASE(5.0), TEXT, strength=1e-9).fit(log)
    np.testing.assert_allclose(
        plain.score([3]), standardise(EASE(5.0).fit(log).score([3])), atol=1e-6
    )
    np.testing.assert_array_equal(standardise(np.ones((1, 4))), 0)


def test_on_new_films_the_hybrid_sees_what_behaviour_alone_cannot(ml100k):
    from recsys_book.encoders import title_vectors

    log = ml100k.interactions
    log = log.select((log.user < 300) & (log.item < 400))  # a corner, for speed
    few = Interactions(log.user, log.item, log.value, log.timestamp, log.users, log.items[:400])
    split = cold_item_split(few, test=0.2, seed=0)
    found = {}
    for name, model in {
        "hybrid": TextHybrid(EASE(100.0), title_vectors(ml100k)[:400]),
        "blind": EASE(100.0),
    }.items():
        fitted = AmongCold(model.fit(split.train), split.train)
        found[name] = evaluate_ranking(fitted, split).per_user.ndcg.mean()
    assert found["hybrid"] > found["blind"] + 0.03


@pytest.mark.parametrize("shape", [(9, 4), (4, 9)])
def test_the_map_is_ridge_regression_whichever_system_is_smaller(shape):
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=shape), rng.normal(size=shape[0])
    weights = ridge_map(X, 0.7) @ y
    np.testing.assert_allclose(X.T @ (X @ weights - y) + 0.7 * weights, 0, atol=1e-10)
