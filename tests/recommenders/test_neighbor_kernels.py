"""The compiled loops answer what the same lines answer in plain Python."""

import numpy as np
import pytest
import scipy.sparse as sp

from recsys_book.data import Interactions
from recsys_book.recommenders import RatingKNN, search, search_kernels, top_k_inner
from recsys_book.recommenders import similarity as sim
from recsys_book.recommenders import similarity_kernels as kernels


@pytest.fixture
def in_python(monkeypatch):
    """Replace every compiled function by its Python source."""

    def switch():
        for module in (kernels, search_kernels):
            for name, thing in list(vars(module).items()):
                if hasattr(thing, "py_func"):
                    monkeypatch.setattr(module, name, thing.py_func)

    return switch


def same(a, b):
    np.testing.assert_array_equal(a.indptr, b.indptr)
    np.testing.assert_array_equal(a.indices, b.indices)
    # NumPy keeps a count in single precision where the compiled code does not.
    np.testing.assert_allclose(a.data, b.data, rtol=1e-6)


def test_similarities(in_python):
    rng = np.random.default_rng(0)
    dense = rng.integers(1, 6, (50, 20)) * (rng.random((50, 20)) < 0.3)
    A = sp.csr_matrix(dense.astype(float))
    ones = sp.csr_matrix((dense > 0).astype(float))
    wide = sp.random_array((90, 200), density=0.01, rng=rng, format="csr")
    cases = [
        (ones, 3, "cosine", {"significance": 3.0}),
        (ones, 4, "jaccard", {"shrinkage": 1.0}),
        (A, 5, "bm25", {}),
        (A, 5, "pearson", {"shrinkage": 2.0, "significance": 4.0, "min_common": 2}),
        (sim.user_mean_centred(A), 60, "adjusted_cosine", {}),
        (wide, 2, "cosine", {}),
    ]
    compiled = [sim.nearest(B, k, name, **more) for B, k, name, more in cases]
    in_python()
    for (B, k, name, more), want in zip(cases, compiled):
        same(sim.nearest(B, k, name, **more), want)


def test_predictions(in_python):
    rng = np.random.default_rng(1)
    user, item = np.nonzero(rng.random((15, 12)) < 0.5)
    log = Interactions(
        user,
        item,
        rng.integers(1, 6, len(user)).astype(float),
        np.arange(len(user)),
        np.arange(15),
        np.arange(12),
    )
    models = [RatingKNN(k=2, based_on=side, shrinkage=1.0).fit(log) for side in ("item", "user")]
    models.append(RatingKNN(k=2, damping=0.0).fit(log))
    compiled = [model.score(np.arange(15)) for model in models]
    in_python()
    for model, want in zip(models, compiled):
        np.testing.assert_allclose(model.score(np.arange(15)), want, rtol=1e-12)


def test_search(in_python, monkeypatch):
    monkeypatch.setattr(search, "_ITEMS", 40)
    rng = np.random.default_rng(2)
    users, items = (rng.integers(-3, 4, (n, 4)).astype(np.float32) for n in (6, 150))
    seen = sp.csr_matrix((rng.random((6, 150)) < 0.3).astype(float))
    compiled = top_k_inner(users, items, 7, seen)
    in_python()
    for a, b in zip(top_k_inner(users, items, 7, seen), compiled):
        np.testing.assert_array_equal(a, b)
