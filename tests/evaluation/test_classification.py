import numpy as np
import pytest
import sklearn.metrics as sk

from recsys_book.evaluation import (
    accuracy,
    confusion,
    expected_calibration_error,
    log_loss,
    log_loss_from_logits,
)

RNG = np.random.default_rng(0)
Y = (RNG.random(500) < 0.3).astype(int)
P = np.clip(0.3 + 0.3 * RNG.normal(size=500) + 0.3 * Y, 0, 1)
D = (P > 0.5).astype(int)


def test_decisions_equal_scikit_learn():
    c = confusion(Y, D)
    assert ((c.tn, c.fp), (c.fn, c.tp)) == tuple(map(tuple, sk.confusion_matrix(Y, D).tolist()))
    assert c.accuracy == pytest.approx(sk.accuracy_score(Y, D)) == accuracy(Y, D)
    assert c.precision == pytest.approx(sk.precision_score(Y, D))
    assert c.recall == pytest.approx(sk.recall_score(Y, D))
    assert c.f1 == pytest.approx(sk.f1_score(Y, D))
    assert c.false_positive_rate == pytest.approx(c.fp / (Y == 0).sum())


def test_ratios_of_nothing_are_zero():
    c = confusion([0, 0], [0, 0])
    assert (c.precision, c.recall, c.f1, c.false_positive_rate, c.accuracy) == (0, 0, 0, 0, 1)
    assert confusion([1], [1]).false_positive_rate == 0


def test_accuracy_of_many_classes_and_any_batch_size():
    labels, predicted = RNG.integers(0, 5, 64), RNG.integers(0, 5, 64)
    assert accuracy(labels, predicted) == np.mean(labels == predicted)
    assert accuracy(labels.reshape(8, 8), predicted.reshape(8, 8)) == accuracy(labels, predicted)


def test_log_loss_equals_scikit_learn_and_logits():
    assert log_loss(Y, P) == pytest.approx(sk.log_loss(Y, P), abs=1e-9)
    z = RNG.normal(size=500) * 3
    assert log_loss_from_logits(Y, z) == pytest.approx(log_loss(Y, 1 / (1 + np.exp(-z))), abs=1e-9)
    assert log_loss_from_logits([1, 0], [1000.0, -1000.0]) == 0
    assert log_loss_from_logits([0.0], [1000.0]) == 1000
    assert log_loss([0.25], [0.25]) == pytest.approx(-0.25 * np.log(0.25) - 0.75 * np.log(0.75))


def test_calibration_error():
    assert expected_calibration_error([0, 1, 0, 1], [0.5] * 4) == 0
    assert expected_calibration_error([1, 1, 0, 0], [1.0, 1.0, 0.25, 0.25]) == 0.125
    assert expected_calibration_error([1, 0], [0.9, 0.1], bins=1) == 0
    rng = np.random.default_rng(1)
    p = rng.random(50_000)
    assert expected_calibration_error(rng.random(50_000) < p, p) < 0.01
    assert expected_calibration_error(rng.random(50_000) < p**2, p) > 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: confusion([0, 2], [0, 1]), "labels holds 2; use 0 and 1"),
        (lambda: confusion([0, 1], [0.0, 0.5]), "predicted holds 0.5"),
        (lambda: confusion([0, 1], [0]), "labels has shape"),
        (lambda: log_loss([5.0], [0.5]), "labels holds 5; it must lie between 0 and 1"),
        (lambda: log_loss([1.0], [-0.5]), "probabilities holds -0.5"),
        (lambda: log_loss_from_logits([5.0], [0.5]), "labels holds 5"),
        (lambda: log_loss_from_logits([1.0], [0.5, 1]), "labels has shape"),
        (lambda: accuracy([[1], [0]], [1, 0]), r"shape \(2, 1\) and predicted has shape \(2,\)"),
        (lambda: expected_calibration_error([1], [0.5], 0), "bins is 0"),
        (lambda: log_loss([], []), "labels is empty"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
