"""The compiled loops do what their Python source says."""

import numpy as np
import pytest

from recsys_book.recommenders.factorization import ridge_kernels, sgd_kernels


@pytest.fixture
def python_only(monkeypatch):
    """Replace the compiled helpers of the ridge kernels by their source."""
    for name in ("_cholesky", "_solve"):
        monkeypatch.setattr(ridge_kernels, name, getattr(ridge_kernels, name).py_func)
    return ridge_kernels.solve_rows.py_func


def test_rows_are_solved_as_numpy_solves_them(python_only):
    rng = np.random.default_rng(0)
    start, column = np.array([0, 3, 3, 5]), np.array([0, 2, 3, 1, 2])
    target, features = rng.normal(size=5), rng.normal(size=(4, 3))
    precision, linear = np.diag([1.0, 2.0, 3.0]), rng.normal(size=(3, 3))
    noise, out = rng.normal(size=(3, 3)), np.empty((3, 3))
    python_only(start, column, target, features, precision, linear, 0.7, noise, out)
    compiled = np.empty((3, 3))
    ridge_kernels.solve_rows(
        start, column, target, features, precision, linear, 0.7, noise, compiled
    )
    np.testing.assert_allclose(out, compiled, rtol=1e-12)
    for r in range(3):
        cells = slice(start[r], start[r + 1])
        A, y = features[column[cells]], target[cells]
        M = precision + 0.7 * A.T @ A
        want = np.linalg.solve(M, linear[r] + 0.7 * A.T @ y)
        want = want + np.linalg.solve(np.linalg.cholesky(M).T, noise[r])
        np.testing.assert_allclose(out[r], want, rtol=1e-10)


def test_epochs_are_those_of_their_source():
    rng = np.random.default_rng(0)
    user, item = np.array([0, 0, 1, 2, 2]), np.array([0, 2, 1, 0, 1])
    value, start = rng.normal(size=5), np.array([0, 2, 3, 5])
    tables = [rng.normal(size=s) for s in [3, 3, (3, 2), (3, 2), (3, 2)]]
    order = np.array([4, 0, 2, 1, 3])
    epochs = [
        (sgd_kernels.mf_epoch, (user, item, value, order, 0.1, 0.05, 0.1), 4),
        (sgd_kernels.svdpp_epoch, (np.array([2, 0, 1]), start, item, value, 0.1, 0.05, 0.1), 5),
    ]
    for epoch, cells, n in epochs:
        a, b = [t.copy() for t in tables[:n]], [t.copy() for t in tables[:n]]
        epoch(*cells, *a)
        epoch.py_func(*cells, *b)
        for x, y, start_value in zip(a, b, tables):
            np.testing.assert_allclose(x, y, rtol=1e-12)
            assert not np.allclose(x, start_value)
