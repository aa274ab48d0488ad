"""The networks: the contract, what they may see, and their losses against loops and autograd."""

import numpy as np
import pytest
import torch
from contract import check_contract, checkerboard
from torch.nn import functional

from recsys_book.data.interactions import Interactions
from recsys_book.encoders.corpora import FIRST
from recsys_book.recommenders import FPMC, BERT4Rec, Caser, GRU4Rec, SASRec
from recsys_book.recommenders.sequential import Histories
from recsys_book.recommenders.sequential.bert4rec import ClozeProblem, cloze_loss
from recsys_book.recommenders.sequential.caser import horizontal_features
from recsys_book.recommenders.sequential.fpmc import fpmc_scores
from recsys_book.recommenders.sequential.fpmc_kernels import fpmc_epoch
from recsys_book.recommenders.sequential.loss import (
    LOSSES,
    binary_loss,
    bpr_max_loss,
    calibrated_optimum,
    calibration_exponent,
    sampled_softmax_loss,
    softmax_loss,
)
from recsys_book.recommenders.sequential.negatives import uniform_negatives
from recsys_book.recommenders.sequential.network import Batch, item_table

TINY = {"width": 16, "window": 12, "batch_size": 8, "rate": 0.02, "dropout": 0.1}
NETWORKS = {
    "sasrec": lambda **kw: SASRec(**{**TINY, "layers": 1, "heads": 1, "epochs": 25, **kw}),
    "gru4rec": lambda **kw: GRU4Rec(**{**TINY, "epochs": 25, **kw}),
    "caser": lambda **kw: Caser(**{**TINY, "length": 3, "filters": 4, "epochs": 15, **kw}),
    "bert4rec": lambda **kw: BERT4Rec(**{**TINY, "layers": 1, "heads": 1, "epochs": 25, **kw}),
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", NETWORKS)
def test_contract(name):
    check_contract(lambda: NETWORKS[name](epochs=1), personalised=False)


def cycle(n=12, users=24, length=6):
    """After each item comes the next one; the last item of each user says where it goes on."""
    user = np.repeat(np.arange(users), length)
    step = np.tile(np.arange(length), users)
    item = (user + step) % n
    return Interactions(user, item, np.ones(len(user)), step, np.arange(users), np.arange(n))


@pytest.mark.equation("eq-sasrec")
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_learn_what_follows(name):
    log = cycle()
    settings = {"epochs": 100, "dropout": 0.0} if name == "bert4rec" else {"epochs": 25}
    model = NETWORKS[name](window=6, **settings).fit(log)
    best = model.score(np.arange(log.n_users)).argmax(axis=1)
    want = (np.arange(log.n_users) + 6) % 12
    assert (best == want).mean() > 0.9, (best, want)
    assert model.losses_[-5:].mean() < 0.5 * model.losses_[:5].mean()


def hidden(model, tokens):
    batch = Batch(tokens, tokens, torch.zeros(len(tokens), dtype=torch.long))
    with torch.no_grad():
        return model.network_.eval().hidden(batch)


@pytest.mark.equation("eq-sasrec")
@pytest.mark.parametrize("name", ["sasrec", "gru4rec", "caser"])
def test_the_future_cannot_change_the_past(name):
    model = NETWORKS[name](epochs=1).fit(checkerboard()[0])
    one = torch.randint(FIRST, FIRST + 20, (3, 8), generator=torch.Generator().manual_seed(0))
    two = one.clone()
    two[:, 5:] = (one[:, 5:] - FIRST + 7) % 20 + FIRST
    a, b = hidden(model, one), hidden(model, two)
    torch.testing.assert_close(a[:, :5], b[:, :5], rtol=1e-5, atol=1e-6)
    assert (a[:, 5:] - b[:, 5:]).abs().amax() > 1e-3
    padded = torch.cat([one, torch.zeros(3, 3, dtype=torch.long)], dim=1)
    torch.testing.assert_close(hidden(model, padded)[:, :8], a, rtol=1e-5, atol=1e-6)


@pytest.mark.equation("eq-cloze")
def test_bert4rec_sees_both_sides_and_asks_at_the_end():
    model = NETWORKS["bert4rec"](epochs=1, window=5).fit(checkerboard()[0])
    one = torch.full((1, 4), FIRST + 1)
    two = one.clone()
    two[0, 3] = FIRST + 9
    assert (hidden(model, one)[0, 0] - hidden(model, two)[0, 0]).abs().max() > 1e-4
    batch, at = model._prompt([np.array([3]), np.arange(9)], np.array([0, 1]))
    mask = FIRST + 20
    assert batch.inputs[0].tolist() == [FIRST + 3, mask, 0, 0, 0]
    assert batch.inputs[1].tolist() == [FIRST + 5, FIRST + 6, FIRST + 7, FIRST + 8, mask]
    assert at.tolist() == [1, 4]
    padded = torch.cat([one, torch.zeros(1, 1, dtype=torch.long)], dim=1)
    torch.testing.assert_close(hidden(model, padded)[:, :4], hidden(model, one))


@pytest.mark.equation("eq-cloze")
def test_gaps_hide_what_they_ask():
    model = NETWORKS["bert4rec"]()
    histories = Histories.of(cycle())
    problem = model.problem(histories)
    assert isinstance(problem, ClozeProblem) and problem.share == 0.2
    problem.model(0)
    mask, at_the_end, n = FIRST + histories.n_items, 0, 0
    for seed in range(8):
        for batch in problem.batches(seed):
            asked = batch.targets >= 0
            assert (batch.inputs[asked] == mask).all() and asked.any(dim=1).all()
            assert (batch.inputs[~asked] != mask).all()
            last = (batch.inputs > 0).sum(dim=1) - 1
            rows = torch.arange(len(last))
            at_the_end += int((asked[rows, last] & (asked.sum(dim=1) == 1)).all())
            n += 1
    assert 0 < at_the_end < n
    logits = torch.randn(4, 7, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([1, 0, 6, 3])
    by_hand = -np.mean(
        [np.log(np.exp(r[t]) / np.exp(r).sum()) for r, t in zip(logits.double().numpy(), targets)]
    )
    assert float(cloze_loss(logits, targets)) == pytest.approx(by_hand, rel=1e-5)
    assert float(cloze_loss(logits[:0], targets[:0])) == 0


@pytest.mark.equation("eq-caser-horizontal")
def test_horizontal_filters_against_a_loop_and_conv2d():
    g = torch.Generator().manual_seed(0)
    E, F, b = (torch.randn(s, generator=g) for s in ((2, 5, 6), (3, 2, 6), (3,)))
    found = horizontal_features(E, F, b)
    want = functional.conv2d(E[:, None], F[:, None], b).relu().amax(dim=(2, 3))
    torch.testing.assert_close(found, want)
    loop = max(0.0, *(float((E[1, t : t + 2] * F[2]).sum() + b[2]) for t in range(4)))
    assert float(found[1, 2]) == pytest.approx(loop, rel=1e-5)


def test_caser_adds_the_user():
    model = NETWORKS["caser"](epochs=1).fit(checkerboard()[0])
    tokens = torch.full((2, 4), FIRST + 1)
    batch = Batch(tokens, tokens, torch.tensor([0, -1]))
    z = model.network_.hidden(batch)
    table = model.network_.users.weight
    torch.testing.assert_close(z[0] - z[1], (table[0] - table[-1]).expand(4, -1))


@pytest.mark.equation("eq-fpmc")
def test_fpmc_steps_along_the_gradient_of_autograd():
    rng = np.random.default_rng(0)
    tables = [rng.normal(0, 0.5, (n, 3)) for n in (4, 6, 6, 6)]
    P, Q, L, M = (torch.tensor(t, requires_grad=True) for t in tables)
    u, before, i, j, rate, l2 = 2, 5, 1, 4, 0.1, 0.03
    x = fpmc_scores(P[[u]], Q, M[[before]], L)[0]
    loss = -functional.logsigmoid(x[i] - x[j])
    touched = P[u], M[before], Q[i], Q[j], L[i], L[j]
    (loss + l2 / 2 * sum(t.square().sum() for t in touched)).backward()
    stepped = [t.copy() for t in tables]
    one = np.array
    before_step = fpmc_epoch(*stepped, one([u]), one([before]), one([i]), one([j]), rate, l2)
    assert before_step == pytest.approx(float(loss.detach()))
    for old, new, tensor in zip(tables, stepped, (P, Q, L, M)):
        np.testing.assert_allclose(new, old - rate * tensor.grad.numpy(), atol=1e-12)


@pytest.mark.equation("eq-fpmc")
def test_fpmc_learns_what_follows_and_does_not_overflow():
    log = cycle()
    model = FPMC(factors=8, rate=0.1, epochs=150).fit(log)
    best = model.score(np.arange(log.n_users)).argmax(axis=1)
    assert (best == (np.arange(log.n_users) + 6) % 12).mean() > 0.9
    assert model.losses_[-1] < 0.3 * model.losses_[0]
    far = [np.full((1, 1), 1e3) for _ in range(4)]
    far[1], far[2] = np.array([[-1e3], [1e3]]), np.array([[-1e3], [1e3]])
    zero, first, other = np.array([0]), np.array([0]), np.array([1])
    assert np.isfinite(fpmc_epoch(*far, zero, zero, first, other, 0.0, 0.0))


def test_the_compiled_loop_is_the_written_one():
    rng = np.random.default_rng(1)
    ours = [rng.normal(0, 0.5, (6, 3)) for _ in range(4)]
    theirs = [t.copy() for t in ours]
    events = [rng.integers(6, size=9) for _ in range(4)]
    a = fpmc_epoch(*ours, *events, 0.1, 0.01)
    b = fpmc_epoch.py_func(*theirs, *events, 0.1, 0.01)
    assert a == pytest.approx(b)
    for x, y in zip(ours, theirs):
        np.testing.assert_allclose(x, y, atol=1e-12)


def test_an_unknown_name_is_no_attribute():
    from recsys_book.recommenders import sequential

    with pytest.raises(AttributeError, match="no attribute 'HMM'"):
        _ = sequential.HMM


@pytest.mark.equation("eq-gru4rec-loss")
def test_bpr_max_against_a_loop():
    rng = np.random.default_rng(0)
    positive, negative = rng.normal(size=5), rng.normal(size=(5, 4))
    total = 0.0
    for r, s in zip(positive, negative):
        share = np.exp(s) / np.exp(s).sum()
        total += -np.log(sum(p / (1 + np.exp(x - r)) for p, x in zip(share, s)))
        total += 0.5 * sum(p * x**2 for p, x in zip(share, s))
    found = bpr_max_loss(torch.tensor(positive), torch.tensor(negative), l2=0.5)
    assert float(found) == pytest.approx(total / 5, rel=1e-9)


def test_softmax_losses_agree_where_the_sample_is_everything():
    logits = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(6)
    others = torch.stack([torch.tensor([j for j in range(8) if j != t]) for t in range(6)])
    sampled = sampled_softmax_loss(logits[range(6), targets], logits.gather(1, others), 8)
    torch.testing.assert_close(sampled, softmax_loss(logits, targets))


@pytest.mark.equation("eq-sampled-calibration")
@pytest.mark.parametrize("calibration", [0.0, 0.5, 1.0])
def test_calibration_moves_the_minimum_where_the_formula_says(calibration):
    p, n_items, k = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64), 4, 2
    rate, weight = k / 3, calibration_exponent(k, n_items, calibration)
    assert weight == pytest.approx({0.0: 1.0, 0.5: (1 + rate) / 2, 1.0: rate}[calibration])
    s = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    step = torch.optim.LBFGS([s], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def expected():
        step.zero_grad()
        loss = sum(  # each item is next with p, then each other is sampled with the rate
            p[i] * binary_loss(s[[i]], s[[j for j in range(4) if j != i]][None, :0], weight)
            - p[i] * rate * functional.logsigmoid(-s[[j for j in range(4) if j != i]]).sum()
            for i in range(4)
        )
        loss.backward()
        return loss

    step.step(expected)
    want = calibrated_optimum(p, rate, weight)
    torch.testing.assert_close(s.detach().sigmoid(), want, rtol=1e-3, atol=1e-5)
    if calibration == 1.0:
        torch.testing.assert_close(want, p)


def test_binary_loss_by_hand():
    found = binary_loss(torch.tensor([2.0]), torch.tensor([[1.0, -1.0]]), 0.5)
    want = 0.5 * np.log(1 + np.exp(-2)) + np.log(1 + np.exp(1)) + np.log(1 + np.exp(-1))
    assert float(found) == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize(("k", "t"), [(0, 0.5), (9, 0.5), (2, -0.1), (2, 1.1)])
def test_impossible_calibrations(k, t):
    with pytest.raises(ValueError, match="calibration is|negatives are asked"):
        calibration_exponent(k, 9, t)


def test_negatives_are_uniform_and_never_the_target():
    targets = torch.tensor([0, 3, 6])
    drawn = uniform_negatives(targets, 7, 30_000, torch.Generator().manual_seed(0))
    assert (drawn != targets[:, None]).all() and drawn.min() == 0 and drawn.max() == 6
    for row, target in zip(drawn, targets):
        count = torch.bincount(row, minlength=7)
        others = count[torch.arange(7) != target].double()
        assert (others / 30_000 - 1 / 6).abs().max() < 0.01
    with pytest.raises(ValueError, match="one item"):
        uniform_negatives(targets, 1, 2, torch.Generator())


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns(loss):
    log = cycle()
    model = NETWORKS["gru4rec"](loss=loss, negatives=4, calibration=0.5, epochs=25).fit(log)
    best = model.score(np.arange(log.n_users)).argmax(axis=1)
    assert (best == (np.arange(log.n_users) + 6) % 12).mean() > 0.8


def test_a_table_from_texts_keeps_their_geometry():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(9, 3)) @ rng.normal(size=(3, 20)) + 4
    table = item_table(FIRST + 9, 8, vectors, torch.Generator().manual_seed(0)).weight.detach()
    found = table[FIRST:, :3].double().numpy()
    centred = vectors - vectors.mean(axis=0)
    want = centred @ centred.T
    got = found @ found.T
    np.testing.assert_allclose(got / np.trace(got), want / np.trace(want), atol=1e-5)
    model = NETWORKS["sasrec"](vectors=rng.normal(size=(20, 5)), epochs=1).fit(checkerboard()[0])
    assert np.isfinite(model.score([0, -1])).all()


def test_strangers_and_quiet_users():
    log, _ = checkerboard()
    for name in ("sasrec", "bert4rec", "caser"):
        model = NETWORKS[name](epochs=2).fit(log)
        theirs = model.score_histories(log.select(log.user != 2))
        np.testing.assert_array_equal(theirs[2], model.item_counts_)
        if name != "caser":  # which knows its users
            np.testing.assert_allclose(theirs[3], model.score([3])[0], rtol=1e-5, atol=1e-5)
    nobody = model.score_histories(log.select(np.zeros(len(log), bool)))
    np.testing.assert_array_equal(nobody[0], model.item_counts_)
    with pytest.raises(ValueError, match="items that are not"):
        model.score_histories(cycle())


def test_single_events_leave_the_network_as_it_began():
    n = 5
    log = Interactions(
        np.arange(n), np.arange(n), np.ones(n), np.arange(n), np.arange(n), np.arange(n + 2)
    )
    model = NETWORKS["sasrec"]().fit(log)
    assert len(model.losses_) == 0 and np.isfinite(model.score([0])).all()


def test_only_the_last_events_of_each_user():
    log = cycle()
    problem = NETWORKS["sasrec"](every_event=False, window=2).problem(Histories.of(log))
    problem.model(0)
    asked = sum(int((batch.targets >= 0).sum()) for batch in problem.batches(0))
    assert asked == 2 * log.n_users


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sasrec", {"width": 0}, "width is 0"),
        ("sasrec", {"epochs": 0}, "epochs is 0"),
        ("sasrec", {"window": 0}, "window is 0"),
        ("sasrec", {"loss": "mse"}, "loss is 'mse'"),
        ("sasrec", {"loss": "bce", "calibration": 2.0}, "calibration is 2.0"),
        ("sasrec", {"loss": "bce", "negatives": 20}, "20 negatives"),
        ("sasrec", {"vectors": np.ones((19, 3))}, "shape .19, 3. but there are 20 items"),
        ("sasrec", {"vectors": np.full((20, 3), np.nan)}, "Row 0 of vectors is not finite"),
        ("sasrec", {"rate": 1e30, "epochs": 20}, "diverged"),
        ("gru4rec", {"cell": "rwkv"}, "cell is 'rwkv'"),
        ("caser", {"length": 1}, "length 1"),
        ("bert4rec", {"share": 1.0}, "share is 1.0"),
        ("bert4rec", {"window": 1}, "window is 1"),
    ],
)
def test_settings_out_of_range(name, settings, message):
    with pytest.raises(ValueError, match=message):
        NETWORKS[name](**settings).fit(checkerboard()[0])
