"""Implicit hypergradients: against the closed form and against finite differences."""

import math

import numpy as np
import pytest
import torch

from recsys_book.optimizers.implicit import (
    GroupedRidge,
    conjugate_gradient,
    hessian_product,
    implicit_gradient,
    neumann_series,
)

GROUPS = torch.tensor([0, 0, 0, 1, 1, 1, 2])


def problem(seed=0, sparse=False):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=7)
    ridges = []
    for rows in (40, 60):
        X = torch.tensor(rng.normal(size=(rows, 7)))
        y = X @ torch.tensor(truth) + torch.tensor(rng.normal(size=rows))
        ridges.append(GroupedRidge(X.to_sparse() if sparse else X, y, GROUPS))
    return (*ridges, torch.tensor([-1.0, 0.5, -3.0], dtype=torch.float64))


def finite_differences(train, valid, hyper, step=1e-5):
    slopes = []
    for k in range(len(hyper)):
        change = torch.zeros_like(hyper)
        change[k] = step
        up, down = (valid.error(train.fit(hyper + s * change).x).item() for s in (1, -1))
        slopes.append((up - down) / (2 * step))
    return np.array(slopes)


@pytest.mark.equation("eq-implicit-gradient")
@pytest.mark.parametrize("sparse", [False, True])
def test_equal_to_the_closed_form_and_to_differences(sparse):
    train, valid, hyper = problem(sparse=sparse)
    w, closed = train.closed_form(hyper, valid)
    torch.testing.assert_close(train.fit(hyper).x, w, rtol=1e-8, atol=1e-8)
    ours = implicit_gradient(train.loss, valid.error, w, hyper)
    np.testing.assert_allclose(ours, closed, rtol=1e-8)
    np.testing.assert_allclose(ours, finite_differences(train, valid, hyper), rtol=1e-5)
    assert (closed.abs() > 1e-4).all()


@pytest.mark.equation("eq-implicit-gradient")
def test_a_direct_term_is_added():
    train, valid, hyper = problem()
    w = train.fit(hyper).x
    without = implicit_gradient(train.loss, valid.error, w, hyper)
    both = implicit_gradient(train.loss, lambda w, h: valid.error(w) + (h * h).sum(), w, hyper)
    torch.testing.assert_close(both, without + 2 * hyper)


def test_neumann_comes_closer_with_every_term():
    train, valid, hyper = problem()
    w, closed = train.closed_form(hyper, valid)
    edge = (
        2
        / torch.linalg.eigvalsh(train.X.T @ train.X / 40 + torch.diag(hyper.exp()[GROUPS]))
        .max()
        .item()
    )
    errors = []
    for terms in (0, 5, 20, 80, 320):
        got = implicit_gradient(
            train.loss,
            valid.error,
            w,
            hyper,
            lambda p, b, n=terms: neumann_series(p, b, edge / 2, n),
        )
        errors.append((got - closed).norm().item())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9 < errors[0]
    with pytest.raises(ValueError, match="The Neumann series diverges at the rate"):
        implicit_gradient(
            train.loss, valid.error, w, hyper, lambda p, b: neumann_series(p, b, 1.1 * edge, 200)
        )


def test_neumann_is_training_differentiated():
    """n terms are the derivative through n steps of gradient descent from the minimum."""
    train, valid, hyper = problem()
    w0, rate, steps = train.fit(hyper, tolerance=1e-14).x, 0.1, 6
    lam = hyper.clone().requires_grad_()
    w = w0.clone().requires_grad_()
    for _ in range(steps):
        (g,) = torch.autograd.grad(train.loss(w, lam), w, create_graph=True)
        w = w - rate * g
    (unrolled,) = torch.autograd.grad(valid.error(w), lam)
    series = implicit_gradient(
        train.loss, valid.error, w0, hyper, lambda p, b: neumann_series(p, b, rate, steps - 1)
    )
    torch.testing.assert_close(series, unrolled, rtol=1e-8, atol=1e-10)


def test_the_hessian_of_a_loss_that_is_not_quadratic():
    x = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64)
    hyper = torch.tensor([0.5], dtype=torch.float64)

    def loss(w, h):
        return (w**4).sum() + h[0] * w[0] * w[1] + torch.exp(w[2])

    H = torch.autograd.functional.hessian(lambda w: loss(w, hyper), x)
    product = hessian_product(loss, x, hyper)
    for v in torch.eye(3, dtype=torch.float64):
        torch.testing.assert_close(product(v), H @ v)


def test_conjugate_gradients_end_after_as_many_products_as_eigenvalues():
    A = torch.diag(torch.tensor([1.0, 1.0, 3.0, 9.0, 9.0], dtype=torch.float64))
    b = torch.arange(1.0, 6.0, dtype=torch.float64)
    found = conjugate_gradient(lambda v: A @ v, b)
    assert found.products == 3
    assert found.residual < 1e-10
    torch.testing.assert_close(A @ found.x, b)
    assert conjugate_gradient(lambda v: A @ v, b, steps=1).residual > 0.01


def test_nothing_to_solve():
    zero = torch.zeros(3)
    assert conjugate_gradient(lambda v: v, zero).products == 0
    assert neumann_series(lambda v: v, zero, 0.5, 2).residual == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conjugate_gradient(lambda v: -v, torch.ones(2)), "met the curvature -2 in"),
        (
            lambda: GroupedRidge(torch.ones(3, 2), torch.ones(4), torch.zeros(2)),
            r"shape \(3, 2\), 4 targets and 2 groups",
        ),
        (
            lambda: GroupedRidge(torch.ones(1, 2), torch.tensor([math.nan]), torch.zeros(2)),
            "a target that is NaN or infinite",
        ),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert str(error.value).endswith(".")
