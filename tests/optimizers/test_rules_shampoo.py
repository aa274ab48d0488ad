import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from recsys_book.optimizers import Optimizer
from recsys_book.optimizers.rules import SGD, FullMatrixAdaGrad, Shampoo
from recsys_book.optimizers.rules.shampoo import inverse_root

_spec = importlib.util.spec_from_file_location(
    "against_numpy", Path(__file__).with_name("against_numpy.py")
)
against = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(against)

pytestmark = pytest.mark.equation("eq-shampoo")


def power(matrix, exponent):
    """A symmetric positive matrix to a power, by its singular values."""
    U, values, Vt = np.linalg.svd(matrix)
    return (U * values**exponent) @ Vt


class PaperShampoo:
    """Algorithm 1 for matrices; vectors by the general algorithm of order one."""

    def __init__(self, weights, lr, eps=1e-4, weight_decay=0.0):
        self.w, self.eta, self.decay = weights, lr, weight_decay
        self.L = [eps * np.eye(len(w)) for w in weights]
        self.R = [eps * np.eye(w.shape[1]) if w.ndim == 2 else None for w in weights]

    def step(self, grads):
        for k, g in enumerate(grads):
            G = g + self.decay * self.w[k]
            if G.ndim == 1:
                self.L[k] += np.outer(G, G)
                self.w[k] -= self.eta * power(self.L[k], -1 / 2) @ G
            else:
                self.L[k] += G @ G.T
                self.R[k] += G.T @ G
                self.w[k] -= self.eta * power(self.L[k], -1 / 4) @ G @ power(self.R[k], -1 / 4)


def test_equals_the_paper():
    hyper, other = {"lr": 0.1, "weight_decay": 0.1}, {"lr": 0.3, "eps": 0.1}
    against.assert_equals_transcription(Shampoo, PaperShampoo, hyper, other)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def run(rule, start, gradient, steps=20):
    """The weights after some steps, the gradient a function of the weights."""
    w = start.clone().requires_grad_()
    optimizer = Optimizer([w], rule)
    for _ in range(steps):
        w.grad = gradient(w.detach())
        optimizer.step()
    return w.detach()


@pytest.mark.parametrize("order", [2, 4, 6])
def test_the_inverse_root_inverts(order):
    A = random(5, 8)
    matrix = A @ A.T + 0.1 * torch.eye(5)
    root = inverse_root(matrix, order, 0.1)
    torch.testing.assert_close(
        torch.linalg.matrix_power(root, order) @ matrix, torch.eye(5, dtype=torch.float64)
    )


def test_a_root_of_a_matrix_that_rounding_made_indefinite_is_finite():
    root = inverse_root(torch.diag(torch.tensor([1.0, -1e-9])), 4, 1e-4)
    torch.testing.assert_close(root, torch.diag(torch.tensor([1.0, 10.0])))


def test_on_a_diagonal_problem_it_is_adagrad():
    h = torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)
    start = torch.diag(torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64))
    got = run(Shampoo(lr=0.3, eps=0.01), start, lambda w: torch.diag(h * w.diag()))
    w, total = start.diag().clone(), torch.full((3,), 0.01, dtype=torch.float64)
    for _ in range(20):
        total += (h * w) ** 2
        w -= 0.3 * h * w / total.sqrt()
    torch.testing.assert_close(got, torch.diag(w))


def test_the_path_turns_with_the_problem():
    """Rotating rows and columns rotates the path: no rule with a rate a weight can do that."""
    start, target = random(4, 3), random(4, 3, seed=1)
    U, V = (torch.linalg.qr(random(n, n, seed=2)).Q for n in (4, 3))
    h = torch.logspace(-1, 1, 4, dtype=torch.float64)[:, None]
    straight = run(Shampoo(lr=0.3), start, lambda w: h * (w - target))
    turned = run(Shampoo(lr=0.3), U @ start @ V, lambda w: U @ (h * (U.T @ w @ V.T - target)) @ V)
    torch.testing.assert_close(turned, U @ straight @ V)


def test_a_vector_gets_full_matrix_adagrad():
    start, grad = random(4), lambda w: torch.tensor([1.0, 2.0, 3.0, 4.0]) * w + w.sum()
    got = run(Shampoo(lr=0.3, eps=1e-12), start, grad)
    torch.testing.assert_close(
        got, run(FullMatrixAdaGrad(lr=0.3), start, grad), rtol=1e-4, atol=1e-5
    )


def test_an_axis_that_is_too_long_has_no_preconditioner():
    start, target = random(6, 3), random(6, 3, seed=1)
    got = run(Shampoo(lr=0.3, max_size=5), start, lambda w: w - target)
    w, R = start.numpy().copy(), 1e-4 * np.eye(3)
    for _ in range(20):
        G = w - target.numpy()
        R += G.T @ G
        w -= 0.3 * G @ power(R, -1 / 2)  # one side alone bears the whole root
    np.testing.assert_allclose(got, w, rtol=1e-6)
    assert set(Shampoo(max_size=5).init(start)) == {"sum1", "root1"}


def test_with_all_axes_too_long_it_is_gradient_descent():
    start = random(6, 3)
    rule = Shampoo(lr=0.1, max_size=2)
    assert torch.equal(run(rule, start, torch.cos), run(SGD(lr=0.1), start, torch.cos))


def test_tensors_of_other_orders_are_preconditioned_along_every_axis():
    cube, scalar = random(2, 3, 4), torch.tensor(2.0, dtype=torch.float64)
    rule = Shampoo(lr=0.1, eps=0.5)
    change = rule.update(cube, rule.init(cube), 1)
    roots = []
    for axis in range(3):
        rows = cube.movedim(axis, 0).reshape(cube.shape[axis], -1).numpy()
        roots.append(power(rows @ rows.T + 0.5 * np.eye(len(rows)), -1 / 6))
    want = -0.1 * np.einsum("ia,jb,kc,abc->ijk", *roots, cube.numpy())
    np.testing.assert_allclose(change, want, rtol=1e-6)
    assert rule.update(scalar, rule.init(scalar), 1).item() == pytest.approx(-0.2 / np.sqrt(4.5))


def test_the_roots_are_renewed_now_and_then():
    rule, w = Shampoo(update_every=3), random(2, 2)
    state, roots = rule.init(w), []
    for step in range(1, 8):
        rule.update(random(2, 2, seed=step), state, step)
        roots.append(state["root0"].clone())
    renewed = [not torch.equal(a, b) for a, b in zip(roots, roots[1:])]
    assert renewed == [False, False, True, False, False, True]


def test_refuses_never_to_renew():
    with pytest.raises(ValueError, match="update_every is 0, but it counts steps"):
        Shampoo(update_every=0)


def test_gradients_whose_products_overflow_are_an_error_with_advice():
    w = torch.ones(2, 3, requires_grad=True)
    optimizer = Optimizer([w], Shampoo())
    w.grad = torch.full((2, 3), 1e30)
    with pytest.raises(ValueError, match="overflowed; clip the gradients"):
        optimizer.step()
    assert w.tolist() == torch.ones(2, 3).tolist()


def test_half_precision_takes_its_roots_in_single():
    start = random(3, 2)
    single = run(Shampoo(lr=0.1), start.float(), torch.cos, steps=5)
    half = run(Shampoo(lr=0.1), start.bfloat16(), torch.cos, steps=5)
    torch.testing.assert_close(half.float(), single, rtol=0.05, atol=0.05)
