"""Chains and closed forms: counts, exact sums, and what they refuse."""

import numpy as np
import pytest
from contract import check_contract, checkerboard

from recsys_book.data.interactions import Interactions
from recsys_book.evaluation import evaluate_ranking
from recsys_book.preprocessing import leave_one_out
from recsys_book.recommenders import EASE, FPMC, MarkovChain, SequentialEASE
from recsys_book.recommenders.sequential import Histories, next_item_pieces, shuffled
from recsys_book.recommenders.sequential.linear import (
    mean_by_page,
    sequential_ease_weights,
    source_gram,
    source_target,
)
from recsys_book.recommenders.sequential.markov import transition_counts, transition_probabilities

LINEAR = {
    "markov": lambda: MarkovChain(smoothing=1.0),
    "markov of three": lambda: MarkovChain(smoothing=1.0, last=3),
    "sequential EASE": lambda: SequentialEASE(l2=5.0, half_life=3.0),
    "sequential EASE, no decay": lambda: SequentialEASE(l2=5.0, half_life=None, pages=False),
    "fpmc": lambda: FPMC(factors=4, epochs=40, rate=0.1),
}
PERSONAL = {"sequential EASE", "sequential EASE, no decay", "fpmc"}


def a_log(user, item, timestamp, n_items=None):
    n_items = max(item) + 1 if n_items is None else n_items
    return Interactions(
        user=np.array(user),
        item=np.array(item),
        value=np.ones(len(user)),
        timestamp=np.array(timestamp),
        users=np.arange(max(user) + 1),
        items=np.arange(n_items),
    )


def random_log(seed=0, n_users=12, n_items=9, pages=False):
    rng = np.random.default_rng(seed)
    user, item, time = [], [], []
    for u in range(n_users):
        seen = rng.permutation(n_items)[: rng.integers(2, n_items)]
        user += [u] * len(seen)
        item += list(seen)
        time += list(np.sort(rng.integers(0, 4, len(seen))) if pages else np.arange(len(seen)))
    return a_log(user, item, time, n_items)


def popular_films(movies, at_least):
    """A small catalogue, which solves fast."""
    log = movies.interactions
    few = np.flatnonzero(np.bincount(log.item) >= at_least)
    log = log.select(np.isin(log.item, few))
    codes = np.searchsorted(few, log.item)
    return Interactions(log.user, codes, log.value, log.timestamp, log.users, log.items[few])


@pytest.mark.parametrize("name", LINEAR)
def test_contract(name):
    check_contract(LINEAR[name], personalised=name in PERSONAL)


def test_histories_are_in_time_order_and_number_pages():
    log = a_log([1, 0, 1, 0, 1], [3, 0, 1, 2, 4], [5, 9, 5, 8, 7], n_items=6)
    log = Interactions(log.user, log.item, log.value, log.timestamp, np.arange(4), log.items)
    histories = Histories.of(log)
    assert len(histories) == 4
    np.testing.assert_array_equal(histories[0], [2, 0])
    np.testing.assert_array_equal(histories[1], [3, 1, 4])
    np.testing.assert_array_equal(histories.pages_of(0), [0, 1])
    np.testing.assert_array_equal(histories.pages_of(1), [0, 0, 1])
    assert len(histories[2]) == len(histories[3]) == 0
    assert [len(h) for h in histories.last([1, 0], 2)] == [2, 2]


@pytest.mark.parametrize("window", [1, 3, 50])
def test_every_event_but_the_first_is_a_target_once(window):
    histories = Histories.of(random_log())
    pieces, owner = next_item_pieces(histories, window, np.random.default_rng(3))
    for user in range(len(histories)):
        mine = [p for p, u in zip(pieces, owner) if u == user]
        targets = np.concatenate([p[1:] for p in mine])
        np.testing.assert_array_equal(targets, histories[user][1:])
        assert max(len(p) for p in mine) <= window + 1
    last, owner = next_item_pieces(histories, window)
    assert len(set(owner)) == len(last)
    for piece, user in zip(last, owner):
        np.testing.assert_array_equal(piece, histories[user][-window - 1 :])


def test_shuffling_keeps_what_it_says():
    log = random_log(pages=True)
    mixed, tied = shuffled(log, 1), shuffled(log, 1, within_pages=True)
    for other in (mixed, tied):
        for u in range(log.n_users):
            mine = log.user == u
            assert sorted(other.item[other.user == u]) == sorted(log.item[mine])
            assert sorted(other.timestamp[other.user == u]) == sorted(log.timestamp[mine])
    pairs = set(zip(log.user, log.item, log.timestamp))
    assert pairs == set(zip(tied.user, tied.item, tied.timestamp))
    assert pairs != set(zip(mixed.user, mixed.item, mixed.timestamp))


@pytest.mark.equation("eq-markov-transition")
def test_markov_chain_against_counts_by_hand():
    log = a_log([0, 0, 0, 1, 1, 1, 2, 2], [0, 1, 2, 0, 1, 3, 2, 0], [0, 1, 2, 0, 1, 2, 0, 1], 4)
    counts = transition_counts(Histories.of(log)).toarray()
    want = np.zeros((4, 4))
    for a, b in ((0, 1), (1, 2), (0, 1), (1, 3), (2, 0)):
        want[a, b] += 1
    np.testing.assert_array_equal(counts, want)
    popularity = np.array([3, 2, 2, 1]) / 8
    p = transition_probabilities(counts, popularity, 2.0)
    np.testing.assert_allclose(p[1], [(0 + 0.75) / 4, 0.5 / 4, 1.5 / 4, 1.25 / 4])
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    np.testing.assert_allclose(p[3], popularity)  # nothing ever followed item 3
    model = MarkovChain(smoothing=2.0).fit(log)
    np.testing.assert_allclose(model.score([0])[0], p[2])
    two = MarkovChain(smoothing=2.0, last=2).fit(log).score([0])[0]
    np.testing.assert_allclose(two, (p[2] + 0.5 * p[1]) / 1.5)


def test_a_short_history_asks_what_it_has():
    log = a_log([0, 0, 1], [0, 1, 0], [0, 1, 0])
    one = MarkovChain(smoothing=1.0).fit(log).score([1])
    np.testing.assert_allclose(MarkovChain(smoothing=1.0, last=5).fit(log).score([1]), one)


def explicit_sums(histories, decay):
    """Sources and targets written out, one row an event."""
    sources, targets = [], []
    for user in range(len(histories)):
        items = histories[user]
        for t in range(1, len(items)):
            row = np.zeros(histories.n_items)
            for p in range(t):
                row[items[p]] += decay ** (t - 1 - p)
            sources.append(row)
            targets.append(np.eye(histories.n_items)[items[t]])
    return np.array(sources), np.array(targets)


@pytest.mark.equation("eq-sequential-ease")
@pytest.mark.parametrize("half_life", [None, 1.0, 4.0])
def test_closed_sums_equal_the_written_out_regression(half_life):
    log = random_log(2)
    model = SequentialEASE(l2=0.7, half_life=half_life, whole=0.25, pages=False).fit(log)
    decay = 1.0 if half_life is None else 0.5 ** (1 / half_life)
    S, T = explicit_sums(model.histories_, decay)
    X = log.to_csr(1.0).toarray()
    rows = np.vstack([np.sqrt(0.75) * S, np.sqrt(0.25) * X])
    wanted = np.vstack([np.sqrt(0.75) * T, np.sqrt(0.25) * X])
    for j in range(log.n_items):  # ridge with one weight held at zero, column by column
        others = np.delete(np.arange(log.n_items), j)
        A = rows[:, others]
        b = np.linalg.solve(A.T @ A + 0.7 * np.eye(len(others)), A.T @ wanted[:, j])
        np.testing.assert_allclose(model.weights_[others, j], b, atol=1e-10)
    assert (np.diag(model.weights_) == 0).all()


@pytest.mark.equation("eq-sequential-ease")
@pytest.mark.parametrize("decay", [1.0, 0.7])
def test_sums_of_one_history(decay):
    histories = Histories.of(a_log([0] * 5, [0, 1, 2, 3, 4], range(5)))
    S, T = explicit_sums(histories, decay)
    np.testing.assert_allclose(source_gram(5, decay), S.T @ S)
    np.testing.assert_allclose(source_target(5, decay), S.T @ T)


@pytest.mark.equation("eq-sequential-multiplier")
def test_without_decay_and_with_the_whole_history_it_is_ease(ml100k):
    log = popular_films(ml100k, 300)
    ours = SequentialEASE(l2=20.0, half_life=None, whole=1.0).fit(log)
    ease = EASE(20.0).fit(log)
    np.testing.assert_allclose(ours.weights_, ease.weights_, atol=1e-10)
    np.testing.assert_allclose(ours.score([0, 5]), ease.score([0, 5]), atol=1e-9)
    recent = SequentialEASE(l2=20.0, half_life=10, whole=1.0, pages=False).fit(log)
    np.testing.assert_allclose(
        recent.score([0, 5]), EASE(20.0, half_life=10).fit(log).score([0, 5]), atol=1e-9
    )


@pytest.mark.equation("eq-sequential-multiplier")
def test_the_multiplier_solves_the_constrained_problem():
    rng = np.random.default_rng(0)
    S, T = rng.normal(size=(30, 5)), rng.normal(size=(30, 5))
    B = sequential_ease_weights(S.T @ S, S.T @ T, 0.3)
    gradient = S.T @ (S @ B - T) + 0.3 * B
    free = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(gradient[free], 0, atol=1e-10)
    assert np.abs(np.diag(gradient)).min() > 1e-3  # the constraint costs something


def test_mean_by_page_is_the_mean_over_all_orders():
    from itertools import permutations

    table = np.random.default_rng(1).normal(size=(5, 5))
    pages = np.array([0, 0, 1, 1, 1])
    orders = [(*a, *b) for a in permutations((0, 1)) for b in permutations((2, 3, 4))]
    mean = np.mean([table[np.ix_(o, o)] for o in orders], axis=0)
    np.testing.assert_allclose(mean_by_page(table, pages), mean)
    np.testing.assert_allclose(mean_by_page(table, np.arange(5)), table)
    np.testing.assert_allclose(mean_by_page(table[:1, :1], pages[:1]), table[:1, :1])


def test_with_pages_the_order_of_ties_does_not_matter():
    log = random_log(4, pages=True)
    other = log.select(np.random.default_rng(0).permutation(len(log)))
    a, b = (SequentialEASE(l2=1.0, half_life=2.0).fit(x).score([0, 3]) for x in (log, other))
    np.testing.assert_allclose(a, b, atol=1e-10)
    c, d = (
        SequentialEASE(l2=1.0, half_life=2.0, pages=False).fit(x).score([0, 3])
        for x in (log, other)
    )
    assert np.abs(c - d).max() > 1e-3


def test_a_repeated_item_counts_each_time():
    log = a_log([0, 0, 0, 1, 1], [0, 1, 0, 1, 2], [0, 1, 2, 0, 1])
    model = SequentialEASE(l2=1.0, half_life=2.0, whole=0.0, pages=False).fit(log)
    S, T = explicit_sums(model.histories_, 0.5**0.5)
    want = sequential_ease_weights(S.T @ S, S.T @ T, 1.0)
    np.testing.assert_allclose(model.weights_, want, atol=1e-12)


@pytest.mark.parametrize("make", [LINEAR["sequential EASE"]])
def test_histories_of_strangers(make):
    log, _ = checkerboard()
    model = make().fit(log)
    np.testing.assert_allclose(
        model.score_histories(log), model.score(np.arange(log.n_users)), atol=1e-12
    )
    silent = log.select(log.user != 2)
    np.testing.assert_array_equal(model.score_histories(silent)[2], model.item_counts_)
    with pytest.raises(ValueError, match="items that are not"):
        model.score_histories(random_log())


def test_an_item_nobody_saw_gets_a_finite_score():
    log = random_log(1)
    log = Interactions(log.user, log.item, log.value, log.timestamp, log.users, np.arange(12))
    for make in LINEAR.values():
        scores = make().fit(log).score([0, 1])
        assert scores.shape == (2, 12) and np.isfinite(scores).all()


def test_one_user_and_one_event():
    for make in LINEAR.values():
        assert np.isfinite(make().fit(a_log([0, 0], [0, 1], [0, 0])).score([0])).all()
        assert np.isfinite(make().fit(a_log([0], [0], [0], 3)).score([0])).all()
    for rating in (1.0, 5.0):  # values do not count
        log = random_log()
        same = Interactions(
            log.user, log.item, np.full(len(log), rating), log.timestamp, log.users, log.items
        )
        np.testing.assert_allclose(
            SequentialEASE(l2=1.0).fit(same).score([0]), SequentialEASE(l2=1.0).fit(log).score([0])
        )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (MarkovChain(smoothing=0.0), "smoothing is 0.0"),
        (MarkovChain(last=0), "last is 0"),
        (SequentialEASE(l2=0.0), "l2 is 0.0"),
        (SequentialEASE(half_life=0.0), "half_life is 0.0"),
        (SequentialEASE(whole=1.5), "whole is 1.5"),
        (FPMC(factors=0), "factors 0"),
        (FPMC(l2=-1.0), "l2 -1.0"),
    ],
)
def test_settings_out_of_range(model, message):
    with pytest.raises(ValueError, match=message):
        model.fit(random_log())


def test_sequential_ease_beats_recent_ease_on_part_of_movielens(ml100k):
    log = popular_films(ml100k, 100)
    split = leave_one_out(log, 0)
    found = {
        name: evaluate_ranking(model.fit(split.train), split).mean()["ndcg"]
        for name, model in (
            ("ease", EASE(400.0, half_life=10)),
            ("sequential", SequentialEASE()),
        )
    }
    assert found["sequential"] > 1.08 * found["ease"], found
