"""Adaptive rates without a number a weight: statistics of rows and columns instead."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from recsys_book.optimizers.rules.base import Rule


@dataclass
class Adafactor(Rule):
    """Adafactor: the second moment of a matrix from its row and column means.

    A matrix of ``n`` by ``m`` weights costs ``n + m`` numbers of state. Tensors of more
    dimensions are stacks of matrices (the last two); vectors keep a number a weight. The rate is
    relative to the size of the weights. There is no first moment.

    Source: Shazeer & Stern (2018), Algorithms 4 and 5; conventions of ``torch.optim.Adafactor``.

    Equation: eq-adafactor.

    Attributes:
        lr: Upper limit of the relative rate, which otherwise falls as one over the step's root.
        decay_exponent: The second moment's decay rate is ``1 - step ** -decay_exponent``.
        eps1: Keeps the second moment from zero, in the gradient's unit; None for the precision of
            the weights' type.
        eps2: Smallest size of the weights that the rate is relative to.
        d: Largest root mean square of the normalised gradient; a larger one is scaled down.
    """

    lr: float = 1e-2
    decay_exponent: float = 0.8
    eps1: float | None = None
    eps2: float = 1e-3
    d: float = 1.0
    elementwise: ClassVar[bool] = False
    uses_param: ClassVar[bool] = True
    decays_itself: ClassVar[bool] = True

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the means of the squared gradient at zero: rows and columns, or all weights."""
        if param.dim() < 2:
            return {"v": torch.zeros_like(param)}
        return {
            "row": param.new_zeros((*param.shape[:-1], 1)),
            "column": param.new_zeros((*param.shape[:-2], 1, param.shape[-1])),
        }

    def factors(self, step: int) -> tuple[float, float]:
        """Return the relative rate, and the new gradient's share in the second moment."""
        return min(self.lr, step**-0.5), step**-self.decay_exponent

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the weights (shapes as in ``Rule.update``)."""
        rate, share = self.factors(step)
        eps1 = torch.finfo(param.dtype).eps if self.eps1 is None else self.eps1
        squared = grad.square()
        if param.dim() < 2:
            v = state["v"].lerp_(squared, share)
        else:
            row = state["row"].lerp_(squared.mean(-1, keepdim=True), share)
            column = state["column"].lerp_(squared.mean(-2, keepdim=True), share)
            v = row @ column / row.mean(-2, keepdim=True).clamp(min=eps1)
        direction = grad * v.clamp(min=eps1**2).rsqrt()
        clipping = (_root_mean_square(direction) / self.d).clamp(min=1.0)
        size = _root_mean_square(param).clamp(min=self.eps2)
        return direction * (-rate * size / clipping) - self.lr * self.weight_decay * param


def _root_mean_square(x: Tensor) -> Tensor:
    """Return the root of the mean of the squares, 0-dim."""
    return x.norm() / x.numel() ** 0.5


@dataclass
class SM3(Rule):
    """AdaGrad in the memory of the rows and columns (SM3-II).

    Each row, each column (each slice along each axis) keeps one number, an upper bound of the
    sums of squared gradients of its weights. A weight uses the least of its bounds. Vectors are
    AdaGrad exactly.

    Source: Anil, Gupta, Koren & Singer (2019), Algorithm SM3-II.

    Equation: eq-sm3.
    """

    lr: float = 1e-1
    elementwise: ClassVar[bool] = False

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return one bound for each slice along each axis, at zero; names ``mu0``, ``mu1``..."""
        sizes = param.shape or (1,)
        return {f"mu{axis}": param.new_zeros(size) for axis, size in enumerate(sizes)}

    def bound(self, state: dict[str, Tensor]) -> Tensor:
        """Return the least bound of each weight.

        Args:
            state: What ``init`` made.

        Returns:
            An upper bound of each weight's sum of squared gradients so far, of the weights' shape.
        """
        least = state["mu0"]
        for axis in range(1, len(state)):
            least = torch.minimum(least.unsqueeze(-1), state[f"mu{axis}"])
        return least

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the weights (shapes as in ``Rule.update``)."""
        nu = self.bound(state) + grad.square().reshape(grad.shape or (1,))
        for axis in range(nu.dim()):
            others = tuple(other for other in range(nu.dim()) if other != axis)
            state[f"mu{axis}"].copy_(nu.amax(others) if others else nu)
        nu = nu.view_as(grad)
        return -self.lr * torch.where(nu > 0, grad / nu.sqrt(), 0.0)
