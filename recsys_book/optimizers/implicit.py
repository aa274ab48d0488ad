"""Hypergradients by implicit differentiation: how the validation loss answers to a penalty.

Trained weights depend on a hyper-parameter although no formula says how: they are wherever the
gradient of the training loss vanishes. That condition is enough to differentiate them.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

#: Takes weights ``(n,)`` and hyper-parameters ``(k,)``, returns a 0-dimensional loss.
Loss = Callable[[Tensor, Tensor], Tensor]
#: Takes a vector ``(n,)``, returns a symmetric positive definite matrix times it.
Product = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Solution:
    """What an iterative solver found.

    Attributes:
        x: The solution, shape ``(n,)``.
        products: How many matrix-vector products it took.
        residual: Norm of what is left, relative to the right-hand side.
    """

    x: Tensor
    products: int
    residual: float


def hessian_product(loss: Loss, weights: Tensor, hyper: Tensor) -> Product:
    """Return a function that multiplies vectors by the Hessian, which is never formed.

    The gradient's product with a vector is a scalar; its gradient is the Hessian times that
    vector (Pearlmutter, 1994).

    Args:
        loss: The training loss, twice differentiable.
        weights: Where the Hessian is taken, shape ``(n,)``.
        hyper: The hyper-parameters, shape ``(k,)``.

    Returns:
        The function.
    """
    w = weights.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(w, hyper.detach()), w, create_graph=True)

    def product(vector: Tensor) -> Tensor:
        return torch.autograd.grad(gradient, w, vector, retain_graph=True)[0]

    return product


def conjugate_gradient(
    product: Product, vector: Tensor, steps: int = 200, tolerance: float = 1e-10
) -> Solution:
    """Solve a symmetric positive definite system with matrix-vector products only.

    Source: Hestenes & Stiefel (1952).

    Args:
        product: Multiplies by the matrix.
        vector: The right-hand side, shape ``(n,)``.
        steps: The most products to take.
        tolerance: Stop when the residual is this share of the right-hand side.

    Returns:
        The solution.

    Raises:
        ValueError: If the matrix turns out not to be positive definite.
    """
    x, residual = torch.zeros_like(vector), vector.clone()
    direction, square = residual.clone(), residual @ residual
    goal, taken = tolerance**2 * square, 0
    while taken < steps and square > goal:
        image = product(direction)
        taken += 1
        curvature = direction @ image
        if not curvature > 0:
            raise ValueError(
                f"Conjugate gradients met the curvature {curvature.item():g} in product {taken}, "
                "but a minimum has positive ones only: train the weights to a minimum, or raise "
                "the penalty."
            )
        length = square / curvature
        x += length * direction
        residual -= length * image
        last, square = square, residual @ residual
        direction = residual + square / last * direction
    norm = vector.norm().item()
    return Solution(x, taken, residual.norm().item() / norm if norm else 0.0)


def neumann_series(product: Product, vector: Tensor, rate: float, steps: int) -> Solution:
    """Solve a system as gradient descent would: a geometric series of the matrix.

    Stopping early is the same as differentiating through that many steps of training, and
    shrinks the directions of little curvature most.

    Source: Lorraine, Vicol & Duvenaud (2020), section 4.

    Args:
        product: Multiplies by the matrix.
        vector: The right-hand side, shape ``(n,)``.
        rate: Below two over the largest eigenvalue.
        steps: Products to take.

    Returns:
        The partial sum.

    Raises:
        ValueError: If the series diverges, because the rate is too large.
    """
    term, total = vector.clone(), vector.clone()
    for _ in range(steps):
        term = term - rate * product(term)
        total = total + term
    start, end = vector.norm().item(), term.norm().item()
    if start and not end <= start:
        raise ValueError(
            f"The Neumann series diverges at the rate {rate:g}: its last term is {end / start:.3g} "
            "times the first; take a rate below two over the largest eigenvalue."
        )
    return Solution(rate * total, steps, end / start if start else 0.0)


def implicit_gradient(
    train_loss: Loss,
    valid_loss: Loss,
    weights: Tensor,
    hyper: Tensor,
    solve: Callable[[Product, Tensor], Solution] = conjugate_gradient,
) -> Tensor:
    """Return the gradient of the validation loss in the hyper-parameters.

    Source: Larsen et al. (1996); Bengio (2000).

    Equation: eq-implicit-gradient.

    Args:
        train_loss: What the weights minimise.
        valid_loss: What the hyper-parameters are to minimise.
        weights: The trained weights: a minimum of the training loss, shape ``(n,)``.
        hyper: The hyper-parameters, shape ``(k,)``.
        solve: Takes a product with the Hessian and a right-hand side, returns a ``Solution``.

    Returns:
        The total derivative, shape ``(k,)``.
    """
    w, lam = weights.detach().requires_grad_(), hyper.detach().requires_grad_()
    value = valid_loss(w, lam)
    by_weights, direct = torch.autograd.grad(value, (w, lam), materialize_grads=True)
    v = solve(hessian_product(train_loss, weights, hyper), by_weights).x
    (gradient,) = torch.autograd.grad(train_loss(w, lam), w, create_graph=True)
    (mixed,) = torch.autograd.grad(gradient @ v, lam)
    return direct - mixed


class _Multiply(torch.autograd.Function):
    """A matrix times a vector, with the transpose at hand for both directions of autograd."""

    @staticmethod
    def forward(ctx: Any, vector: Tensor, X: Tensor, transposed: Tensor) -> Tensor:
        """Return the product, and keep the matrices for the way back."""
        ctx.matrices = transposed, X
        return X @ vector

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        """Return the transpose times the gradient, itself differentiable."""
        return _Multiply.apply(grad, *ctx.matrices), None, None


class GroupedRidge:
    """Linear regression whose weights form groups, each with a penalty of its own.

    The loss is half the mean squared error plus half the sum of each squared weight times its
    group's penalty. The hyper-parameters are the logarithms of the penalties.

    Args:
        X: Features, dense or sparse, shape ``(rows, n)``.
        y: Targets, shape ``(rows,)``.
        groups: The group of each weight, from 0, shape ``(n,)``.
    """

    def __init__(self, X: Tensor, y: Tensor, groups: Tensor) -> None:
        if X.ndim != 2 or X.shape != (len(y), len(groups)):
            raise ValueError(
                f"GroupedRidge got features of shape {tuple(X.shape)}, {len(y)} targets and "
                f"{len(groups)} groups: give one row a target and one column a group."
            )
        if not bool(torch.isfinite(y).all()):
            raise ValueError("GroupedRidge got a target that is NaN or infinite: clean y first.")
        self.X, self.transposed = X, X.T
        if X.layout != torch.strided:
            with warnings.catch_warnings():  # torch calls the layout's interface young
                warnings.simplefilter("ignore")
                self.X = X.to_sparse_csr()
                self.transposed = X.to_sparse_coo().T.coalesce().to_sparse_csr()
        self.y, self.groups = y, groups

    def error(self, weights: Tensor, hyper: Tensor | None = None) -> Tensor:
        """Return half the mean squared error, 0-dimensional; without a penalty."""
        predicted = _Multiply.apply(weights, self.X, self.transposed)
        return ((predicted - self.y) ** 2).mean() / 2

    def loss(self, weights: Tensor, hyper: Tensor) -> Tensor:
        """Return half the mean squared error plus the penalties.

        Args:
            weights: Shape ``(n,)``.
            hyper: Logarithms of the penalties, shape ``(k,)``.

        Returns:
            The loss, 0-dimensional.
        """
        return self.error(weights) + (hyper.exp()[self.groups] * weights**2).sum() / 2

    def product(self, hyper: Tensor) -> Product:
        """Return the Hessian's product with a vector, written out."""
        penalties, rows = hyper.detach().exp()[self.groups], len(self.y)
        return lambda v: self.transposed @ (self.X @ v) / rows + penalties * v

    def fit(self, hyper: Tensor, steps: int = 1000, tolerance: float = 1e-10) -> Solution:
        """Return the minimum of the loss, found by conjugate gradients.

        Args:
            hyper: Logarithms of the penalties, shape ``(k,)``.
            steps: The most products to take.
            tolerance: Of the residual, relative.

        Returns:
            The weights as a ``Solution``.
        """
        target = self.transposed @ self.y / len(self.y)
        return conjugate_gradient(self.product(hyper), target, steps, tolerance)

    def closed_form(self, hyper: Tensor, valid: "GroupedRidge") -> tuple[Tensor, Tensor]:
        """Return weights and hypergradient by dense linear algebra, for small problems.

        Args:
            hyper: Logarithms of the penalties, shape ``(k,)``.
            valid: The validation rows.

        Returns:
            The weights, shape ``(n,)``, and the gradient of the validation error, shape ``(k,)``.
        """
        X, Xv = self.X.to_dense(), valid.X.to_dense()
        penalties = hyper.exp()[self.groups]
        H = X.T @ X / len(self.y) + torch.diag(penalties)
        w = torch.linalg.solve(H, X.T @ self.y / len(self.y))
        v = torch.linalg.solve(H, Xv.T @ (Xv @ w - valid.y) / len(valid.y))
        return w, -torch.zeros_like(hyper).index_add_(0, self.groups, penalties * w * v)
