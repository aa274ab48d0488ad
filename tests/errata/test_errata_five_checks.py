"""The formulas of the five checks fail as described, and the right versions do not."""

import numpy as np
import pytest

from recsys_book.errata import five_checks as errata


def gradient(w):
    return w - 3.0


def adam(w, steps, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
    m = v = 0.0
    for t in range(1, steps + 1):
        g = gradient(w)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        w -= lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return w


def adagrad(w, steps, lr=1.0):
    s = 0.0
    for _ in range(steps):
        g = gradient(w)
        s += g**2
        w -= lr * g / (np.sqrt(s) + 1e-10)
    return w


@pytest.mark.erratum("OPT-01")
def test_growing_adagrad_overflows_where_adagrad_converges():
    path = errata.opt_01_adagrad_that_grows(gradient, 0.0, 7)
    assert path[1] == pytest.approx(27.3)
    assert path[2] == pytest.approx(-7.4e3, rel=0.02)
    assert np.all(np.diff(np.abs(path[:7] - 3)) > 0)
    assert not np.isfinite(path[7])
    assert abs(adagrad(0.0, 200) - 3) < 1e-9


@pytest.mark.erratum("OPT-02")
def test_extra_axis_reaches_the_weights():
    weights, gradients = np.zeros((4, 5)), np.ones((4, 5))
    assert errata.opt_02_rate_with_one_axis_too_many(
        weights, gradients, np.ones((1, 4, 5))
    ).shape == (1, 4, 5)
    assert (weights - np.ones((4, 5)) * gradients).shape == (4, 5)


@pytest.mark.erratum("OPT-05")
def test_adam_upside_down_only_goes_down():
    path = errata.opt_05_adam_upside_down(gradient, 0.0, 100)
    assert np.all(np.diff(path) < 0)
    assert path[-1] == pytest.approx(-2761, abs=1)
    through = errata.opt_05_adam_upside_down(gradient, 6.0, 500)
    assert np.all(np.diff(through) < 0) and through[-1] == pytest.approx(-146, abs=1)
    assert abs(adam(0.0, 2000) - 3) < 1e-3 and abs(adam(6.0, 2000) - 3) < 1e-3


@pytest.mark.erratum("OPT-05")
def test_step_grows_with_the_square_of_the_gradient():
    def first(scale):
        return abs(errata.opt_05_adam_upside_down(lambda w: scale, 0.0, 1)[1])

    assert first(10.0) / first(1.0) == pytest.approx(100, rel=1e-6)


@pytest.mark.erratum("OPT-06")
def test_second_moment_is_negative_for_half_of_the_gradients():
    x = np.random.default_rng(0).normal(size=10_000)
    m, v = errata.opt_06_adam_without_memory(x)
    assert np.mean(v < 0) == pytest.approx(0.5, abs=0.02)
    assert np.array_equal(m, errata.opt_06_adam_without_memory(x[::-1])[0][::-1])  # no memory
    right = np.zeros(1)
    for g in x:
        right = 0.999 * right + 0.001 * g**2
        assert right > 0


@pytest.mark.erratum("CF-08")
def test_softmax_of_one_score_is_one_and_a_sigmoid_is_not():
    scores = np.array([-37.0, 0.0, 4.0])
    assert np.array_equal(errata.cf_08_softmax_of_one_score(scores), np.ones(3))
    sigmoid = 1 / (1 + np.exp(-scores))
    assert np.all(np.diff(sigmoid) > 0) and sigmoid[0] < 1e-15


@pytest.mark.erratum("CF-10")
def test_attention_over_one_key_is_the_history():
    user, item, history = np.random.default_rng(0).normal(size=(3, 8))
    assert np.array_equal(errata.cf_10_attention_over_one_key(user, item, history), history)
    assert np.array_equal(errata.cf_10_attention_over_one_key(-9 * user, item, history), history)


@pytest.mark.erratum("CF-16")
def test_own_review_explains_noise_and_others_do_not():
    rng = np.random.default_rng(0)
    rating = rng.normal(size=(400, 50))
    review = rating + 0.3 * rng.normal(size=rating.shape)
    own = errata.cf_16_own_review(review)
    others = np.mean([np.roll(review, k, axis=0) for k in range(1, 6)], axis=0)
    assert np.corrcoef(rating.ravel(), own.ravel())[0, 1] > 0.95
    assert abs(np.corrcoef(rating.ravel(), others.ravel())[0, 1]) < 0.05
