"""Descent with one rate for all weights, without and with momentum."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from recsys_book.optimizers.rules.base import Rule


@dataclass
class GradientDescent(Rule):
    """Steps against the gradient of the whole loss.

    Source: Cauchy (1847).

    Equation: eq-gradient-descent.
    """

    row_sparse: ClassVar[bool] = True

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return minus the rate times the gradient (shapes as in ``Rule.update``)."""
        return grad * -self.lr


@dataclass
class SGD(GradientDescent):
    """Stochastic gradient descent: the same step, with the gradient of a random batch.

    What makes it stochastic is the gradient that it is given, not the rule.

    Source: Robbins & Monro (1951).

    Equation: eq-minibatch-gradient.
    """


@dataclass
class HeavyBall(Rule):
    """Gradient descent with momentum: the step before goes on, by a factor below one.

    The same as ``torch.optim.SGD`` with ``momentum``. In Polyak's form the rate stands inside the
    sum of past gradients; the two agree as long as the rate is constant.

    Source: Polyak (1964), Section 2.

    Equation: eq-heavy-ball.

    Attributes:
        momentum: The share of the step before that is kept; in [0, 1).
        dampening: The share of the present gradient that is left out, from the second step on.
    """

    momentum: float = 0.9
    dampening: float = 0.0

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the sum of past gradients at zero, of the weights' shape."""
        return {"b": torch.zeros_like(param)}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the ball's movement (shapes as in ``Rule.update``)."""
        b = state["b"].mul_(self.momentum)
        if self.dampening:
            grad = grad * (1 - self.dampening * (step > 1))  # torch starts with the full gradient
        return b.add_(grad) * -self.lr


@dataclass
class Nesterov(Rule):
    """Momentum that corrects itself with the gradient where it is going.

    The same as ``torch.optim.SGD`` with ``nesterov=True``: the weights held in memory are the
    points at which the gradient is taken.

    Source: Nesterov (1983); in this form Sutskever, Martens, Dahl & Hinton (2013).

    Equation: eq-nesterov.

    Attributes:
        momentum: The share of the step before that is kept; in [0, 1).
    """

    momentum: float = 0.9

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the sum of past gradients at zero, of the weights' shape."""
        return {"b": torch.zeros_like(param)}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the step, one momentum ahead (shapes as in ``Rule.update``)."""
        b = state["b"].mul_(self.momentum).add_(grad)
        return grad.add(b, alpha=self.momentum) * -self.lr
