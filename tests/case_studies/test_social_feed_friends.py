"""Suggestions of friends, against sums by hand and against networkx."""

import math

import networkx as nx
import numpy as np
import pytest

from recsys_book.case_studies import social_feed as sf

KARATE = nx.to_numpy_array(nx.karate_club_graph()) > 0


@pytest.mark.equation("eq-adamic-adar")
def test_adamic_adar_is_the_sum_over_shared_friends():
    scores = sf.adamic_adar(KARATE)
    friends = [set(np.flatnonzero(row)) for row in KARATE]
    for u, v in ((0, 33), (2, 8), (16, 24)):
        want = sum(1 / math.log(len(friends[z])) for z in friends[u] & friends[v])
        assert scores[u, v] == pytest.approx(want)
    for u, v, want in nx.adamic_adar_index(nx.karate_club_graph()):
        assert scores[u, v] == pytest.approx(want, abs=1e-12)


def test_a_person_with_one_friend_lends_no_weight():
    chain = np.zeros((3, 3), bool)
    chain[0, 1] = chain[1, 0] = True
    assert (sf.adamic_adar(chain) == 0).all()


def test_counts_products_and_factors():
    graph = nx.karate_club_graph()
    assert sf.common_neighbours(KARATE)[0, 33] == len(list(nx.common_neighbors(graph, 0, 33)))
    for u, v, want in nx.preferential_attachment(graph, [(0, 33), (5, 20)]):
        assert sf.attachment(KARATE)[u, v] == want
    assert np.allclose(sf.factor_scores(KARATE, 34), KARATE)
    two = sf.factor_scores(KARATE, 2)
    assert np.linalg.matrix_rank(two) == 2
    left = ((KARATE - two) ** 2).sum()
    values = np.sort(np.abs(np.linalg.eigvalsh(KARATE.astype(float))))
    assert left == pytest.approx((values[:-2] ** 2).sum())


def test_hidden_links_are_gone_and_were_there():
    rest, hidden = sf.hide_links(KARATE, 0.1, seed=1)
    assert len(hidden) == 8 and len(np.unique(hidden, axis=0)) == 8
    assert KARATE[hidden[:, 0], hidden[:, 1]].all()
    assert not rest[hidden[:, 0], hidden[:, 1]].any() and (rest == rest.T).all()
    assert rest.sum() == KARATE.sum() - 16
    assert (sf.hide_links(KARATE, 0.1, seed=1)[1] == hidden).all()
    assert (sf.hide_links(KARATE, 0.1, seed=2)[1] != hidden).any()


def test_perfect_scores_find_all_and_equal_scores_find_none():
    rest, hidden = sf.hide_links(KARATE, 0.1, seed=1)
    assert sf.found_again(rest, hidden, KARATE.astype(float), k=5) == (1.0, 1.0)
    assert sf.found_again(rest, hidden, np.zeros((34, 34)), k=5) == (0.5, 0.0)
    assert sf.found_again(rest, hidden, -KARATE.astype(float), k=5) == (0.0, 0.0)
    auc, hit = sf.found_again(rest, hidden, sf.adamic_adar(rest), k=33)
    assert 0.5 < auc < 1 and hit == 1


def test_auc_counts_pairs():
    rest, hidden = sf.hide_links(KARATE, 0.05, seed=3)
    scores = sf.common_neighbours(rest)
    good, bad = [], []
    lost = {tuple(pair) for pair in hidden.tolist()}
    for u in range(34):
        for v in range(u + 1, 34):
            if not rest[u, v]:
                (good if (u, v) in lost else bad).append(scores[u, v])
    want = np.mean([(g > b) + 0.5 * (g == b) for g in good for b in bad])
    assert sf.found_again(rest, hidden, scores)[0] == pytest.approx(want)


def test_friends_of_the_simulated_feed_are_predictable():
    from recsys_book.data import SimulatedFeed

    graph = SimulatedFeed(n_posts=10, hours=3, seed=0).friends
    assert (graph == graph.T).all() and not graph.diagonal().any()
    found = []
    for seed in range(4):
        rest, hidden = sf.hide_links(graph, 0.1, seed)
        found.append(sf.found_again(rest, hidden, sf.adamic_adar(rest))[0])
    assert np.mean(found) > 0.6


def test_graphs_that_are_none():
    one_way = np.zeros((3, 3), bool)
    one_way[0, 1] = True
    with pytest.raises(ValueError, match="not symmetric; give one row and one column a person"):
        sf.adamic_adar(one_way)
    with pytest.raises(ValueError, match="Person 1 is their own friend"):
        sf.common_neighbours(np.diag([False, True]))
    with pytest.raises(ValueError, match="rank is 40; use 1 to 34"):
        sf.factor_scores(KARATE, 40)
    with pytest.raises(ValueError, match="0 of 78 links would be hidden"):
        sf.hide_links(KARATE, 0.001)
