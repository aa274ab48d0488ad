"""Prequential evaluation, simulated drift, controllers, and a meta-learned start in a stream."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.data import Interactions
from recsys_book.meta_learning import MAML, drift
from recsys_book.meta_learning.divergence import NonFiniteTaskError


def tiny_log(users, items, values=None, time=None):
    n = len(users)
    values = np.ones(n) if values is None else values
    time = np.arange(n) if time is None else time
    vocabulary = np.arange(max(users) + 1), np.arange(max(items) + 1)
    return Interactions(np.array(users), np.array(items), np.array(values), time, *vocabulary)


@pytest.mark.equation("eq-prequential")
def test_prequential_means():
    losses = np.random.default_rng(0).random(60)
    total = count = 0.0
    fading = drift.prequential(losses, fading=0.8)
    window = drift.prequential(losses, window=7)
    for t, loss in enumerate(losses):
        total, count = loss + 0.8 * total, 1 + 0.8 * count
        assert fading[t] == pytest.approx(total / count)
        assert window[t] == pytest.approx(losses[max(0, t - 6) : t + 1].mean())
    np.testing.assert_allclose(drift.prequential(losses), np.cumsum(losses) / np.arange(1, 61))
    np.testing.assert_allclose(drift.prequential(losses, fading=1.0), drift.prequential(losses))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"window": 0}, "window is 0"),
        ({"fading": 0}, "fading is 0"),
        ({"fading": 0.9, "window": 3}, "use one of them"),
    ],
)
def test_bad_prequential_settings(options, problem):
    with pytest.raises(ValueError, match=problem):
        drift.prequential(np.ones(3), **options)
    with pytest.raises(ValueError, match="loss 1 of the stream is nan"):
        drift.prequential([1.0, np.nan])


class Recorder:
    """Predicts the number of events it has learned from."""

    def __init__(self):
        self.known = []

    def predict_one(self, user, item):
        return float(len(self.known))

    def partial_fit(self, user, item, value):
        self.known.append((user, item, value))

    def score_one(self, user, n_items):
        return np.arange(n_items, dtype=float)


def test_each_rating_is_predicted_before_it_is_learned():
    log = tiny_log([0, 1, 0, 1], [0, 1, 1, 0], [5.0, 4.0, 3.0, 2.0])
    model, watched = Recorder(), []
    errors = drift.prequential_ratings(model, log, after=lambda t, e: watched.append((t, e)))
    assert errors.tolist() == [5, 3, 1, -1]
    assert watched == list(enumerate(errors))
    assert model.known == [(0, 0, 5), (1, 1, 4), (0, 1, 3), (1, 0, 2)]
    late = Recorder()
    assert drift.prequential_ratings(late, log, delay=2).tolist() == [5, 4, 3, 1]
    some = Recorder()
    learn = np.array([True, False, False, True])
    assert drift.prequential_ratings(some, log, learn=learn).tolist() == [5, 3, 2, 1]


def test_fast_and_slow_evaluation_agree():
    g = np.random.default_rng(1)
    log = tiny_log(g.integers(0, 9, 200), g.integers(0, 7, 200), g.normal(size=200))
    fast = drift.prequential_ratings(drift.IncrementalMF(rank=0), log)
    slow = drift.prequential_ratings(drift.IncrementalMF(rank=0), log, after=lambda t, e: None)
    np.testing.assert_allclose(fast, slow, atol=1e-12)


def test_a_stream_out_of_order_is_refused():
    log = tiny_log([0, 0, 0], [0, 1, 2], time=np.array([5, 9, 8]))
    for evaluate in (drift.prequential_ratings, drift.prequential_ranking):
        with pytest.raises(ValueError, match=r"row 2 of the stream \(time 8\) is older"):
            evaluate(drift.IncrementalMF(), log)
    good = log.select(log.order_by_time())
    with pytest.raises(ValueError, match="delay is -1"):
        drift.prequential_ratings(drift.IncrementalMF(), good, delay=-1)
    with pytest.raises(ValueError, match=r"learn has shape \(2,\)"):
        drift.prequential_ratings(drift.IncrementalMF(), good, learn=np.ones(2, bool))


def test_ranks_leave_out_what_the_user_had():
    log = tiny_log([0, 0, 0, 1, 0], [3, 1, 2, 2, 3])
    stream = drift.prequential_ranking(Recorder(), log)
    # scores are the positions: 3 first; then 1 behind 2; then 2 alone above 0; user 1: 2 behind 3
    assert stream.rank.tolist() == [0, 1, 0, 1]  # the repeated pair is not ranked
    assert stream.recall(1).tolist() == [1, 0, 1, 0]
    np.testing.assert_allclose(stream.ndcg(2), [1, 1 / np.log2(3), 1, 1 / np.log2(3)])
    assert drift.prequential_ranking(Recorder(), log, start=3).rank.tolist() == [1]


def test_unknown_items_are_not_in_the_list_and_ties_do_not_favour_ids():
    stream = drift.prequential_ranking(drift.StreamingPopularity(), tiny_log([0, 1], [0, 0]))
    assert stream.rank.tolist() == [-1, 0]
    assert stream.ndcg().tolist() == [0, 1]

    class Flat(Recorder):
        def score_one(self, user, n_items):
            return np.zeros(n_items)

    log = Interactions([0], [0], [1.0], [0], np.arange(1), np.arange(50))
    first = drift.prequential_ranking(Flat(), log).rank[0]
    log = Interactions([0], [49], [1.0], [0], np.arange(1), np.arange(50))
    last = drift.prequential_ranking(Flat(), log).rank[0]
    assert {int(first), int(last)} != {0, 49}


LAW = drift.TasteLaw.draw(6, 2, 2.0, seed=3)


@pytest.mark.parametrize("kind", drift.KINDS)
def test_simulated_truth_is_true(kind):
    made = drift.drifting_tastes(kind, 4000, law=LAW, noise=0.3, seed=4)
    log, truth = made.interactions, made.truth
    expected = 3.5 + (truth["weights"] * truth["features"][log.item]).sum(axis=1)
    np.testing.assert_allclose(truth["expected"], expected)
    assert np.std(log.value - expected) == pytest.approx(0.3, rel=0.1)
    assert np.array_equal(log.timestamp[truth["change"]], truth["date"])
    drift.check_time_order(log)
    moved = np.abs(np.diff(truth["weights"], axis=0)).max(axis=1) > 1e-12
    moves = {"none": 0, "abrupt": 1, "gradual": 500, "recurring": 2, "walk": 3999}
    if kind == "personal":
        own = [np.ptp(truth["weights"][log.user == u], axis=0).max() > 0 for u in range(50)]
        assert sum(own) == 25
    else:
        assert moved.sum() == moves[kind]
    if kind == "gradual":  # half-way there, it is half-way between the seasons
        halfway = (truth["weights"][0] + truth["weights"][-1]) / 2
        np.testing.assert_allclose(truth["weights"][2250], halfway)
    again = drift.drifting_tastes(kind, 4000, law=LAW, noise=0.3, seed=4)
    assert np.array_equal(again.interactions.value, log.value)


def test_several_changes_bring_several_seasons():
    made = drift.drifting_tastes("abrupt", 100, law=LAW, change=(0.2, 0.5, 0.9), seed=1)
    assert made.truth["change"].tolist() == [20, 50, 90]
    assert len(np.unique(made.truth["weights"][:, 0])) == 4
    assert drift.drifting_tastes("none", 10).truth["features"].shape == (300, 16)


def test_seasons_follow_their_law():
    g = np.random.default_rng(5)
    many = np.array([LAW.season(g) for _ in range(4000)])
    np.testing.assert_allclose(many.mean(axis=0), LAW.mean, atol=0.15)
    np.testing.assert_allclose(np.cov(many.T), LAW.covariance, atol=0.2)
    seasons = drift.past_seasons(LAW, 3, 500, noise=0.01, seed=2)
    fits = [np.linalg.lstsq(x, y - 3.5, rcond=None)[0] for x, y in seasons]
    assert len(fits) == 3
    outside = np.linalg.svd(LAW.basis)[0][:, 2:]
    for fit in fits:  # seasons differ from the mean inside the basis only
        assert np.abs(outside.T @ (fit - LAW.mean)).max() < 0.01


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"kind": "sudden"}, "kind is 'sudden'"),
        ({"change": 1.0}, "change is 1.0"),
        ({"change": (0.5, 0.4)}, "change is"),
        ({"n": 5}, "n is 5"),
        ({"kind": "gradual", "change": (0.2, 0.5)}, "2 changes were given for kind 'gradual'"),
    ],
)
def test_bad_simulations_are_one_sentence(options, problem):
    with pytest.raises(ValueError, match=problem):
        drift.drifting_tastes(**options)


def test_recovery_is_the_end_of_the_first_good_window():
    losses = np.ones(1000)
    losses[500:580] = 9.0
    assert drift.recovery_time(losses, 500, window=20, slack=1.0) == 100
    assert drift.recovery_time(losses, 500, window=20, slack=9.0) == 20
    losses[500:] = 9.0
    assert drift.recovery_time(losses, 500, window=20) == 500
    with pytest.raises(ValueError, match="leaves no window of 20"):
        drift.recovery_time(losses, 990, window=20)


def test_controller_keeps_updates_and_resets():
    controller = drift.AdaptiveController(drift.ADWIN(0.05, clock=1), window=10, tolerance=0.2)
    actions = [controller.step(0.1) for _ in range(50)]
    assert set(actions) == {drift.Action.KEEP} and controller.best == pytest.approx(0.1)
    actions = [controller.step(0.13) for _ in range(10)]
    assert actions[-1] is drift.Action.UPDATE and set(actions[:-1]) == {drift.Action.KEEP}
    actions = [controller.step(1.0) for _ in range(40)]
    assert "reset" in actions
    better = drift.AdaptiveController(drift.ADWIN(0.05, clock=1), window=10)
    actions = [better.step(x) for x in [1.0] * 60 + [0.0] * 60]
    assert better.detector.n_alarms > 0 and set(actions) == {"keep"}
    with pytest.raises(ValueError, match="AdaptiveController read nan at position 120"):
        better.step(np.nan)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: drift.AdaptiveController(drift.ADWIN(), window=0), "window is 0"),
        (lambda: drift.AdaptiveController(drift.ADWIN(), scale=0), "scale 0"),
        (lambda: drift.RestartOnAlarm(None, drift.ADWIN(), memory=0), "memory 0"),
        (lambda: drift.MetaStart(None, memory=0), "memory is 0"),
    ],
)
def test_bad_controllers_are_one_sentence(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()


def run_over(model, kind, seed=0, n=2000):
    made = drift.drifting_tastes(kind, n, law=LAW, seed=seed)
    x = made.truth["features"][made.interactions.item]
    y = made.interactions.value - 3.5
    errors = np.empty(n)
    for t in range(n):
        errors[t] = (y[t] - model.predict(x[t])) ** 2
        model.partial_fit(x[t], y[t])
    return errors, made.truth["change"]


def restarting(recall=False):
    detector = drift.ADWIN(0.05, clock=4)
    return drift.RestartOnAlarm(lambda: drift.OnlineRidge(6), detector, 2.0, recall=recall)


def test_a_restart_finds_the_change_and_recovers():
    model, stubborn = restarting(), drift.OnlineRidge(6)
    errors, change = run_over(model, "abrupt")
    held, _ = run_over(stubborn, "abrupt")
    assert len(model.alarms) == 1 and 0 <= model.alarms[0] - change[0] < 80
    assert errors[-500:].mean() < 0.6 < held[-500:].mean()
    calm = restarting()
    run_over(calm, "none")
    assert calm.alarms == []


def test_an_old_model_is_taken_up_again_when_its_taste_returns():
    gained = []
    for seed in range(4):
        plain, change = run_over(restarting(), "recurring", seed, 3000)
        model = restarting(recall=True)
        first = model.model
        recalled, _ = run_over(model, "recurring", seed, 3000)
        gained.append(plain[change[1] :].mean() - recalled[change[1] :].mean())
        if len(model.alarms) == 2 and model.model is first:
            break
    else:
        pytest.fail("no first model was ever taken up again")
    assert gained[-1] > 0


def line_learner(rate=0.1):
    module = nn.Sequential(nn.Linear(2, 1))
    with torch.no_grad():
        for weights in module.parameters():
            weights.zero_()
    return MAML(module, rate, 10)


def test_a_meta_start_adapts_to_its_latest_events():
    g = np.random.default_rng(8)
    model = drift.MetaStart(line_learner(), memory=50, every=10)
    assert model.predict([1.0, 0.0]) == 0
    for _ in range(60):
        x = g.normal(size=2)
        model.partial_fit(x, x @ [1.0, -1.0])
    assert model.predict([1.0, 0.0]) == pytest.approx(1.0, abs=0.2)
    for _ in range(60):
        x = g.normal(size=2)
        model.partial_fit(x, x @ [-1.0, 1.0])
    assert model.predict([1.0, 0.0]) == pytest.approx(-1.0, abs=0.2)
    assert len(model._y) == 50
    with pytest.raises(ValueError, match="MetaStart read nan at position 120"):
        model.partial_fit([0.0, 0.0], np.nan)
    deeper = drift.MetaStart(line_learner(), steps=1)
    for _ in range(60):
        x = g.normal(size=2)
        deeper.partial_fit(x, x @ [1.0, -1.0])
    assert 0.05 < deeper.predict([1.0, 0.0]) < 0.5  # one short step


def test_an_inner_rate_that_diverges_is_named():
    model = drift.MetaStart(line_learner(rate=1e9))
    model.partial_fit([1.0, 1.0], 5.0)
    with pytest.raises(NonFiniteTaskError, match="the stream"):
        model.predict([1.0, 1.0])


def test_control_logs_destroy_one_order_each(ml100k):
    log = ml100k.interactions
    log = log.select(np.flatnonzero(log.user < 60))
    log = log.select(log.order_by_time(0))
    dates, inside, everything = (
        control(log, 3)
        for control in (drift.permute_dates, drift.shuffle_histories, drift.shuffle_all)
    )
    drift.check_time_order(dates)
    for u in range(60):
        mine = log.user == u
        assert np.array_equal(log.item[mine], dates.item[dates.user == u])
        gaps = np.diff(dates.timestamp[dates.user == u])
        assert np.array_equal(np.diff(log.timestamp[mine]), gaps)
        pairs = set(zip(log.item[mine], log.value[mine]))
        assert set(zip(inside.item[inside.user == u], inside.value[inside.user == u])) == pairs
    assert np.array_equal(inside.user, log.user)
    assert np.array_equal(inside.timestamp, log.timestamp)
    assert not np.array_equal(inside.item, log.item)
    assert not np.array_equal(everything.user, log.user)
    assert np.bincount(everything.user).tolist() == np.bincount(log.user).tolist()
    first = [dates.timestamp[dates.user == u].min() for u in range(60)]
    old = [log.timestamp[log.user == u].min() for u in range(60)]
    assert sorted(first) == sorted(old) and first != old


def test_the_room_does_not_import_torch():
    code = "import sys, recsys_book.meta_learning.drift as d; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
    with pytest.raises(AttributeError, match="no attribute 'Adwin'"):
        drift.Adwin  # noqa: B018
