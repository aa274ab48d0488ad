"""The loops of the machine: the same answers in plain Python, and a step of WARP by hand."""

import numpy as np
import pytest
import scipy.sparse as sp
from contract import checkerboard

from recsys_book.recommenders.features import (
    FactorizationMachine,
    FeatureFactorization,
    Field,
    identity_field,
    label_field,
)
from recsys_book.recommenders.features import machine_kernels as kernels
from recsys_book.recommenders.features.factorization_machine import csr_parts

N = 10
FIELDS = (
    identity_field("user", N),
    identity_field("item", N),
    label_field("parity", "item", ["even", "odd"] * (N // 2)),
)


@pytest.fixture
def in_python(monkeypatch):
    """Replace every compiled function by its Python source."""

    def switch():
        for name, thing in list(vars(kernels).items()):
            if hasattr(thing, "py_func"):
                monkeypatch.setattr(kernels, name, thing.py_func)

    return switch


@pytest.mark.parametrize(
    ("make", "learned"),
    [
        (lambda: FactorizationMachine((*FIELDS, Field("hour", "time")), 3, epochs=2), "V_"),
        (lambda: FactorizationMachine(FIELDS, 3, epochs=2, loss="ranking", init=1.0), "V_"),
        (lambda: FeatureFactorization(FIELDS, 3, epochs=3, l2=0.01), "item_vectors_"),
    ],
)
def test_the_compiled_loops_answer_what_python_answers(make, learned, in_python):
    log, _ = checkerboard(N)
    compiled = getattr(make().fit(log), learned)
    in_python()
    with np.errstate(over="ignore"):  # the generator counts modulo 2**64
        plain = getattr(make().fit(log), learned)
    np.testing.assert_allclose(plain, compiled, rtol=1e-9, atol=1e-12)


def warp_step(bias):
    """One event of one user among four items; the bias of the items decides what scores well."""
    rng = np.random.default_rng(0)
    users, items = sp.csr_matrix(np.eye(1, 5)), sp.csr_matrix(np.eye(4, 5, 1))
    w, V = np.r_[0.0, bias][:, None], 0.1 * rng.normal(size=(5, 2))
    for seed in range(100):  # until the first draw is the third item
        state = np.array([seed], np.uint64)
        if kernels.below(state.copy(), 4) == 2:
            break
    before, accumulators = (w.copy(), V.copy()), (np.ones_like(w), np.ones_like(V))
    one, seen = np.zeros(1, np.int64), (np.array([0, 1]), np.array([0]))
    found = kernels.warp_epoch(
        one, one, one, csr_parts(users), csr_parts(items), seen, (w, V, *accumulators),
        (0.1, 0.0, 10.0, 1.0), state,
    )  # fmt: skip
    return found, before, (w, V)


def test_a_step_of_warp_by_hand():
    found, (w, V), (new_w, new_V) = warp_step(np.zeros(4))
    g = np.log(3)  # found at the first of the three other items: it stands at rank three at worst
    slope_w, slope_V = np.zeros((5, 1)), np.zeros((5, 2))
    slope_w[1], slope_w[3] = -g, g
    slope_V[0] = -g * (V[1] - V[3])
    slope_V[1], slope_V[3] = -g * V[0], g * V[0]
    assert found == 1
    np.testing.assert_allclose(new_w, w - 0.1 * slope_w / np.sqrt(1 + slope_w**2), rtol=1e-12)
    np.testing.assert_allclose(new_V, V - 0.1 * slope_V / np.sqrt(1 + slope_V**2), rtol=1e-12)


def test_warp_leaves_an_item_alone_that_keeps_the_margin():
    found, before, after = warp_step(np.array([2.0, 0, 0, 0]))
    assert found == 0
    for old, new in zip(before, after):
        np.testing.assert_array_equal(old, new)
