"""The feedback loop's parts: the fit, the switches, and what is measured."""

import numpy as np
import pytest

from recsys_book.exploration import ItemRidge, feedback_loop


def test_item_ridge_is_a_ridge_regression_an_item():
    rng = np.random.default_rng(0)
    x, item = rng.normal(size=(90, 4)), rng.integers(0, 2, 90)
    x[:, 0], y = 1, rng.random(90)
    model = ItemRidge(3, 4, penalty=5.0)
    model.add(x[:50], item[:50], y[:50])
    model.add(x[50:], item[50:], y[50:])
    assert model.n.tolist() == np.bincount(item, minlength=3).tolist()
    for i in (0, 1):
        a, b = x[item == i], y[item == i]
        want = np.linalg.solve(a.T @ a + np.diag([0, 5, 5, 5]), a.T @ b)
        assert model.weights()[i] == pytest.approx(want, abs=1e-8)
    assert model.weights()[2] == pytest.approx(0)
    plain = ItemRidge(1, 4, penalty=0.0)
    plain.add(x, np.zeros(90, int), y)
    assert plain.weights()[0] == pytest.approx(np.linalg.lstsq(x, y, rcond=None)[0], abs=1e-6)


def test_an_item_without_data_is_never_chosen():
    model = ItemRidge(3, 3, penalty=1.0)
    model.add(np.ones((5, 3)), np.ones(5, int), np.zeros(5) - 1)
    assert (model.choose(np.ones((4, 3))) == 1).all()


def test_the_switches_do_what_they_say():
    greedy = feedback_loop(rounds=8, seed=3)
    assert greedy.shown.sum() == 9 * 120
    assert (greedy.shown[8:] == 0).all()
    assert greedy.gini.shape == (8,)
    curious = feedback_loop(rounds=8, explore=1.0, seed=3)
    assert (curious.shown > 5).all()
    assert curious.gini[-1] < 0.4 < greedy.gini[-1]
    assert curious.click_rate < curious.best_rate < 1
    assert feedback_loop(rounds=2, penalty=1e9).gap < feedback_loop(rounds=2).gap
    again = feedback_loop(rounds=8, seed=3)
    assert again.gap == greedy.gap == again.fresh_error - again.train_error


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"explore": 1.5}, "explore is 1.5"),
        ({"penalty": -1}, "penalty -1"),
        ({"launched": 41}, "launched is 41 of 40"),
        ({"dim": 2}, "dim 2"),
        ({"rounds": 0}, "rounds 0"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        feedback_loop(**settings)
