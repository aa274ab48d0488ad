"""Interleaving: fair coins, the known counter-examples, and credit by enumeration."""

import itertools

import numpy as np
import pytest

from recsys_book.exploration import experiments as ex

A = np.array([[1, 2, 3, 4]])
B = np.array([[2, 3, 4, 1]])


def many(a, b, n):
    return np.repeat(a, n, axis=0), np.repeat(b, n, axis=0)


def click_on(lists, item):
    return (lists.items == item).astype(float)


def test_team_draft_gives_all_four_drafts_equally_often():
    a, b = many(A, B, 8000)
    lists = ex.team_draft(a, b, 4, seed=1)
    drafts, counts = np.unique(np.hstack([lists.items, lists.team]), axis=0, return_counts=True)
    # rounds: a then b or b then a, twice
    want = {
        (1, 2, 3, 4, 0, 1, 0, 1),
        (1, 2, 3, 4, 0, 1, 1, 0),
        (2, 1, 3, 4, 1, 0, 0, 1),
        (2, 1, 3, 4, 1, 0, 1, 0),
    }
    assert {tuple(int(x) for x in row) for row in drafts} == want
    assert np.allclose(counts / 8000, 0.25, atol=0.02)


def test_each_team_picks_its_best_free_item_and_half_of_the_list():
    rng = np.random.default_rng(2)
    a = np.stack([rng.permutation(30)[:20] for _ in range(50)])
    b = np.stack([rng.permutation(30)[:20] for _ in range(50)])
    lists = ex.team_draft(a, b, 10, seed=3)
    for row in range(50):
        shown = []
        for item, team in zip(lists.items[row], lists.team[row], strict=True):
            ranking = (a, b)[team][row]
            assert item == next(x for x in ranking if x not in shown)
            shown.append(item)
    assert (lists.team.sum(axis=1) == 5).all()


@pytest.mark.parametrize("make", [ex.team_draft, ex.balanced])
def test_equal_rankings_are_shown_as_they_are(make):
    lists = make(A, A, 3, seed=4)
    assert lists.items.tolist() == [[1, 2, 3]]


def test_balanced_shows_both_lists_of_the_counter_example():
    a, b = many(A, B, 200)
    lists = ex.balanced(a, b, 4, seed=5)
    assert {tuple(int(x) for x in row) for row in lists.items} == {(1, 2, 3, 4), (2, 1, 3, 4)}


def test_a_random_clicker_prefers_b_under_balanced_but_not_under_team_draft():
    a, b = many(A, B, 4000)
    zipped, teams = ex.balanced(a, b, 4, seed=6), ex.team_draft(a, b, 4, seed=6)
    wins = np.mean(
        [np.sign(ex.balanced_credit(zipped, click_on(zipped, i), a, b)) for i in (1, 2, 3, 4)]
    )
    assert wins == pytest.approx(0.5)  # three of four clicks for b, one for a
    fair = np.mean([ex.team_credit(teams, click_on(teams, i)) for i in (1, 2, 3, 4)])
    assert abs(fair) < 0.02


def test_team_draft_is_blind_where_probabilistic_interleaving_sees():
    a, b = many(A, B, 6000)  # b ranks item 3 second, a third; only item 3 is ever clicked
    teams = ex.team_draft(a, b, 4, seed=7)
    assert abs(ex.team_credit(teams, click_on(teams, 3)).mean()) < 0.04
    lists = ex.probabilistic(a, b, 4, seed=7)
    assert ex.probabilistic_credit(lists, click_on(lists, 3), a, b).mean() > 0.2


@pytest.mark.equation("eq-probabilistic-interleaving")
def test_choice_probabilities_equal_enumeration():
    tau = 2.0
    weight = np.arange(1, 5) ** -tau

    def law(ranking, shown):
        left = [x for x in ranking if x not in shown]
        w = np.array([weight[list(ranking).index(x)] for x in left])
        return dict(zip(left, w / w.sum(), strict=True))

    items = [3, 2, 4]
    total = np.zeros(3)
    mass = 0.0
    for teams in itertools.product((0, 1), repeat=3):
        p = 1.0
        for slot, team in enumerate(teams):
            p *= 0.5 * law((A, B)[team][0], items[:slot])[items[slot]]
        total += p * np.array(teams)
        mass += p
    lists = ex.Interleaved(np.array([items]), np.zeros((1, 3), dtype=int))
    assert np.allclose(ex.choice_probabilities(lists, A, B, tau), total / mass)


@pytest.mark.equation("eq-probabilistic-interleaving")
def test_expected_credit_is_the_mean_of_the_credit_by_coins_with_less_noise():
    rng = np.random.default_rng(8)
    a = np.stack([rng.permutation(12) for _ in range(6000)])
    b = np.stack([rng.permutation(12) for _ in range(6000)])
    lists = ex.probabilistic(a, b, 6, seed=9)
    clicks = (lists.items < 4).astype(float)
    coins = ex.team_credit(lists, clicks)
    smooth = ex.probabilistic_credit(lists, clicks, a, b)
    assert smooth.mean() == pytest.approx(coins.mean(), abs=0.06)
    assert smooth.std() < 0.87 * coins.std()
    assert abs(smooth.mean()) < 0.06  # neither ranking knows anything


def test_probabilistic_shows_each_item_once_and_often_the_first_of_a_ranking():
    a, b = many(A, B, 4000)
    lists = ex.probabilistic(a, b, 4, seed=10)
    assert (np.sort(lists.items, axis=1) == [1, 2, 3, 4]).all()
    w = np.arange(1, 5) ** -3.0
    want = 0.5 * w[0] / w.sum() + 0.5 * w[3] / w.sum()
    assert (lists.items[:, 0] == 1).mean() == pytest.approx(want, abs=0.025)


def test_no_click_is_no_credit():
    lists = ex.balanced(A, B, 4)
    assert ex.balanced_credit(lists, np.zeros((1, 4)), A, B) == 0
    assert ex.team_credit(ex.team_draft(A, B, 4), np.zeros((1, 4))) == 0


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: ex.team_draft(A, B[:, :3], 3), "shape"),
        (lambda: ex.team_draft(A, B, 5), "length is 5"),
        (lambda: ex.balanced(A, B, 0), "length is 0"),
        (lambda: ex.team_draft([[1, 1]], [[1, 2]], 2), "twice"),
        (lambda: ex.probabilistic(A, B + 1, 2), "same items"),
        (lambda: ex.team_credit(ex.team_draft(A, B, 4), np.zeros((1, 3))), "shape"),
        (
            lambda: ex.choice_probabilities(
                ex.Interleaved(np.array([[9, 1]]), np.zeros((1, 2))), A, B
            ),
            "does not",
        ),
    ],
)
def test_bad_input_is_one_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
