"""Shampoo: a preconditioner for the rows of a matrix and another for its columns."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from recsys_book.optimizers.rules.base import Rule


@dataclass
class Shampoo(Rule):
    """Shampoo for matrices, and for tensors of any order.

    For a matrix, sums of ``G @ G.T`` and ``G.T @ G`` precondition the gradient with their inverse
    fourth roots; with ``k`` preconditioned axes the root is ``2k``-th, so that a vector gets
    full-matrix AdaGrad. An axis longer than ``max_size`` is left alone (its preconditioner is the
    identity); with none left, the rule is gradient descent. An axis of size ``n`` costs ``2 n**2``
    numbers of state, and of the order of ``n**3`` operations whenever its root is renewed: this
    is for layers, not for large tables.

    Source: Gupta, Koren & Singer (2018), Algorithms 1 and 2.

    Equation: eq-shampoo.

    Attributes:
        eps: What the sums start with, on the diagonal; in the squared gradient's unit.
        max_size: The longest axis with a preconditioner.
        update_every: Steps between two renewals of the roots; the sums are kept at every step.
    """

    lr: float = 1e-1
    eps: float = 1e-4
    max_size: int = 512
    update_every: int = 1
    elementwise: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse hyper-parameters that cannot be meant."""
        super().__post_init__()
        if self.update_every < 1:
            raise ValueError(
                f"Shampoo: update_every is {self.update_every}, but it counts steps: use 1 or more."
            )

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return a sum and its root for each axis that is short enough: ``sum0``, ``root0``..."""
        state = {}
        for axis, size in enumerate(param.shape or (1,)):
            if size <= self.max_size:
                state[f"sum{axis}"] = self.eps * torch.eye(size).to(param)
                state[f"root{axis}"] = torch.eye(size).to(param)
        return state

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the weights (shapes as in ``Rule.update``)."""
        G = direction = grad.reshape(grad.shape or (1,))
        axes = [axis for axis in range(G.dim()) if f"sum{axis}" in state]
        for axis in axes:
            rows = G.movedim(axis, 0).reshape(G.shape[axis], -1)
            state[f"sum{axis}"].add_(rows @ rows.T)
            root = state[f"root{axis}"]
            if (step - 1) % self.update_every == 0:
                root.copy_(inverse_root(state[f"sum{axis}"], 2 * len(axes), self.eps))
            direction = torch.tensordot(root, direction, ([1], [axis])).movedim(0, axis)
        return -self.lr * direction.reshape(grad.shape)


def inverse_root(matrix: Tensor, order: int, smallest: float) -> Tensor:
    """Return a matrix to the power of minus one over the order, by its eigenvalues.

    Args:
        matrix: Symmetric and positive, shape ``(n, n)``.
        order: Which root; 4 for the inverse fourth root.
        smallest: What the eigenvalues cannot fall below but for rounding.

    Returns:
        Symmetric and positive, shape ``(n, n)``.

    Raises:
        ValueError: If an entry is not finite.
    """
    if not matrix.isfinite().all():
        raise ValueError(
            "Shampoo: a sum of products of gradients has overflowed; clip the gradients "
            "(clip_norm), or use a wider type."
        )
    wide = torch.promote_types(matrix.dtype, torch.float32)  # no eigh for half precision
    eigenvalues, Q = torch.linalg.eigh(matrix.to(wide))
    root = (Q * eigenvalues.clamp(min=smallest) ** (-1 / order)) @ Q.T
    return root.to(matrix.dtype)
