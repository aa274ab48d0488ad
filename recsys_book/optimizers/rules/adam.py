"""Adam and its relatives: a first moment for the direction, a second for the scale."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from recsys_book.optimizers.rules.base import Rule


@dataclass
class Adam(Rule):
    """Adaptive moment estimation.

    Source: Kingma & Ba (2015), Algorithm 1.

    Equations: eq-adam-first-moment, eq-adam-second-moment, eq-adam-bias-correction,
    eq-adam-step.

    Attributes:
        beta1: Decay rate of the first moment.
        beta2: Decay rate of the second moment.
        eps: Keeps the denominator from zero; in the gradient's unit.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return both moments at zero, of the weights' shape."""
        return {"m": torch.zeros_like(param), "v": torch.zeros_like(param)}

    def factors(self, step: int) -> tuple[float, float]:
        """Return the rate over the first moment's correction, and one over the second's."""
        return self.lr / (1 - self.beta1**step), 1 / (1 - self.beta2**step)

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return Adam's change of the weights (shapes as in ``Rule.update``)."""
        m, v = state["m"], state["v"]
        m.lerp_(grad, 1 - self.beta1)
        v.mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        rate, correction = self.factors(step)
        return (m / (v * correction).sqrt_().add_(self.eps)).mul_(-rate)


@dataclass
class AdamW(Adam):
    """Adam with decoupled weight decay.

    Source: Loshchilov & Hutter (2019), Algorithm 2.

    Equation: eq-decoupled-decay.
    """

    weight_decay: float = 0.01
    decoupled: ClassVar[bool] = True
