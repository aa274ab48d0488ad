"""Hypergradient descent: the learning rate is itself learned by gradient descent."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from recsys_book.optimizers.rules.adam import Adam
from recsys_book.optimizers.rules.base import Rule


class LearnedRate:
    """The descent on the learning rate that both rules share."""

    lr: float
    hyper_lr: float
    multiplicative: bool

    def learn_rate(self, state: dict[str, Tensor], grad: Tensor) -> Tensor:
        """Move the rate against the gradient of the loss in the rate, and return it.

        The last change of the weights was ``-rate * direction``, so the loss grows with the rate
        by ``-(grad · direction)``: two steps that agree ask for a larger rate. Multiplicative, the
        rate grows by the share ``hyper_lr`` times the cosine of the two.

        Equation: eq-hypergradient.

        Args:
            state: Has ``rate``, 0-dim, changed in place, and ``direction``, of the last step.
            grad: The present gradient, of the direction's shape.

        Returns:
            The new rate, 0-dim.
        """
        rate, direction = state["rate"], state["direction"]
        if self.multiplicative:
            return rate.mul_(1 + self.hyper_lr * (_unit(grad) * _unit(direction)).sum())
        return rate.add_(self.hyper_lr * (grad * direction).sum())


def _unit(x: Tensor) -> Tensor:
    """Return a vector scaled to the length 1, or zero."""
    tiny = torch.finfo(x.dtype).tiny
    x = x / x.abs().max().clamp(min=tiny)  # so that no square overflows or vanishes
    return x / x.norm().clamp(min=tiny)


@dataclass
class HypergradientSGD(LearnedRate, Rule):
    """Stochastic gradient descent that learns its rate (SGD-HD).

    The rate is one number for a parameter group, ``state["rate"]``; it starts at ``lr``, which
    is not read again, so a schedule has no effect. Nothing keeps the rate positive if
    ``hyper_lr`` is too large.

    Source: Baydin et al. (2018), Algorithm 4; the multiplicative form is also theirs.

    Equation: eq-hypergradient.

    Attributes:
        hyper_lr: The rate at which the rate is learned; additive, in units of the loss's inverse
            times the rate's square; multiplicative, a share a step.
        multiplicative: Multiply the rate instead of adding to it; the scale of the loss then
            does not matter.
    """

    hyper_lr: float = 1e-3
    multiplicative: bool = False
    coupled: ClassVar[bool] = True
    elementwise: ClassVar[bool] = False
    shared: ClassVar[frozenset[str]] = frozenset({"rate"})

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the initial rate, and no direction yet."""
        return {"rate": param.new_tensor(float(self.lr)), "direction": torch.zeros_like(param)}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the weights (shapes as in ``Rule.update``)."""
        rate = self.learn_rate(state, grad)
        state["direction"].copy_(grad)
        return -rate * grad


@dataclass
class HypergradientAdam(LearnedRate, Adam):
    """Adam that learns its rate (Adam-HD).

    As in ``HypergradientSGD``, but the direction of the last step is Adam's.

    Source: Baydin et al. (2018), Algorithm 6.

    Equation: eq-hypergradient-adam.

    Attributes:
        hyper_lr: The rate at which the rate is learned, as in ``HypergradientSGD``.
        multiplicative: Multiply the rate instead of adding to it.
    """

    hyper_lr: float = 1e-7
    multiplicative: bool = False
    coupled: ClassVar[bool] = True
    elementwise: ClassVar[bool] = False
    shared: ClassVar[frozenset[str]] = frozenset({"rate"})

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return both moments at zero, the initial rate, and no direction yet."""
        rate, direction = param.new_tensor(float(self.lr)), torch.zeros_like(param)
        return super().init(param) | {"rate": rate, "direction": direction}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the weights (shapes as in ``Rule.update``)."""
        rate, m, v = self.learn_rate(state, grad), state["m"], state["v"]
        m.lerp_(grad, 1 - self.beta1)
        v.mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        m_hat = m / (1 - self.beta1**step)
        v_hat = v / (1 - self.beta2**step)
        torch.div(m_hat, v_hat.sqrt_().add_(self.eps), out=state["direction"])
        return -rate * state["direction"]
