import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error

from recsys_book.evaluation import errors_by_user, mae, mse, rmse, tolerance_rate

RNG = np.random.default_rng(0)
Y, P, U = RNG.integers(1, 6, 200), RNG.uniform(1, 5, 200), RNG.integers(0, 9, 200) * 10


@pytest.mark.equation("eq-rmse")
def test_equal_to_scikit_learn():
    assert mae(Y, P) == pytest.approx(mean_absolute_error(Y, P), abs=1e-12)
    assert mse(Y, P) == pytest.approx(mean_squared_error(Y, P), abs=1e-12)
    assert rmse(Y, P) == pytest.approx(mean_squared_error(Y, P) ** 0.5, abs=1e-12)
    assert rmse([1.0, 2.0], [2.0, 5.0]) == pytest.approx(5**0.5)
    assert rmse(Y, P) > mae(Y, P)


def test_per_user():
    each = errors_by_user(U, Y, P)
    np.testing.assert_array_equal(each["user"], np.unique(U))
    for j, u in enumerate(each["user"]):
        mine = u == U
        assert each["n"][j] == mine.sum()
        assert each["mae"][j] == pytest.approx(mae(Y[mine], P[mine]))
        assert each["mse"][j] == pytest.approx(mse(Y[mine], P[mine]))
        assert each["rmse"][j] == pytest.approx(rmse(Y[mine], P[mine]))


def test_tolerance_rate():
    assert tolerance_rate([1, 2, 3, 4], [1.4, 2.5, 3.0, 9]) == 0.5
    assert tolerance_rate([1, 2], [2.0, 4.0], 1.5) == 0.5
    with pytest.raises(ValueError, match="tolerance is 0"):
        tolerance_rate(Y, P, 0)


@pytest.mark.parametrize("metric", [mae, mse, rmse, tolerance_rate])
def test_bad_input_is_refused(metric):
    with pytest.raises(ValueError, match=r"shape \(200,\) and predictions has shape \(200, 1\)"):
        metric(Y, P[:, None])
    with pytest.raises(ValueError, match="empty"):
        metric([], [])
    with pytest.raises(ValueError, match="NaN at position"):
        metric([1.0], [np.nan])


def test_users_must_fit():
    with pytest.raises(ValueError, match=r"user has shape \(199,\)"):
        errors_by_user(U[1:], Y, P)
