"""Rules that forget: AdaGrad's sum replaced by a running average."""

from dataclasses import dataclass

import torch
from torch import Tensor

from recsys_book.optimizers.rules.base import Rule


@dataclass
class RMSProp(Rule):
    """Divides the gradient by a running root mean square of itself.

    The centred form divides by the standard deviation instead. It is computed from the squared
    deviations, which is the same number as the mean square less the squared mean, but cannot turn
    negative by rounding.

    Source: Tieleman & Hinton (2012), lecture 6.5; Graves (2013) for the centred form.

    Equations: eq-rmsprop, eq-rmsprop-centred.

    Attributes:
        rho: Decay rate of the averages.
        eps: Keeps the denominator from zero; in the gradient's unit.
        centred: Divide by the standard deviation.
        momentum: Decay rate of the velocity; 0 for none.
    """

    lr: float = 1e-2
    rho: float = 0.99
    eps: float = 1e-8
    centred: bool = False
    momentum: float = 0.0

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return ``v``, and where they are used ``mean`` and ``velocity``, at zero."""
        names = ["v"] + ["mean"] * self.centred + ["velocity"] * (self.momentum > 0)
        return {name: torch.zeros_like(param) for name in names}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return RMSProp's change of the weights (shapes as in ``Rule.update``)."""
        v = self._variance(grad, state) if self.centred else self._mean_square(grad, state)
        direction = grad / v.sqrt().add_(self.eps)
        if self.momentum > 0:
            direction = state["velocity"].mul_(self.momentum).add_(direction)
        return direction * -self.lr

    def _mean_square(self, grad: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Return the running mean of the squared gradients, brought up to date."""
        return state["v"].mul_(self.rho).addcmul_(grad, grad, value=1 - self.rho)

    def _variance(self, grad: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Return the running variance of the gradients, brought up to date with their mean."""
        deviation = grad - state["mean"]  # from the mean before this step
        state["mean"].add_(deviation, alpha=1 - self.rho)
        v = state["v"].mul_(self.rho)
        return v.addcmul_(deviation, deviation, value=self.rho * (1 - self.rho))


@dataclass
class AdaDelta(Rule):
    """Steps in the unit of the weights: RMS of past changes over RMS of gradients.

    Source: Zeiler (2012), Algorithm 1.

    Equation: eq-adadelta.

    Attributes:
        lr: A factor on the change, without a unit; Zeiler's rule has 1.
        rho: Decay rate of both averages.
        eps: Lets the first step be more than zero. It is added to both averages, so it has two
            units at once.
    """

    lr: float = 1.0
    rho: float = 0.9
    eps: float = 1e-6

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the averages of squared gradients and squared changes, both at zero."""
        return {"v": torch.zeros_like(param), "u": torch.zeros_like(param)}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return AdaDelta's change of the weights (shapes as in ``Rule.update``)."""
        v, u = state["v"], state["u"]
        v.mul_(self.rho).addcmul_(grad, grad, value=1 - self.rho)
        delta = (u + self.eps).sqrt_().div_((v + self.eps).sqrt_()).mul_(grad)
        u.mul_(self.rho).addcmul_(delta, delta, value=1 - self.rho)
        return delta * -self.lr
