"""Implicit ALS: the three solvers, the normal equations, and the library of the same name."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from contract import check_contract, checkerboard

from recsys_book.data import Interactions
from recsys_book.recommenders import (
    ImplicitALS,
    ials_half_step,
    ials_loss,
    ials_objective,
    ials_user,
    ials_user_cg,
    ials_user_from_gram,
)
from recsys_book.recommenders.implicit import als_kernels
from recsys_book.recommenders.implicit.als import Pattern

ALPHA, L2, F = 2.0, 0.5, 10


@pytest.fixture(scope="module")
def R():
    """How often 61 users met 45 items; the last user met none."""
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 4, size=(60, 45)) * (rng.random((60, 45)) < 0.2)
    counts[3, :] = 1  # somebody has seen everything
    return np.vstack([counts, np.zeros((1, 45), int)]).astype(float)


@pytest.fixture(scope="module")
def factors():
    rng = np.random.default_rng(1)
    return tuple(rng.normal(size=(n, F)).astype(np.float32) for n in (61, 45))


@pytest.mark.equation("eq-ials-objective")
def test_the_objective_without_the_unseen_pairs_is_the_objective(R, factors):
    P, Q = factors
    by_hand = sum(
        (1 + ALPHA * R[u, i]) * (float(R[u, i] > 0) - float(P[u] @ Q[i])) ** 2
        for u in range(61)
        for i in range(45)
    ) + L2 * float((P.astype(float) ** 2).sum() + (Q.astype(float) ** 2).sum())
    assert ials_objective(R, P, Q, ALPHA, L2) == pytest.approx(by_hand, rel=1e-6)
    pattern = Pattern.of(sp.csr_matrix(R))
    assert ials_loss(pattern, P, Q, ALPHA, L2) == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.equation("eq-ials-solution")
def test_no_small_change_of_a_user_lowers_the_objective(R, factors):
    Q = factors[1].astype(float)
    for u in (0, 3, 60):
        p = ials_user(R[u], Q, ALPHA, L2)
        best = ials_objective(R[u : u + 1], p[None], Q, ALPHA, L2)
        for step in np.random.default_rng(u).normal(size=(5, F)):
            for size in (1e-3, 1e-1):
                changed = ials_objective(R[u : u + 1], (p + size * step)[None], Q, ALPHA, L2)
                assert changed > best


@pytest.mark.equation("eq-ials-gram")
def test_the_gram_matrix_saves_the_unseen_items_and_changes_nothing(R, factors):
    Q = factors[1].astype(float)
    for u in range(60):
        seen = R[u] > 0
        short = ials_user_from_gram(Q.T @ Q, R[u, seen], Q[seen], ALPHA, L2)
        np.testing.assert_allclose(short, ials_user(R[u], Q, ALPHA, L2), atol=1e-10)


@pytest.mark.equation("eq-ials-cg")
def test_conjugate_gradients_reach_the_solution_in_as_many_steps_as_factors(R, factors):
    P, Q = (F_.astype(float) for F_ in factors)
    seen = R[0] > 0
    exact = ials_user(R[0], Q, ALPHA, L2)
    distances = [
        np.linalg.norm(ials_user_cg(Q.T @ Q, R[0, seen], Q[seen], ALPHA, L2, P[0], s) - exact)
        for s in range(F + 1)
    ]
    assert distances[-1] < 1e-8 < distances[3] < distances[0]
    stay = ials_user_cg(Q.T @ Q, R[0, seen], Q[seen], ALPHA, L2, exact, 5)
    np.testing.assert_allclose(stay, exact, atol=1e-10)


@pytest.mark.parametrize("side", ["users", "items"])
@pytest.mark.parametrize("block, steps", [(F, 0), (0, 60)])
def test_a_compiled_half_step_solves_the_normal_equations(R, factors, side, block, steps):
    counts, (X, Y) = (R, factors) if side == "users" else (R.T, factors[::-1])
    X = X.copy()
    ials_half_step(Pattern.of(sp.csr_matrix(counts)), X, Y, ALPHA, L2, block, steps)
    exact = [ials_user(row, Y.astype(float), ALPHA, L2) for row in counts]
    np.testing.assert_allclose(X, exact, atol=5e-6)


def test_compiled_conjugate_gradients_are_the_readable_ones(R, factors):
    P, Q = factors
    X = P.copy()
    ials_half_step(Pattern.of(sp.csr_matrix(R)), X, Q, ALPHA, L2, 0, 3)
    G = (Q.T @ Q).astype(float)
    for u in range(60):
        seen = R[u] > 0
        by_hand = ials_user_cg(G, R[u, seen], Q[seen].astype(float), ALPHA, L2, P[u], 3)
        np.testing.assert_allclose(X[u], by_hand, atol=2e-5)
    np.testing.assert_array_equal(X[60], 0)


@pytest.mark.parametrize("block", [1, 3, 7])
def test_a_block_of_coordinates_is_solved_exactly_and_each_pass_lowers_the_loss(R, factors, block):
    P, Q = factors
    pattern, X = Pattern.of(sp.csr_matrix(R)), P.copy()
    losses = [ials_loss(pattern, X, Q, ALPHA, L2)]
    for _ in range(4):
        ials_half_step(pattern, X, Q, ALPHA, L2, block, 0)
        losses.append(ials_loss(pattern, X, Q, ALPHA, L2))
    assert (np.diff(losses) < 0).all()
    # The last block of the last pass leaves no gradient in its coordinates.
    last = slice(F - (F % block or block), F)
    u = 0
    A = Q.T.astype(float) @ ((1 + ALPHA * R[u])[:, None] * Q) + L2 * np.eye(F)
    b = Q.T @ ((1 + ALPHA * R[u]) * (R[u] > 0))
    gradient = A @ X[u] - b
    assert np.abs(gradient[last]).max() < 1e-3 < np.abs(gradient).max()


def test_one_weight_for_all_is_the_same_as_equal_weights(R, factors):
    ones = sp.csr_matrix((R > 0) * 2.0)
    short = Pattern.of(ones)
    assert short.weights.shape == (1,)
    long = short._replace(weights=np.full(len(short.indices), 2.0, np.float32))
    for block, steps in ((0, 3), (4, 0)):
        X, Z = factors[0].copy(), factors[0].copy()
        ials_half_step(short, X, factors[1], ALPHA, L2, block, steps)
        ials_half_step(long, Z, factors[1], ALPHA, L2, block, steps)
        np.testing.assert_array_equal(X, Z)
    for pattern, counts in ((short.transposed(45), ones), (Pattern.of(sp.csr_matrix(R)), R.T)):
        matrix = pattern if pattern.weights.shape == (1,) else pattern.transposed(45)
        data = np.broadcast_to(matrix.weights, matrix.indices.shape)
        dense = sp.csr_matrix((data, matrix.indices, matrix.indptr), shape=(45, 61)).toarray()
        expected = counts.T.toarray() if sp.issparse(counts) else counts
        np.testing.assert_array_equal(dense, expected)


@pytest.mark.parametrize("f", [4, 7])
def test_gram_of_more_rows_than_a_block(f):
    Y = np.random.default_rng(2).normal(size=(als_kernels.GRAM_ROWS + 37, f)).astype(np.float32)
    G = als_kernels.gram(Y, 0.25)
    Z = Y.astype(float)
    np.testing.assert_allclose(G, Z.T @ Z + 0.25 * np.eye(f), rtol=1e-5, atol=1e-2)
    np.testing.assert_array_equal(G, G.T)


@pytest.mark.parametrize("use_cg, atol", [(True, 1e-5), (False, 1e-5)])
def test_an_epoch_is_that_of_the_library_implicit(R, use_cg, atol):
    from implicit.als import AlternatingLeastSquares

    rng = np.random.default_rng(3)
    P, Q = (rng.normal(0, 0.3, (n, F)).astype(np.float32) for n in R.shape)
    peer = AlternatingLeastSquares(
        factors=F, regularization=L2, alpha=1.0, iterations=1, use_cg=use_cg, num_threads=1
    )
    peer.user_factors, peer.item_factors = P.copy(), Q.copy()
    confidence = sp.csr_matrix((R > 0) * (1 + ALPHA * R), dtype=np.float32)
    peer.fit(confidence, show_progress=False)
    pattern = Pattern.of(sp.csr_matrix(R))
    block = 0 if use_cg else F
    ials_half_step(pattern, P, Q, ALPHA, L2, block, 3)
    ials_half_step(pattern.transposed(45), Q, P, ALPHA, L2, block, 3)
    np.testing.assert_allclose(P, peer.user_factors, atol=atol)
    np.testing.assert_allclose(Q, peer.item_factors, atol=atol)


THREADS = """
import hashlib
import numba
import numpy as np
from recsys_book.recommenders import ImplicitALS
from recsys_book.recommenders.implicit.als import Pattern

rng = np.random.default_rng(0)
indices = np.sort(rng.random((3000, 40)).argsort(1)[:, :6], axis=1).ravel()
R = Pattern(np.arange(0, 18001, 6), indices.astype(np.int32), np.ones(1, np.float32))
for threads, solver in ((1, "cg"), (2, "cg"), (1, "subspace"), (2, "subspace")):
    numba.set_num_threads(threads)
    factors = ImplicitALS(8, epochs=2, solver=solver, block=4).factorise(R, 40)
    print(hashlib.sha256(b"".join(f.tobytes() for f in factors)).hexdigest())
"""


def test_the_result_does_not_depend_on_the_number_of_threads():
    command = [sys.executable, "-c", THREADS]
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    one_cg, two_cg, one_subspace, two_subspace = result.stdout.split()
    assert one_cg == two_cg != one_subspace == two_subspace


def test_rows_do_not_depend_on_the_rows_around_them(R, factors):
    """Each row is solved by itself, which is why threads cannot matter."""
    P, Q = factors
    order = np.random.default_rng(4).permutation(61)
    X, Z = P.copy(), P[order].copy()
    ials_half_step(Pattern.of(sp.csr_matrix(R)), X, Q, ALPHA, L2, 0, 3)
    ials_half_step(Pattern.of(sp.csr_matrix(R[order])), Z, Q, ALPHA, L2, 0, 3)
    np.testing.assert_array_equal(X[order], Z)


@pytest.mark.parametrize("solver, block", [("cg", 16), ("cholesky", 16), ("subspace", 2)])
def test_implicit_als_keeps_the_contract(solver, block):
    check_contract(lambda: ImplicitALS(4, alpha=10.0, solver=solver, block=block), True)


def test_all_solvers_end_at_the_same_loss_and_it_falls():
    log, _ = checkerboard()
    ends = []
    for solver in ("cg", "cholesky", "subspace"):
        model = ImplicitALS(6, 1.0, 3.0, 60, solver, block=2, track_loss=True).fit(log)
        assert len(model.losses_) == 60 and (np.diff(model.losses_) < 1e-2).all()
        ends.append(model.losses_[-1])
    np.testing.assert_allclose(ends, ends[0], rtol=1e-3)
    assert len(ImplicitALS(2, epochs=1).fit(log).losses_) == 0


def test_a_visitor_with_a_known_history_gets_that_users_exact_factors():
    log, _ = checkerboard()
    model = ImplicitALS(4, alpha=3.0, epochs=60, solver="cg").fit(log)
    rows = log.select(log.user == 7)
    one = np.zeros(len(rows), int)
    visitor = Interactions(one, rows.item, rows.value, rows.timestamp, np.array(["me"]), log.items)
    np.testing.assert_allclose(model.score_histories(visitor), model.score([7]), atol=2e-3)
    silent = log.select(log.user != 3)
    np.testing.assert_array_equal(model.score_histories(silent)[3], np.bincount(log.item))
    empty = log.select(np.zeros(len(log), bool))
    assert (model.score_histories(empty) == np.bincount(log.item)).all()


def test_a_visitor_with_other_items_is_refused():
    log, _ = checkerboard()
    other = Interactions(log.user, log.item, log.value, log.timestamp, log.users, log.items + 1)
    with pytest.raises(ValueError, match="not the 20 this recommender was fitted on"):
        ImplicitALS(2, epochs=1).fit(log).score_histories(other)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"factors": 0}, "factors is 0"),
        ({"factors": 2.5}, "factors is 2.5"),
        ({"factors": float("nan")}, "factors is nan"),
        ({"epochs": 0}, "epochs is 0"),
        ({"cg_steps": 0}, "cg_steps is 0"),
        ({"block": -1}, "block is -1"),
        ({"l2": 0}, "l2 is 0"),
        ({"l2": float("nan")}, "l2 is nan"),
        ({"alpha": -1.0}, "alpha is -1.0"),
        ({"alpha": float("inf")}, "alpha is inf"),
        ({"solver": "magic"}, "solver is 'magic'"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        ImplicitALS(**settings).fit(checkerboard()[0])
