"""Every rule against a brute force that knows only its definition."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from contract import N, check_contract, checkerboard, parity_features

from recsys_book.evaluation import calibration_kl, evaluate_ranking
from recsys_book.preprocessing import temporal_split
from recsys_book.recommenders import EASE, Popularity
from recsys_book.recommenders.base import NotFittedError
from recsys_book.recommenders.reranking import (
    Calibrated,
    Candidates,
    Determinantal,
    Diverse,
    LessPopular,
    MinimumShare,
    Reranked,
    WeightedEASE,
    balancing_weights,
    calibrate,
    chance_gap,
    discount_popularity,
    divergence,
    dpp_kernel,
    exposure_shares,
    greedy_dpp,
    group_gap,
    group_shares,
    mmr,
    unit_range,
    unit_rows,
    with_minimum_share,
)


@pytest.fixture
def candidates():
    """Relevance, unit vectors and their cosines of twelve candidates."""
    rng = np.random.default_rng(3)
    vectors = unit_rows(rng.normal(size=(12, 5)))
    return rng.random(12), vectors, vectors @ vectors.T


@pytest.mark.equation("eq-mmr")
@pytest.mark.parametrize("weight", [0.0, 0.3, 0.7, 1.0])
def test_mmr_is_its_definition(candidates, weight):
    relevance, _, similarity = candidates
    chosen = []
    for _ in range(6):
        rest = [i for i in range(12) if i not in chosen]
        closest = {i: max((similarity[i, j] for j in chosen), default=0.0) for i in rest}
        chosen.append(max(rest, key=lambda i: (1 - weight) * relevance[i] - weight * closest[i]))
    np.testing.assert_array_equal(mmr(relevance, similarity, 6, weight), chosen)


def test_mmr_without_weight_sorts_by_relevance(candidates):
    relevance, _, similarity = candidates
    np.testing.assert_array_equal(mmr(relevance, similarity, 12, 0.0), np.argsort(-relevance))


@pytest.mark.equation("eq-dpp")
def test_the_log_determinant_is_relevance_plus_volume(candidates):
    relevance, vectors, similarity = candidates
    L = dpp_kernel(relevance, similarity, 0.4)
    some = [1, 4, 7]
    volume = np.linalg.slogdet(vectors[some] @ vectors[some].T)[1]
    expected = 0.6 / 0.4 * relevance[some].sum() + volume
    assert np.linalg.slogdet(L[np.ix_(some, some)])[1] == pytest.approx(expected)


@pytest.mark.equation("eq-dpp-greedy")
@pytest.mark.parametrize("weight", [0.2, 0.6, 1.0])
def test_greedy_dpp_takes_the_largest_determinant_at_each_step(candidates, weight):
    relevance, _, similarity = candidates
    L = dpp_kernel(relevance, similarity, weight)
    chosen = []
    for _ in range(4):
        rest = [i for i in range(12) if i not in chosen]
        det = {i: np.linalg.det(L[np.ix_([*chosen, i], [*chosen, i])]) for i in rest}
        chosen.append(max(rest, key=det.get))
    np.testing.assert_array_equal(greedy_dpp(L, 4), chosen)


def test_greedy_dpp_stops_when_the_volume_is_used_up(candidates):
    relevance, _, similarity = candidates  # five dimensions, so five items at most
    chosen = greedy_dpp(dpp_kernel(relevance, similarity, 0.5), 12)
    assert len(chosen) == 5 == len(set(chosen))
    twice = np.ones((2, 2))
    assert len(greedy_dpp(twice, 2)) == 1


@pytest.mark.equation("eq-dpp-greedy")
def test_copies_of_great_items_are_no_volume_whatever_the_rounding():
    arrows = np.tile(unit_rows(np.random.default_rng(0).normal(size=(5, 30))), (2, 1))
    relevance = np.r_[np.ones(10), np.zeros(5)]  # five items, their copies, and five strangers
    arrows = np.vstack([arrows, unit_rows(np.random.default_rng(1).normal(size=(5, 30)))])
    chosen = greedy_dpp(dpp_kernel(relevance, arrows @ arrows.T, 0.02), 10)
    assert sorted(chosen % 5 + 10 * (chosen >= 10)) == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]


@pytest.mark.equation("eq-calibration-divergence")
def test_divergence_is_the_metric_of_evaluation():
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    groups = (rng.random((30, 4)) < 0.4).astype(float)
    history = sp.csr_matrix((rng.random((1, 30)) < 0.5).astype(float))
    lists = rng.permutation(30)[None, :10]
    target = history @ group_shares(groups)
    mix = group_shares(groups)[lists[0]].sum(axis=0)
    value = divergence((target / target.sum())[0], mix / mix.sum())
    assert value == pytest.approx(calibration_kl(lists, history, groups)[0])


@pytest.mark.equation("eq-calibration-objective")
def test_calibrate_is_greedy_on_its_objective(candidates):
    relevance, *_ = candidates
    rng = np.random.default_rng(1)
    shares = group_shares((rng.random((12, 3)) < 0.6) + 0.0)
    target = np.array([0.2, 0.3, 0.5])

    def objective(chosen):
        mix = shares[chosen].sum(axis=0) / len(chosen)
        return 0.4 * relevance[chosen].sum() - 0.6 * divergence(target, mix)

    chosen = []
    for _ in range(5):
        rest = [i for i in range(12) if i not in chosen]
        chosen.append(max(rest, key=lambda i: objective([*chosen, i])))
    np.testing.assert_array_equal(calibrate(relevance, shares, target, 5, 0.6), chosen)
    best = max(objective(list(some)) for some in combinations(range(12), 5))
    assert objective(chosen) >= best - 0.1  # greedy is near the best of all sets


def test_calibration_alone_reproduces_the_mix():
    shares = np.repeat(np.eye(2), 10, axis=0)
    relevance = np.r_[np.linspace(1, 0.6, 10), np.linspace(0.5, 0.1, 10)]
    for target in ([0.5, 0.5], [0.3, 0.7]):
        chosen = calibrate(relevance, shares, np.array(target), 10, 1.0)
        assert np.mean(chosen >= 10) == pytest.approx(target[1])
    np.testing.assert_array_equal(
        calibrate(relevance[::-1], shares, np.zeros(2), 3, 1.0), [19, 18, 17], "no history"
    )


@pytest.mark.equation("eq-exposure-share")
def test_exposure_shares_by_hand():
    lists = np.array([[0, 1], [1, -1]])
    place = 1 / np.log2([2, 3])
    total = place[0] * 2 + place[1]
    shares = exposure_shares(lists, np.array([0, 1]))
    np.testing.assert_allclose(shares, [place[0] / total, (place[1] + place[0]) / total])
    with pytest.raises(ValueError, match="No list"):
        exposure_shares(np.array([[-1]]), np.array([0]))


@pytest.mark.equation("eq-minimum-share")
@pytest.mark.parametrize("minimum", [0.0, 0.25, 0.5, 1.0])
def test_every_prefix_holds_its_minimum_share(minimum):
    rng = np.random.default_rng(2)
    relevance, protected = rng.random(40), rng.random(40) < 0.3
    relevance[protected] *= 0.5
    chosen = with_minimum_share(relevance, protected, 10, minimum)
    assert len(set(chosen)) == 10
    for j in range(1, 11):
        assert protected[chosen[:j]].sum() >= int(minimum * j)
    for kind in (True, False):
        values = relevance[[i for i in chosen if protected[i] == kind]]
        assert all(a >= b for a, b in pairwise(values))
    if minimum == 0:
        np.testing.assert_array_equal(chosen, np.argsort(-relevance)[:10])


def test_a_minimum_that_cannot_be_met_takes_what_there_is():
    protected = np.array([False, False, True, False])
    np.testing.assert_array_equal(
        with_minimum_share(np.array([4.0, 3.0, 1.0, 2.0]), protected, 4, 1.0), [2, 0, 1, 3]
    )


@pytest.mark.equation("eq-popularity-discount")
def test_a_factor_of_ten_costs_the_strength():
    value = discount_popularity(np.array([1.0, 1.0]), np.array([9, 99]), 0.3)
    np.testing.assert_allclose(value, [0.7, 0.4])
    with pytest.raises(ValueError, match="strength is -1"):
        discount_popularity(np.ones(1), np.ones(1), -1)


@pytest.mark.equation("eq-fairness-gap")
def test_the_gap_is_that_of_the_extreme_groups():
    values = np.array([0.1, 0.3, 0.5, 0.7, 0.9, 0.9])
    groups = np.array([0, 0, 1, 1, 2, 2])
    gap, low, high = group_gap(values, groups)
    assert gap == pytest.approx(0.7) and low <= gap <= high


def test_chance_alone_makes_a_gap():
    rng = np.random.default_rng(0)
    values, groups = rng.random(200), rng.integers(8, size=200)
    expected, p = chance_gap(values, groups, n=500)
    assert 0.1 < expected < 0.4 and p > 0.05
    shifted, p = chance_gap(values + (groups == 3), groups, n=500)
    assert p < 0.01 and shifted < 0.8


def test_the_interval_covers_a_known_gap():
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        groups = np.repeat([0, 1], 80)
        gap, low, high = group_gap(rng.normal(size=160) + groups, groups, n=400, seed=seed)
        covered += low <= 1 <= high
        assert high - low == pytest.approx(2 * 1.96 * np.sqrt(2 / 80), rel=0.3)
    assert covered >= 52


def test_bad_groups_are_refused():
    for ask in (group_gap, chance_gap):
        with pytest.raises(ValueError, match="one group only"):
            ask(np.ones(3), np.zeros(3, int))
        with pytest.raises(ValueError, match="3 values but 2 groups"):
            ask(np.ones(3), np.zeros(2, int))


@pytest.mark.equation("eq-group-weights")
def test_balancing_weights_make_the_groups_count_alike():
    groups = np.repeat([0, 1], [30, 10])
    full = balancing_weights(groups, 1.0)
    assert full[groups == 0].sum() == pytest.approx(full[groups == 1].sum())
    assert full.mean() == pytest.approx(1)
    np.testing.assert_allclose(balancing_weights(groups, 0.0), 1)
    half = balancing_weights(groups, 0.5)
    assert half[-1] / half[0] == pytest.approx(np.sqrt(3))
    with pytest.raises(ValueError, match="strength is 2"):
        balancing_weights(groups, 2)


def test_weighted_ease_with_equal_weights_is_ease():
    log, _ = checkerboard()
    plain, ones = EASE(5.0).fit(log), WeightedEASE(np.ones(N), 5.0).fit(log)
    np.testing.assert_allclose(ones.weights_, plain.weights_, atol=1e-12)


def test_a_person_of_weight_two_counts_like_two_people():
    from dataclasses import replace

    log, _ = checkerboard()
    twin = replace(
        log,
        user=np.r_[log.user, np.full((log.user == 0).sum(), N)],
        item=np.r_[log.item, log.item[log.user == 0]],
        value=np.ones(len(log) + (log.user == 0).sum()),
        timestamp=np.zeros(len(log) + (log.user == 0).sum(), int),
        users=np.r_[log.users, 999],
    )
    weights = np.ones(N)
    weights[0] = 2
    np.testing.assert_allclose(
        WeightedEASE(weights, 5.0).fit(log).weights_, EASE(5.0).fit(twin).weights_, atol=1e-12
    )
    for wrong in (np.ones(N - 1), -np.ones(N), np.full(N, np.nan)):
        with pytest.raises(ValueError, match="user_weights"):
            WeightedEASE(wrong).fit(log)


FEATURES = parity_features() + 0.01 * np.random.default_rng(0).random((N, 2))
RULES = {
    "diverse": Diverse(FEATURES, 0.3),
    "determinantal": Determinantal(FEATURES, 0.5),
    "calibrated": Calibrated(parity_features(), 0.5),
    "minimum share": MinimumShare(np.arange(N) < 5, 0.2),
    "less popular": LessPopular(0.1),
}


@pytest.mark.parametrize("name", RULES)
def test_reranked_keeps_the_contract(name):
    check_contract(
        lambda: Reranked(EASE(1.0), RULES[name], depth=N, k=N), personalised=name == "less popular"
    )


def test_weighted_ease_keeps_the_contract():
    check_contract(lambda: WeightedEASE(np.linspace(0.5, 1.5, N), 1.0), personalised=True)


class Backwards:
    """A rule that takes the worst candidates first."""

    def __call__(self, user: Candidates, k: int) -> np.ndarray:
        assert user.relevance.max() <= 1 and user.relevance.min() >= 0
        return np.argsort(user.relevance, kind="stable")[:k]


def test_the_rule_decides_the_first_places_and_the_model_the_rest(ml100k):
    split = temporal_split(ml100k.interactions)
    model = EASE(200.0).fit(split.train)
    users = np.unique(split.test.user)[:20]
    plain, _ = model.recommend(users, 30)
    lists, _ = Reranked.around(model, Backwards(), depth=20, k=5).recommend(users, 30)
    np.testing.assert_array_equal(lists[:, :5], plain[:, 19:14:-1])
    np.testing.assert_array_equal(lists[:, 5:20], plain[:, :15])
    np.testing.assert_array_equal(lists[:, 20:], plain[:, 20:])
    refit = Reranked(EASE(200.0), Backwards(), depth=20, k=5).fit(split.train)
    np.testing.assert_array_equal(refit.recommend(users, 30)[0], lists)


def test_a_rule_may_choose_from_the_history_only_where_repeats_are_allowed():
    log, _ = checkerboard()
    users = np.arange(3)
    for repeats in (False, True):
        model = Reranked(EASE(1.0), LessPopular(0.0), depth=N, k=3, repeats=repeats).fit(log)
        lists, _ = model.recommend(users, 3, exclude_seen=False)
        known = np.asarray(model.seen_.todense())[users[:, None], lists] > 0
        assert known.any() == repeats
        if repeats:
            plain, _ = EASE(1.0).fit(log).recommend(users, 3, exclude_seen=False)
            np.testing.assert_array_equal(lists, plain)


def test_large_scores_of_the_inner_model_do_not_win():
    log, _ = checkerboard()
    popular = Popularity().fit(log)  # a share, so count instead
    popular.share_ = np.arange(N) * 1000.0
    plain, _ = popular.recommend([0], 6)
    lists, _ = Reranked.around(popular, Backwards(), depth=6, k=6).recommend([0], 6)
    np.testing.assert_array_equal(lists[0], plain[0][::-1])


def test_less_popular_knows_how_popular_the_candidates_are(ml100k):
    split = temporal_split(ml100k.interactions)
    model = EASE(200.0).fit(split.train)
    users = np.unique(split.test.user)[:20]
    candidates, _ = model.recommend(users, 50)
    lists, _ = Reranked.around(model, LessPopular(1e6), depth=50, k=10).recommend(users, 10)
    rarest = np.sort(model.item_counts_[candidates], axis=1)[:, :10]
    np.testing.assert_array_equal(model.item_counts_[lists], rarest)


def test_an_item_without_features_is_like_no_other():
    told = Candidates(np.arange(3), np.array([1.0, 0.9, 0.8]), np.array([0]), np.ones(3))
    features = np.array([[1.0], [1.0], [0.0]])
    np.testing.assert_array_equal(Determinantal(features, 0.5)(told, 2), [0, 2])


def test_a_rule_without_weight_changes_nothing_that_is_measured(ml100k):
    split = temporal_split(ml100k.interactions)
    model = EASE(200.0).fit(split.train)
    features = np.random.default_rng(0).normal(size=(1682, 4))
    same = Reranked.around(model, Diverse(features, 0.0))
    a, b = (evaluate_ranking(m, split).per_user["ndcg"] for m in (model, same))
    np.testing.assert_array_equal(a, b)


def test_a_short_rule_is_filled_up_by_the_model():
    log, _ = checkerboard()
    flat = Determinantal(np.ones((N, 1)), 0.5)  # all alike: one item and no more
    items, _ = Reranked(EASE(1.0), flat, depth=8, k=8).fit(log).recommend([0], 8)
    assert len(set(items[0])) == 8


def test_impossible_settings_are_refused():
    log, _ = checkerboard()
    with pytest.raises(ValueError, match="k is 9 and depth 5"):
        Reranked(Popularity(), LessPopular(0.1), depth=5, k=9).fit(log)
    with pytest.raises(ValueError, match="one row of features"):
        Reranked(Popularity(), Diverse(np.ones((3, 2)), 0.1)).fit(log)
    with pytest.raises(ValueError, match="one row of features"):
        Reranked(Popularity(), MinimumShare(np.ones(3, bool), 0.1)).fit(log)
    with pytest.raises(NotFittedError):
        Reranked.around(EASE(), LessPopular(0.1))
    ones, eye = np.ones(3), np.eye(3)
    with pytest.raises(ValueError, match="weight is 1.5"):
        mmr(ones, eye, 1, 1.5)
    with pytest.raises(ValueError, match="weight is 0"):
        dpp_kernel(ones, eye, 0.0)
    for k in (0, 4):
        for ask in (
            lambda k: mmr(ones, eye, k, 0.5),
            lambda k: greedy_dpp(eye, k),
            lambda k: calibrate(ones, eye, ones / 3, k, 0.5),
            lambda k: with_minimum_share(ones, ones > 0, k, 0.5),
        ):
            with pytest.raises(ValueError, match=f"k is {k} for 3 candidates"):
                ask(k)


def test_equal_scores_are_equally_relevant():
    np.testing.assert_array_equal(unit_range(np.full(3, 7.0)), np.zeros(3))
    np.testing.assert_allclose(unit_range(np.array([1.0, 3.0, 2.0])), [0, 1, 0.5])
    rounding = np.array([[0.0, 0.0], [1e-17, 0.0], [3.0, 4.0]])
    np.testing.assert_array_equal(unit_rows(rounding), [[0, 0], [0, 0], [0.6, 0.8]])
