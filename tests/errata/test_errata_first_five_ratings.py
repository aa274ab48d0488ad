"""Adapting to few events without a prior overfits; the package's estimates do not."""

import numpy as np
import pytest

from recsys_book.errata import first_five_ratings as errata
from recsys_book.meta_learning.cold_start import fold_in, ridge_user_bias


@pytest.mark.erratum("ADA-04")
@pytest.mark.parametrize("seed", range(5))
def test_the_own_mean_of_three_ratings_is_worse_than_everybodys(seed):
    rng = np.random.default_rng(seed)
    level = 0.3 * rng.normal(size=5000)
    seen = level[:, None] + rng.normal(size=(5000, 3))
    own = np.array([errata.ada_04_own_mean(row) for row in seen])
    shrunk = np.array([ridge_user_bias(row, 1 / 0.09) for row in seen])
    error = [np.mean((guess - level) ** 2) for guess in (own, 0 * own, shrunk)]
    assert error[0] > 3 * error[1]
    assert error[2] < error[1]
    assert error[0] > 4 * error[2]


@pytest.mark.erratum("ADA-04")
@pytest.mark.parametrize("seed", range(5))
def test_the_own_vector_is_worst_where_ratings_and_numbers_are_as_many(seed):
    rng = np.random.default_rng(seed)
    error = {"own": {}, "prior": {}}
    for k in (4, 10, 40):
        A = rng.normal(size=(200, k, 10))
        z = 0.3 * rng.normal(size=(200, 10))
        e = np.einsum("nkf,nf->nk", A, z) + rng.normal(size=(200, k))
        own = np.array([errata.ada_04_own_vector(*row) for row in zip(A, e)])
        prior = np.array([fold_in(*row, 1 / 0.09) for row in zip(A, e)])
        error["own"][k] = np.mean(np.sum((own - z) ** 2, axis=1))
        error["prior"][k] = np.mean(np.sum((prior - z) ** 2, axis=1))
    nothing = 10 * 0.09
    assert error["own"][10] > error["own"][4] > nothing
    assert error["own"][10] > 5 * error["own"][40]
    assert all(value < nothing for value in error["prior"].values())
    assert error["prior"][40] < error["prior"][10] < error["prior"][4]


@pytest.mark.erratum("ADA-04")
def test_the_own_vector_goes_through_every_rating():
    rng = np.random.default_rng(0)
    A, e = rng.normal(size=(3, 8)), rng.normal(size=3)
    assert A @ errata.ada_04_own_vector(A, e) == pytest.approx(e)
    assert abs(A @ fold_in(A, e, 1.0) - e).max() > 0.01
