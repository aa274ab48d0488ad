"""AlphaRec, UniSRec, the behaviour model and the two programs: equations, contracts, bad input."""

import numpy as np
import pytest
import torch
from contract import N, check_contract, checkerboard, parity_features
from torch.nn import functional

from recsys_book.data import Interactions
from recsys_book.preprocessing.splitting import Split
from recsys_book.recommenders import Popularity, UserItemBias
from recsys_book.recommenders.language import (
    AlphaRec,
    TextAdaptor,
    TextBehaviour,
    TextRating,
    TextSequenceNetwork,
    UniSRec,
    behaviour_program,
    funnel,
    funnel_loss,
    histories,
    history_windows,
    infonce_loss,
    normalised_graph,
    ranking_program,
    rating_program,
    smooth,
)
from recsys_book.recommenders.language.contrastive import TextGraph, as_torch
from recsys_book.recommenders.language.recipe import HeldOut, held_out_windows, train_by_recipe
from recsys_book.recommenders.language.windows import last_items

RNG = np.random.default_rng(0)
TEXT = np.hstack([3 * parity_features(), RNG.normal(size=(N, 6))])  # what is alike, and an own mark
MAKERS = {
    "alpharec": lambda v=TEXT: AlphaRec(
        v, width=8, hidden=16, rate=0.03, epochs=12, batch_size=200, temperature=0.2
    ),
    "alpharec, linear": lambda v=TEXT: AlphaRec(v, width=8, hidden=0, half_life=9.0, epochs=2),
    "unisrec": lambda v=TEXT: UniSRec(
        v, width=8, heads=1, length=8, dropout=0.0, epochs=3, batch_size=16
    ),
    "behaviour": lambda v=TEXT: TextBehaviour(
        v, width=8, hidden=8, length=8, epochs=2, batch_size=16
    ),
    "rating": lambda v=TEXT: TextRating(v, width=4, epochs=2),
}


@pytest.mark.parametrize("name", MAKERS)
def test_contract(name):
    check_contract(MAKERS[name], personalised=name == "alpharec")


@pytest.mark.parametrize("name", MAKERS)
def test_vectors_that_do_not_fit_are_refused(name):
    log, _ = checkerboard()
    with pytest.raises(ValueError, match="19 text vectors for 20 items"):
        MAKERS[name](TEXT[:-1]).fit(log)
    holes = np.where(np.arange(N)[:, None] == 4, np.nan, TEXT)
    with pytest.raises(ValueError, match="Row 4 of the text vectors is not finite"):
        MAKERS[name](holes).fit(log)


@pytest.mark.parametrize("name", MAKERS)
def test_a_single_user_and_equal_ratings(name):
    log = Interactions(
        np.zeros(4, int), np.arange(4), np.full(4, 3.0), np.arange(4), np.array([7]), np.arange(6)
    )
    scores = MAKERS[name](TEXT[:6]).fit(log).score([0, -1])
    assert scores.shape == (2, 6) and np.isfinite(scores).all()  # items 4 and 5 were never seen


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (AlphaRec(TEXT, temperature=0), "temperature is 0"),
        (AlphaRec(TEXT, layers=-1), "layers is -1"),
        (UniSRec(TEXT, experts=0), "experts is 0"),
        (UniSRec(TEXT, l2=-1), "l2 is -1"),
        (TextBehaviour(TEXT, negatives=0), "negatives is 0"),
        (TextBehaviour(TEXT, thresholds=(5.0, 4.0)), "rising ratings"),
        (TextRating(TEXT, epochs=0), "epochs is 0"),
    ],
)
def test_settings_out_of_range(model, message):
    with pytest.raises(ValueError, match=message):
        model.fit(checkerboard()[0])


@pytest.mark.equation("eq-infonce-items")
def test_infonce_is_the_log_softmax_of_cosines():
    g = torch.Generator().manual_seed(0)
    users, items = torch.randn(4, 3, generator=g), torch.randn(6, 3, generator=g)
    positive, want = torch.tensor([0, 5, 2, 2]), 0.0
    for u, i in zip(users, positive):
        cosine = torch.stack([functional.cosine_similarity(u, v, dim=0) for v in items]) / 0.3
        want += float(torch.logsumexp(cosine, 0) - cosine[i]) / 4
    assert infonce_loss(users, items, positive, 0.3).item() == pytest.approx(want, abs=1e-5)
    rows = torch.tensor([3, 0, 3])
    each = infonce_loss(users[rows], items, positive[:3], 0.3)
    torch.testing.assert_close(infonce_loss(users, items, positive[:3], 0.3, rows), each)
    longer = infonce_loss(7 * users, 0.1 * items, positive, 0.3)
    assert longer.item() == pytest.approx(want, abs=1e-5)  # only directions count


@pytest.mark.equation("eq-alpharec")
def test_the_network_maps_then_smooths_and_learns_no_id():
    log, _ = checkerboard()
    graph = normalised_graph(log)
    nodes = torch.from_numpy(RNG.normal(size=(2 * N, 5)).astype(np.float32))
    network = TextGraph(nodes, as_torch(graph), 3, 2, 4, torch.Generator().manual_seed(1))
    with torch.no_grad():
        want = smooth(graph, network.map(nodes).numpy(), 2)
        np.testing.assert_allclose(network().numpy(), want, atol=1e-5)
    sizes = [p.numel() for p in network.parameters()]
    assert sum(sizes) == 5 * 4 + 4 + 4 * 3 + 3  # whatever the number of users and items


def test_an_item_without_events_keeps_the_direction_of_its_mapped_text():
    log, _ = checkerboard()
    unseen = log.select(log.item != 5)
    clear = parity_features() + 0.1 * RNG.normal(size=(N, 2))
    model = MAKERS["alpharec"](clear).fit(unseen)
    scores = model.score(np.arange(N))[:, 5]
    assert scores[1::2].min() > scores[::2].max()  # odd users like odd items


@pytest.mark.equation("eq-unisrec")
def test_the_adaptor_is_a_gated_mixture_of_whitening_maps():
    adaptor = TextAdaptor(4, 3, 2, torch.Generator().manual_seed(0))
    torch.nn.init.normal_(adaptor.shift, generator=torch.Generator().manual_seed(1))
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(2))
    gate = torch.softmax(x @ adaptor.gate.weight.T + adaptor.gate.bias, dim=1)
    want = sum(gate[:, k, None] * ((x - adaptor.shift[k]) @ adaptor.maps[k]) for k in range(2))
    torch.testing.assert_close(adaptor(x), want, atol=1e-6, rtol=0)


@pytest.mark.equation("eq-unisrec")
def test_scores_are_cosines_of_the_past_only():
    log, _ = checkerboard()
    model = MAKERS["unisrec"]().fit(log)
    network: TextSequenceNetwork = model.network_
    ids = torch.tensor([[1, 5, 9, 3]])
    with torch.no_grad():
        scores = network(ids)
        changed = network(torch.tensor([[1, 5, 9, 8]]))
    assert scores.abs().max() <= 1 / model.temperature + 1e-9
    torch.testing.assert_close(scores[:, :3], changed[:, :3])  # the future is not read
    assert (scores[:, 3] - changed[:, 3]).abs().max() > 1e-3
    np.testing.assert_allclose(
        model.score_sequences([np.array([0, 4, 8, 2])])[0], scores[0, 3], atol=1e-9
    )
    assert sum(p.shape[0] == N for p in network.parameters()) == 0  # no row an item


def test_windows_hold_every_next_item_once():
    log, _ = checkerboard()
    pieces = history_windows(histories(log), 4)
    assert pieces.shape[1] == 5 and (pieces[:, 0] >= 0).all()
    assert (pieces[:, 1:] >= 0).sum() == len(log) - N  # each but a user's first
    recent, end = last_items(log.select(log.user != 2), 4)
    assert recent[0].tolist() == [12, 14, 16, 18] and end[0] == 3
    assert (recent[2] == -1).all() and end[2] == -1
    with pytest.raises(ValueError, match="No user has two events"):
        history_windows([np.array([3])], 4)


@pytest.mark.equation("eq-esmm")
def test_the_funnel_multiplies_chances_and_its_loss_is_over_all_pairs():
    logits = torch.tensor([[0.0, 0.0, 2.0], [1.0, -1.0, 0.5]], dtype=torch.float64)
    chances = funnel(logits)
    s = torch.sigmoid(logits)
    torch.testing.assert_close(chances[:, 2], s[:, 0] * s[:, 1] * s[:, 2])
    assert (chances.diff(dim=1) <= 0).all()
    reached = torch.tensor([[1.0, 1, 0], [0, 0, 0]], dtype=torch.float64)
    want = functional.binary_cross_entropy(chances, reached)
    torch.testing.assert_close(funnel_loss(logits, reached), want, atol=1e-6, rtol=0)


def test_behaviours_form_a_funnel_and_lists_leave_out_the_history():
    log, _ = checkerboard()
    model = MAKERS["behaviour"]().fit(log)
    past = [np.array([0, 2, 4])] * 3
    chances = model.probabilities(past, np.array([6, 7, 8]))
    assert chances.shape == (3, 3) and ((chances > 0) & (chances < 1)).all()
    assert (np.diff(chances, axis=1) <= 0).all()
    items, best = model.recommend_after(np.array([0, 2, 4]), k=5)
    assert len(items) == 5 and not set(items) & {0, 2, 4}
    assert (np.diff(best[:, 0]) <= 0).all()
    with pytest.raises(ValueError, match="3 histories and 2 candidates"):
        model.probabilities(past, np.array([1, 2]))
    with pytest.raises(ValueError, match="not fitted"):
        MAKERS["behaviour"]().probabilities(past, np.array([1]))


class Slide:
    """One weight whose loss falls for ever; validation is best at 0.5 and then rises."""

    def model(self, seed):
        net = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.zeros_(net.weight)
        return net

    def batches(self, seed):
        return [1.0] * 10

    def loss(self, model, batch):
        weight = model.weight.sum()
        return -weight if batch == 1.0 else (weight - 0.5) ** 2


def test_the_recipe_warms_up_stops_early_and_keeps_the_best_weights():
    history = train_by_recipe(HeldOut(Slide(), 0.0), 0.02, 0.0, 9, 10, patience=1, seed=0)
    best = history.best_epoch
    assert 1 < best < 9 and len(history.epoch_validation) == best + 3  # and two worse ones
    kept = (history.model.weight.sum().item() - 0.5) ** 2
    assert kept == pytest.approx(history.best_validation)
    path = -history.step_loss  # the weight before each step; Adam moves it by the rate
    moves = np.diff(path)
    assert (np.diff(moves[:9]) > 0).all() and (np.diff(moves[9:]) < 0).all()
    assert moves.max() == pytest.approx(0.02, rel=1e-3)


def test_windows_held_out_are_not_trained_on():
    held, kept = held_out_windows(25, 0)
    assert len(held) == 2 and sorted([*held.tolist(), *kept.tolist()]) == list(range(25))
    with pytest.raises(ValueError, match="early stopping must hold one out"):
        held_out_windows(1, 0)


def test_the_behaviour_program_foresees_more_than_popularity():
    log, missing = checkerboard()
    test = Interactions(
        np.arange(N), missing, np.ones(N), 1000 + np.arange(N), log.users, log.items
    )
    report = behaviour_program(
        Split(log, test, "last"), ["a"] * N, lambda texts: TEXT,
        width=8, hidden=16, length=4, rate=0.03, epochs=20, batch_size=8,
    )  # fmt: skip
    assert report.measured["auc"] > report.baseline["auc"] + 0.1
    assert 0 < report.measured["f1"] < 1


def ratings_by_text(n_users=30, seed=0):
    """Ratings that depend on who rates and on what the text says."""
    rng = np.random.default_rng(seed)
    user, item = np.nonzero(rng.random((n_users, N)) < 0.8)
    like = np.where((user % 2) == (item % 2), 5.0, 1.0)
    log = Interactions(user, item, like, np.arange(len(user)), np.arange(n_users), np.arange(N))
    held = rng.random(len(log)) < 0.3
    return Split(log.select(~held), log.select(held), "test")


def test_the_rating_program_reads_what_the_biases_cannot():
    split = ratings_by_text()
    report = rating_program(
        split, ["a"] * N, lambda texts: TEXT, width=4, epochs=60, rate=0.02, l2=0.0
    )
    assert report.baseline["rmse"] > 1.5 > 3 * report.measured["rmse"]
    model = report.model
    unknown = model.predict([-1, 0, -1], [0, -1, -1])
    biases = UserItemBias(5.0, 3.0).fit(split.train)
    np.testing.assert_allclose(unknown, biases.predict([-1, 0, -1], [0, -1, -1]))
    with pytest.raises(ValueError, match="position 20"):
        model.predict([0], [N])
    assert model.predict([0, 1], [0, 1]).max() <= 5 and model.score([-1]).shape == (1, N)


def test_the_ranking_program_is_judged_on_what_it_has_not_seen():
    log, missing = checkerboard()
    test = Interactions(
        np.arange(N), missing, np.ones(N), 1000 + np.arange(N), log.users, log.items
    )
    settings = dict(width=8, hidden=16, rate=0.02, epochs=12, batch_size=64, temperature=0.2)
    report = ranking_program(
        Split(log, test, "last"), ["a"] * N, lambda texts: TEXT, Popularity(), **settings
    )
    assert report.measured["ndcg"] > report.baseline["ndcg"] + 0.2
    assert report.measured["recall"] == 1
