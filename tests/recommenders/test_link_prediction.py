"""TransE and TransR: a planted step is found, and ranks are counted by brute force."""

import numpy as np
import pandas as pd
import pytest
import torch

from recsys_book.recommenders import NotFittedError
from recsys_book.recommenders.knowledge_graph import (
    FrequencyLinks,
    TransE,
    TransR,
    Triples,
    build_triples,
    filtered_ranks,
    link_metrics,
    margin_loss,
    movielens_triples,
    split_triples,
    transe_distance,
    transr_distance,
    without_leaves,
)
from recsys_book.recommenders.knowledge_graph.transe import TripleProblem, corrupt


def planted(n=40):
    """Chains a -> b -> c: one step, another, and the step that is both at once."""
    steps = ("first", "a", "b"), ("second", "b", "c"), ("both", "a", "c")
    rows = [(f"{x}{i:02d}", name, f"{y}{i:02d}") for i in range(n) for name, x, y in steps]
    frame = pd.DataFrame(rows, columns=["head", "relation", "tail"])
    return build_triples(frame, pd.Series([f"a{i:02d}" for i in range(n)]))


@pytest.mark.equation("eq-transe")
def test_the_distance_is_zero_where_the_step_leads_to_the_tail():
    h, r = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0]])
    assert transe_distance(h, r, h + r).item() == 0
    assert transe_distance(h, r, h).item() == pytest.approx(10**0.5)


@pytest.mark.equation("eq-transe")
def test_the_margin_loss_forgives_what_is_far_enough():
    true, false = torch.tensor([1.0, 1.0]), torch.tensor([[1.2, 3.0], [0.5, 1.0]])
    assert margin_loss(true, false, 0.5).item() == pytest.approx((0.3 + 0 + 1.0 + 0.5) / 4)


@pytest.mark.equation("eq-transr")
def test_transr_with_identity_matrices_is_transe():
    generator = torch.Generator().manual_seed(0)
    h, r, t = torch.randn(3, 5, 4, generator=generator)
    eye = torch.eye(4).expand(5, 4, 4)
    torch.testing.assert_close(transr_distance(h, r, t, eye), transe_distance(h, r, t))
    M = torch.randn(5, 4, 4, generator=generator)
    slow = [((h[i] @ M[i]) + r[i] - (t[i] @ M[i])).norm() for i in range(5)]
    torch.testing.assert_close(transr_distance(h, r, t, M), torch.stack(slow))


@pytest.mark.equation("eq-transr")
def test_an_untrained_transr_that_starts_from_transe_scores_like_it():
    graph = planted()
    start = TransE(width=8, epochs=2).fit(graph)
    model = TransR(width=8, epochs=1, rate=1e-12, start=start).fit(graph)
    ends = np.array([0, 5, 7]), np.array([0, 2, 1])
    np.testing.assert_allclose(model.score_tails(*ends), start.score_tails(*ends), atol=1e-5)
    head, relation, tail = (
        torch.as_tensor(x[:9]) for x in (graph.head, graph.relation, graph.tail)
    )
    with torch.no_grad():
        model.network_.matrices.mul_(torch.arange(1.0, 4)[:, None, None])
        network = model.network_
        h, t = network.vectors(head), network.vectors(tail)
        wanted = transr_distance(h, network.relations(relation), t, network.matrices[relation])
        torch.testing.assert_close(network(head, relation, tail), wanted)


@pytest.mark.equation("eq-transe")
def test_a_planted_step_is_recovered():
    graph = planted()
    train, held = split_triples(graph, 0.15, seed=0)
    model = TransE(width=16, margin=1.0, epochs=60, rate=0.05, batch_size=32).fit(train)
    ranks = filtered_ranks(model, held, graph)
    assert link_metrics(ranks)["hits_at_10"] > 0.8  # of 120 entities, chance is a twelfth
    assert model.step_loss_[-5:].mean() < model.step_loss_[:5].mean() / 2
    both, first, second = model.network_.relations.weight.detach()  # in the order of their names
    assert torch.cosine_similarity(both, first + second, dim=0) > 0.8
    lengths = np.linalg.norm(model.entity_vectors(), axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-6)


@pytest.mark.parametrize("kind", [TransE, TransR])
def test_scores_are_minus_the_distances_of_all_ends(kind):
    graph = planted(5)
    model = kind(width=6, epochs=1, rate=0.05).fit(graph)
    every = torch.arange(graph.n_entities)
    for entity, relation in ((0, 0), (7, 2)):
        given, r = torch.full_like(every, entity), torch.full_like(every, relation)
        with torch.no_grad():
            tails, heads = -model.network_(given, r, every), -model.network_(every, r, given)
        assert not torch.allclose(tails, heads, atol=0.05)
        ends = np.array([entity]), np.array([relation])
        np.testing.assert_allclose(model.score_tails(*ends)[0], tails, atol=1e-5)
        np.testing.assert_allclose(model.score_heads(*ends[::-1])[0], heads, atol=1e-5)


class Table:
    """Scores from a table, coarse enough to have ties."""

    def __init__(self, n, seed=0):
        rng = np.random.default_rng(seed)
        self.tails, self.heads = rng.integers(5, size=(2, n, 3, n)).astype(float)

    def score_tails(self, head, relation):
        return self.tails[head, relation]

    def score_heads(self, relation, tail):
        return self.heads[tail, relation]


def test_ranks_are_those_of_a_brute_force_count():
    rng = np.random.default_rng(0)  # several right answers to most questions
    ends = np.array([f"{i:02d}" for i in range(12)])
    rows = {
        "head": np.r_[ends, ends[rng.integers(12, size=150)]],
        "relation": np.r_[["r0"] * 12, rng.choice(["r0", "r1", "r2"], 150)],
        "tail": np.r_[np.roll(ends, 1), ends[rng.integers(12, size=150)]],
    }
    graph = build_triples(pd.DataFrame(rows), pd.Series(ends))
    _, held = split_triples(graph, 0.3, seed=2)
    model = Table(12)
    known = set(zip(graph.head.tolist(), graph.relation.tolist(), graph.tail.tolist()))
    wanted = []
    for side in ("tail", "head"):
        for h, r, t in zip(held.head, held.relation, held.tail):
            scores = model.tails[h, r] if side == "tail" else model.heads[t, r]
            true, better, level = (t if side == "tail" else h), 0, 0
            for e in range(12):
                triple = (h, r, e) if side == "tail" else (e, r, t)
                if e == true or tuple(map(int, triple)) in known:
                    continue
                better += scores[e] > scores[true]
                level += scores[e] == scores[true]
            wanted.append(1 + better + level / 2)
    np.testing.assert_allclose(filtered_ranks(model, held, graph), wanted)


def test_metrics_of_known_ranks():
    metrics = link_metrics(np.array([1.0, 2, 20, 5]))
    assert metrics["mean_reciprocal_rank"] == pytest.approx((1 + 0.5 + 0.05 + 0.2) / 4)
    assert metrics["hits_at_1"] == 0.25 and metrics["hits_at_10"] == 0.75
    assert metrics["median_rank"] == 3.5
    with pytest.raises(ValueError, match="no ranks"):
        link_metrics(filtered_ranks(Table(12), planted(4).select(np.empty(0, int)), planted(4)))


def test_corruption_changes_one_end():
    head, tail = np.zeros(500, int), np.ones(500, int)
    heads, tails = corrupt(head, tail, 50, 3, np.random.default_rng(0))
    assert heads.shape == (3, 500) and ((heads == 0) | (tails == 1)).all()
    assert 0.4 < (heads != 0).mean() < 0.6 and 0.4 < (tails != 1).mean() < 0.6


def test_the_frequency_baseline_counts():
    baseline = FrequencyLinks().fit(planted(4))
    tails = baseline.score_tails(np.array([3]), np.array([1]))  # a "first" step leads to a "b"
    np.testing.assert_array_equal(tails, [[0] * 4 + [1] * 4 + [0] * 4])
    assert baseline.score_heads(np.array([1]), np.array([3])).shape == (1, 12)


def test_the_real_graph_holds_each_fact_once(ml100k):
    told, once = movielens_triples(ml100k, merge_inverses=False), movielens_triples(ml100k)
    assert len(told) == 91631 and told.n_relations == 24
    assert len(once) < 0.8 * len(told) and once.n_relations == 14
    pairs = set(zip(told.head.tolist(), told.tail.tolist()))
    assert sum((t, h) in pairs for h, t in pairs) / len(pairs) > 0.4  # what would leak
    pairs = set(zip(once.head.tolist(), once.tail.tolist()))
    assert sum((t, h) in pairs for h, t in pairs) / len(pairs) < 0.01


def test_links_of_the_real_graph_are_found_better_than_by_frequency(ml100k):
    graph = without_leaves(movielens_triples(ml100k), min_degree=5)
    train, held = split_triples(graph, 0.02, seed=0)
    model = TransE(width=16, epochs=12, rate=0.03, negatives=2).fit(train)
    learned = filtered_ranks(model, held, graph)
    guessed = filtered_ranks(FrequencyLinks().fit(train), held, graph)
    assert np.median(learned) < 0.6 * np.median(guessed)
    which_film = slice(len(held), None)  # "English" is easy to guess, a film in English is not
    mrr = [link_metrics(r[which_film])["mean_reciprocal_rank"] for r in (learned, guessed)]
    assert mrr[0] > 1.8 * mrr[1]


def test_the_same_seed_gives_the_same_vectors():
    one, two = (TransE(width=4, epochs=2).fit(planted(4)).entity_vectors() for _ in range(2))
    np.testing.assert_array_equal(one, two)
    other = TransE(width=4, epochs=2, seed=1).fit(planted(4)).entity_vectors()
    assert not np.array_equal(one, other)


def test_what_cannot_be_learned_is_refused(ml100k):
    graph = planted(4)
    with pytest.raises(ValueError, match="at least one triple"):
        TransE().fit(graph.select(np.empty(0, int)))
    with pytest.raises(ValueError, match="margin is 0"):
        TransE(margin=0).fit(graph)
    with pytest.raises(NotFittedError, match="fit"):
        TransE().score_tails(np.array([0]), np.array([0]))
    with pytest.raises(ValueError, match="same width"):
        TransR(width=8, start=TransE(width=4, epochs=1).fit(graph)).fit(graph)
    from dataclasses import replace

    with pytest.raises(ValueError, match="without a knowledge graph"):
        movielens_triples(replace(ml100k, graph=None))
    assert isinstance(graph, Triples) and TripleProblem(None, graph, 1.0, 1, 4).validate(None) == 0
