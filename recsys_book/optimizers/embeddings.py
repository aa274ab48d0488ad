"""Rules for embedding tables: one scalar a row, and only the rows that a batch looked up.

A table has one row an item or a user. All rules here take sparse gradients, whose rows are those of
the batch, and dense ones. A tensor without a second axis, such as a vector of biases, is a table of
width one.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from recsys_book.optimizers.rules.adam import Adam
from recsys_book.optimizers.rules.base import Rule


def row_mean_square(grad: Tensor) -> Tensor:
    """Return the mean of a row's squared gradients.

    Equation: eq-rowwise-adagrad.

    Args:
        grad: Gradients, shape ``(rows, ...)``.

    Returns:
        One mean a row, shape ``(rows, 1, ...)``; the squares themselves where ``grad`` has at
        most one axis.
    """
    if grad.dim() < 2:
        return grad * grad
    flat = grad.flatten(1)
    squares = torch.linalg.vecdot(flat, flat).div_(max(1, flat.shape[1]))
    return squares.view(row_shape(grad))


def row_shape(param: Tensor) -> tuple[int, ...]:
    """Return the shape of one scalar a row: ``(rows, 1, ...)``, or that of a vector itself."""
    return (*param.shape[:1], *(1 for _ in param.shape[1:]))


def row_zeros(param: Tensor) -> Tensor:
    """Return one zero a row, with the type and the place of the weights."""
    return torch.zeros(row_shape(param), dtype=param.dtype, device=param.device)


@dataclass
class LazyAdam(Adam):
    """Adam that leaves a row as it is, moments included, until it is looked up again.

    On sparse gradients it equals ``torch.optim.SparseAdam``; on dense ones it is Adam, with the
    epsilon where the paper's faster form has it, beside the uncorrected root.

    Source: Kingma & Ba (2015), end of §2, on the rows of the batch.

    Equation: eq-lazy-adam.
    """

    row_sparse: ClassVar[bool] = True

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the rows in ``grad`` (shapes as in ``Rule.update``)."""
        m, v = state["m"], state["v"]
        m.lerp_(grad, 1 - self.beta1)
        v.mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        scale = self.lr * (1 - self.beta2**step) ** 0.5 / (1 - self.beta1**step)
        return m / v.sqrt().add_(self.eps) * -scale


@dataclass
class RowwiseAdaGrad(Rule):
    """AdaGrad with one accumulator a row, which adds up the row's mean squared gradient.

    Source: Duchi, Hazan & Singer (2011) for the sum; Mudigere et al. (2022) for one a row.

    Equation: eq-rowwise-adagrad.

    Attributes:
        eps: Keeps the denominator from zero; in the gradient's unit.
        initial_accumulator: What each row's sum starts from.
    """

    eps: float = 1e-10
    initial_accumulator: float = 0.0

    elementwise: ClassVar[bool] = False
    row_sparse: ClassVar[bool] = True

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the accumulators, shape ``(rows, 1)``."""
        return {"s": row_zeros(param).add_(self.initial_accumulator)}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the rows in ``grad`` (shapes as in ``Rule.update``)."""
        s = state["s"]
        s.add_(row_mean_square(grad))
        return grad * (-self.lr / s.sqrt().add_(self.eps))


@dataclass
class RowwiseAdam(Rule):
    """Adam with one second moment a row; the first moment keeps the row's direction.

    Source: Kingma & Ba (2015), with the second moment shared as in ``RowwiseAdaGrad``.

    Equation: eq-rowwise-adam.

    Attributes:
        beta1: Decay rate of the first moment.
        beta2: Decay rate of the second moment.
        eps: Keeps the denominator from zero; in the gradient's unit.
        count_visits: Correct the bias of each row for its own number of updates, and not for the
            optimizer's: one more scalar a row, needed where rows are seldom looked up.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    count_visits: bool = False

    elementwise: ClassVar[bool] = False
    row_sparse: ClassVar[bool] = True

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return ``m`` of the weights' shape and ``v``, shape ``(rows, 1)``, at zero."""
        state = {"m": torch.zeros_like(param), "v": row_zeros(param)}
        return state | {"n": row_zeros(param)} if self.count_visits else state

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the rows in ``grad`` (shapes as in ``Rule.update``)."""
        m, v = state["m"], state["v"]
        t = state["n"].add_(1) if self.count_visits else step
        m.lerp_(grad, 1 - self.beta1)
        v.mul_(self.beta2).add_(row_mean_square(grad), alpha=1 - self.beta2)
        v_hat = v / (1 - self.beta2**t)
        return m * (-self.lr / (1 - self.beta1**t) / v_hat.sqrt_().add_(self.eps))
