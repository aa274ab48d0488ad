"""Models that learn by events: exact where they claim to be, bounded, and clear about bad input."""

import numpy as np
import pytest
from scipy.signal import lfilter

from recsys_book.data import Interactions
from recsys_book.meta_learning import drift
from recsys_book.meta_learning.drift import kernels


def small_log(n=400, n_users=12, n_items=9, seed=0):
    g = np.random.default_rng(seed)
    u, i = g.integers(0, n_users, n), g.integers(0, n_items, n)
    value = 3 + 0.5 * (u % 3) - 0.7 * (i % 2) + 0.1 * g.normal(size=n)
    return Interactions(u, i, value, np.arange(n), np.arange(n_users), np.arange(n_items))


@pytest.mark.equation("eq-fold-in-rank-one")
@pytest.mark.parametrize("forgetting", [1.0, 0.97])
def test_online_ridge_is_the_weighted_ridge_solution(forgetting):
    g = np.random.default_rng(0)
    X, y, prior = g.normal(size=(60, 5)), g.normal(size=60), g.normal(size=5)
    model = drift.OnlineRidge(5, l2=2.0, forgetting=forgetting, prior_mean=prior)
    for n in range(60):
        model.partial_fit(X[n], y[n])
        age = forgetting ** np.arange(n, -1, -1.0)
        penalty = 2 * forgetting ** (n + 1)
        A = (X[: n + 1] * age[:, None]).T @ X[: n + 1] + penalty * np.eye(5)
        b = X[: n + 1].T @ (age * y[: n + 1]) + penalty * prior
        np.testing.assert_allclose(model.weights, np.linalg.solve(A, b), atol=1e-9)
        np.testing.assert_allclose(model.inverse, np.linalg.inv(A), atol=1e-9)


def test_a_fading_ridge_stays_symmetric_and_finite():
    g = np.random.default_rng(1)
    model = drift.OnlineRidge(24, forgetting=0.98)
    for _ in range(6000):
        model.partial_fit(g.normal(size=24), g.normal())
    assert np.array_equal(model.inverse, model.inverse.T)
    assert np.abs(model.weights).max() < 3


def test_window_ridge_is_the_ridge_solution_of_its_window():
    g = np.random.default_rng(2)
    X, y, prior = g.normal(size=(50, 4)), g.normal(size=50), g.normal(size=4)
    half = g.normal(size=(6, 4))
    precision = half.T @ half + np.eye(4)
    model = drift.WindowRidge(4, 12, precision, prior)
    np.testing.assert_allclose(model.weights, prior)
    for n in range(50):
        model.partial_fit(X[n], y[n])
        a, b = X[max(0, n - 11) : n + 1], y[max(0, n - 11) : n + 1]
        want = np.linalg.solve(a.T @ a + precision, a.T @ b + precision @ prior)
        np.testing.assert_allclose(model.weights, want, atol=1e-8)
    assert model.predict(X[0]) == pytest.approx(X[0] @ want)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: drift.OnlineRidge(3, forgetting=0), "forgetting is 0"),
        (lambda: drift.OnlineRidge(3, l2=0), "l2 is 0"),
        (lambda: drift.OnlineRidge(3, l2=np.eye(2)), "precision matrix"),
        (lambda: drift.OnlineRidge(3).predict(np.ones(2)), r"row of shape \(2,\) at event 0"),
        (lambda: drift.OnlineRidge(1).partial_fit([np.nan], 1), "finite numbers"),
        (lambda: drift.OnlineRidge(1).partial_fit([1.0], np.nan), "OnlineRidge read nan"),
        (lambda: drift.WindowRidge(3, 0), "window is 0"),
        (lambda: drift.SlidingMean(0), "window is 0"),
        (lambda: drift.DecayedMean(0), "rate is 0"),
        (lambda: drift.SlidingMean(2).update(np.nan), "SlidingMean read nan at position 0"),
        (lambda: drift.DecayedMean(0.1).update(np.inf), "DecayedMean read inf"),
    ],
)
def test_bad_settings_are_one_sentence(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()


@pytest.mark.equation("eq-window-error")
@pytest.mark.parametrize("q", [0.0, 0.05])
def test_errors_of_memory_are_those_derived(q):
    g = np.random.default_rng(3)
    n = 200_000
    target = np.cumsum(np.sqrt(q) * g.normal(size=n))
    seen = target + 0.5 * g.normal(size=n)
    total = np.concatenate([[0], np.cumsum(seen)])
    for window in (1, 3, 10):
        error = np.mean(((total[window:] - total[:-window]) / window - target[window - 1 :]) ** 2)
        assert error == pytest.approx(drift.window_error(window, 0.25, q), rel=0.03)
    for rate in (1.0, 0.3):
        error = np.mean((lfilter([rate], [1, rate - 1], seen) - target)[100:] ** 2)
        assert error == pytest.approx(drift.decay_error(rate, 0.25, q), rel=0.03)


@pytest.mark.equation("eq-window-error")
def test_best_memories_are_minima():
    w, a = drift.best_window(0.5, 0.002), drift.best_rate(0.5, 0.002)
    for step in (0.9, 1.1):
        assert drift.window_error(w, 0.5, 0.002) < drift.window_error(step * w, 0.5, 0.002)
        assert drift.decay_error(a, 0.5, 0.002) < drift.decay_error(step * a, 0.5, 0.002)


@pytest.mark.equation("eq-window-error")
def test_streaming_means_are_means():
    values = np.random.default_rng(4).normal(size=40)
    sliding, fading = drift.SlidingMean(5), drift.DecayedMean(0.25)
    for t, value in enumerate(values):
        assert sliding.update(value) == pytest.approx(values[max(0, t - 4) : t + 1].mean())
        before = fading.mean
        fading.update(value)
        want = values[: t + 1].mean() if t < 4 else before + 0.25 * (value - before)
        assert fading.mean == pytest.approx(want)


@pytest.mark.equation("eq-update-interval")
def test_cost_of_a_schedule():
    assert drift.schedule_cost(10, 0.2, 3.0) == pytest.approx(0.2 * np.arange(10).mean() + 0.3)
    best = drift.best_interval(0.002, 4.0)
    costs = [drift.schedule_cost(t, 0.002, 4.0) for t in (0.9 * best, best, 1.1 * best)]
    assert costs[1] == min(costs)
    assert drift.best_interval(100.0, 0.1) == 1


@pytest.mark.equation("eq-incremental-mf")
def test_step_is_the_gradient_of_one_event():
    g = np.random.default_rng(5)
    P, Q = g.normal(size=(3, 4)), g.normal(size=(5, 4))
    p, q, error, rate, l2 = P[1].copy(), Q[2].copy(), 0.7, 0.1, 0.3
    for compiled in (kernels.mf_step.py_func, kernels.mf_step):
        A, B = P.copy(), Q.copy()
        length = compiled(A, B, 1, 2, error, rate, l2, np.inf)
        np.testing.assert_allclose(A[1], p + rate * (error * q - l2 * p))
        np.testing.assert_allclose(B[2], q + rate * (error * p - l2 * q))
        assert np.array_equal(A[[0, 2]], P[[0, 2]])
        assert length == pytest.approx(np.linalg.norm(np.r_[A[1] - p, B[2] - q]))
        A, B = P.copy(), Q.copy()
        compiled(A, B, 1, 2, error, rate, l2, 0.01)
        assert np.linalg.norm(np.r_[A[1] - p, B[2] - q]) == pytest.approx(0.01)


@pytest.mark.equation("eq-incremental-mf")
@pytest.mark.parametrize("options", [{}, {"rank": 0}, {"bias_rate": 0.1, "max_step": 0.01}])
def test_replay_is_the_loop_event_by_event(options):
    log = small_log()
    one, other = drift.IncrementalMF(**options), drift.IncrementalMF(**options)
    learn = np.arange(len(log)) % 5 > 0
    for model in (one, other):  # both tables have their size: growth draws the starts
        model.partial_fit(11, 8, 3.0)
    fast = one.replay(log.user, log.item, log.value, learn)
    slow = []
    for t in range(len(log)):
        slow.append(log.value[t] - other.predict_one(log.user[t], log.item[t]))
        if learn[t]:
            other.partial_fit(log.user[t], log.item[t], log.value[t])
    np.testing.assert_allclose(fast, slow, atol=1e-12)
    assert one.n_events == other.n_events == learn.sum() + 1
    assert one.n_clipped == other.n_clipped
    assert one.mean == pytest.approx(other.mean)


def test_compiled_loops_are_the_python_they_were_made_of(monkeypatch):
    log = small_log(60)
    want = drift.IncrementalMF(rank=2).replay(log.user, log.item, log.value, log.value > 0)
    for name in ("mf_predict", "mf_step", "mf_event", "mf_replay"):
        monkeypatch.setattr(kernels, name, getattr(kernels, name).py_func)
    model = drift.IncrementalMF(rank=2)
    learn = np.ones(60, dtype=bool)
    got = model.replay(log.user, log.item, log.value, learn)
    np.testing.assert_allclose(got, want, atol=1e-12)
    with pytest.raises(drift.DivergedError, match="at event 2"):
        model.replay(log.user, log.item, np.where(np.arange(60) == 2, 1e9, 3.0), learn)
    learn[:] = False
    assert len(model.replay(log.user, log.item, log.value, learn)) == 60


def test_biases_are_damped_means_first_and_fade_later():
    model = drift.IncrementalMF(rank=0, bias_rate=0.2, damping=1)
    for value in (4.0, 2.0):
        model.partial_fit(0, 0, value)
    # error 4: mean 4, biases 2 and 2; error 2 - 8: mean 1, biases 2 - 6 / 3 each
    assert model.mean == pytest.approx(1.0)
    assert model.predict_one(0, 0) == pytest.approx(1.0)
    for _ in range(200):
        model.partial_fit(0, 0, 3.0)
    model.partial_fit(0, 0, 5.0)
    step = model.predict_one(0, 0) - 3.0
    assert step == pytest.approx(2 * (0.2 + 0.2 + 1 / 203), abs=1e-3)


def test_the_unknown_is_predicted_by_what_is_known():
    model = drift.IncrementalMF(rank=3)
    assert model.predict_one(5, 5) == 0
    assert np.isneginf(model.score_one(0, 4)).all()
    for _ in range(20):
        model.partial_fit(2, 1, 5.0)
        model.partial_fit(3, 4, 1.0)
    assert model.predict_one(99, 99) == model.mean
    assert model.predict_one(99, 1) > model.mean > model.predict_one(99, 4)
    assert model.predict_one(2, 99) > model.predict_one(3, 99)
    assert model.predict_one(-1, -1) == model.mean
    scores = model.score_one(2, 6)
    assert np.isneginf(scores[[0, 2, 3, 5]]).all()
    before = model.predict_one(2, 1)
    model.partial_fit(500, 700, 3.0)  # the tables grow, and nothing else changes
    p, q = model.vectors(500, 700)
    assert p.shape == q.shape == (3,)
    assert model.predict_one(2, 1) == pytest.approx(before, abs=0.05)
    assert model.score_one(2, 800).shape == (800,)
    assert model.reset().n_events == 0 and model.predict_one(2, 1) == 0


def test_positive_feedback_ranks_what_a_group_likes():
    g = np.random.default_rng(6)
    plain = drift.IncrementalMF(8, rate=0.1, feedback="positive")
    against = drift.IncrementalMF(8, rate=0.1, feedback="positive", negatives=2)
    for _ in range(4000):
        user = int(g.integers(20))
        item = int(g.integers(10)) + (10 if user % 2 else 0)
        plain.partial_fit(user, item)
        against.partial_fit(user, item)
    rows = np.array([against.score_one(u, 20) for u in range(20)])
    own = [rows[u, 10:].mean() - rows[u, :10].mean() for u in range(1, 20, 2)]
    assert min(own) > 0.3
    flat = np.array([plain.score_one(u, 20) for u in range(1, 20, 2)])
    assert rows[1::2, :10].mean() < flat[:, :10].mean()  # negatives push the others' items down
    newcomer = against.score_one(99, 20)
    assert newcomer.sum() == 4000  # numbers of events
    assert against.predict_one(99, 1) == 0


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        (lambda: drift.IncrementalMF(feedback="stars"), "feedback is 'stars'"),
        (lambda: drift.IncrementalMF(rank=-1), "rank is -1"),
        (lambda: drift.IncrementalMF(bias_rate=2), "bias_rate 2"),
        (lambda: drift.IncrementalMF(rate=0), "rate is 0"),
        (lambda: drift.IncrementalMF(max_step=0), "max_step 0"),
        (lambda: drift.IncrementalMF().partial_fit(-1, 0, 3.0), "event 0 has user -1"),
        (lambda: drift.IncrementalMF().partial_fit(0, 0, np.nan), "IncrementalMF read nan"),
        (
            lambda: drift.IncrementalMF(feedback="positive").partial_fit(0, 0, 4.0),
            "value 4.0; positive feedback is 1",
        ),
        (
            lambda: drift.IncrementalMF(feedback="positive").replay(*[np.zeros(1)] * 4),
            "feed positive events to partial_fit",
        ),
        (
            lambda: drift.IncrementalMF().replay(
                np.zeros(2, int), np.zeros(2, int), np.array([1, np.nan]), np.ones(2, bool)
            ),
            "IncrementalMF read nan at position 1",
        ),
    ],
)
def test_bad_events_are_one_sentence(action, problem):
    with pytest.raises(ValueError, match=problem):
        action()


def test_an_empty_stream_has_no_errors():
    empty = np.zeros(0, int)
    assert len(drift.IncrementalMF().replay(empty, empty, np.zeros(0), empty > 0)) == 0


@pytest.mark.parametrize("whole", [True, False])
def test_a_rate_that_diverges_is_named(whole):
    log, model = small_log(), drift.IncrementalMF(rate=30.0)
    with pytest.raises(drift.DivergedError, match=r"event \d+ \(user .*lower rate = 30.0"):
        if whole:
            model.replay(log.user, log.item, log.value, np.ones(len(log), bool))
        for row in zip(log.user, log.item, log.value):
            model.partial_fit(*row)
    bounded = drift.IncrementalMF(rate=30.0, max_step=0.1)
    errors = bounded.replay(log.user, log.item, log.value, np.ones(len(log), bool))
    assert np.isfinite(errors).all() and bounded.n_clipped > 100


def test_faded_counts():
    model = drift.StreamingPopularity(half_life=10)
    assert np.isneginf(model.score_one(0, 3)).all()
    for item in [0] * 2 + [1] * 10:
        model.partial_fit(0, item)
    scores = model.score_one(7, 4)
    age = np.arange(11, -1, -1)
    weights = 0.5 ** (age / 10)
    assert scores[0] / scores[1] == pytest.approx(weights[:2].sum() / weights[2:].sum())
    assert np.isneginf(scores[2:]).all()
    ratio = []
    for half_life in (None, 1.0):
        model = drift.StreamingPopularity(half_life)
        for _ in range(500):
            model.partial_fit(0, 1)
        model.partial_fit(0, 20)
        scores = model.score_one(0, 30)
        ratio.append(scores[1] / scores[20])
    assert ratio[0] == 500 and ratio[1] == pytest.approx(1.0)  # rescaled, not overflown
    with pytest.raises(ValueError, match="half_life is 0"):
        drift.StreamingPopularity(0)


def test_ease_is_fitted_on_schedule_and_its_histories_are_up_to_date():
    g = np.random.default_rng(7)
    model = drift.PeriodicEASE(30, 10, every=100, first=200, l2=5.0, memory=150)
    fits = []
    for _ in range(500):
        user = int(g.integers(30))
        model.partial_fit(user, int(g.integers(5)) + (5 if user % 2 else 0))
        fits.append(model.n_fits)
    assert [fits.index(k) + 1 for k in (1, 2, 3, 4)] == [200, 300, 400, 500]
    newcomer = drift.PeriodicEASE(31, 10, every=None, first=1)
    newcomer.weights, newcomer.n_fits = model.weights, 1
    assert np.isneginf(newcomer.score_one(30, 10)).all()
    newcomer._histories[30] = [6]
    scores = newcomer.score_one(30, 10)
    assert scores[[5, 7, 8, 9]].min() > scores[:5].max()
    assert len(model._pairs[-150:]) == 150
    with pytest.raises(ValueError, match="every 0"):
        drift.PeriodicEASE(3, 3, every=0)
