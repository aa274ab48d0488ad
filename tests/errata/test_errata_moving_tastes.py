"""Online learning is a step and a test; ADWIN detects, and predicts nothing."""

import numpy as np
import pytest
from torch import nn

from recsys_book.errata import moving_tastes as errata
from recsys_book.meta_learning import drift


@pytest.mark.erratum("ADA-01")
@pytest.mark.parametrize("model", [nn.Linear(3, 1), drift.OnlineRidge(3), drift.IncrementalMF()])
def test_no_model_has_the_method(model):
    with pytest.raises(AttributeError, match="update_weights"):
        errata.ada_01_update_weights(model, [1.0])


@pytest.mark.erratum("ADA-01")
def test_a_model_that_had_it_would_be_called():
    class Made:
        def update_weights(self, data):
            return sum(data)

    assert errata.ada_01_update_weights(Made(), [1, 2]) == 3


@pytest.mark.erratum("ADA-01")
def test_one_step_an_event_learns_and_test_then_train_shows_it():
    g = np.random.default_rng(0)
    truth, model, losses = np.array([1.0, -2.0, 0.5]), drift.OnlineRidge(3), []
    for _ in range(500):
        x = g.normal(size=3)
        losses.append((x @ truth - model.predict(x)) ** 2)
        model.partial_fit(x, x @ truth)
    assert np.mean(losses[:3]) > 100 * np.mean(losses[-50:])


@pytest.mark.erratum("META-05")
def test_adwin_predicts_a_mean_where_a_restarted_learner_learns():
    law = drift.TasteLaw.draw(8, 2, 2.0, seed=1)
    made = drift.drifting_tastes("abrupt", 2000, law=law, noise=0.5, seed=1)
    x, y = made.truth["features"][made.interactions.item], made.interactions.value - 3.5
    guesses = errata.meta_05_adwin_as_learner(drift.ADWIN(keep_window=True), y / 10) * 10
    late = slice(1500, None)
    assert np.mean((y - guesses)[late] ** 2) > 0.9 * y[late].var()
    model = drift.RestartOnAlarm(
        lambda: drift.OnlineRidge(8), drift.ADWIN(0.05, clock=4), scale=2.0
    )
    errors = []
    for row, target in zip(x, y):
        errors.append((target - model.predict(row)) ** 2)
        model.partial_fit(row, target)
    assert np.mean(errors[1500:]) < 0.35 < 0.25 * y[late].var()


@pytest.mark.erratum("META-05")
def test_adwin_finds_the_jump_and_has_nothing_to_predict_with():
    g = np.random.default_rng(0)
    values = np.where(np.arange(2000) < 1000, 0.0, 1.5) + g.normal(size=2000)
    detector = drift.ADWIN()
    alarms = drift.find_alarms(detector, values)
    assert len(alarms) == 1 and 1000 < alarms[0] < 1100
    assert detector.width == 2000 - alarms[0] - 1
    assert not any(hasattr(detector, name) for name in ("predict", "predict_one", "fit", "adapt"))
