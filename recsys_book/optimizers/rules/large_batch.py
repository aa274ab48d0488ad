"""Rules made for large models and large batches: the size of a step is fixed beforehand."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from recsys_book.optimizers.rules.adam import Adam
from recsys_book.optimizers.rules.base import Rule


@dataclass
class Lion(Rule):
    """Evolved sign momentum: every weight moves by exactly the rate, up or down.

    The rate should be three to ten times smaller than Adam's, the decay as much larger.

    Source: Chen et al. (2023), Algorithm 2.

    Equation: eq-lion.

    Attributes:
        beta1: Weight of the momentum against the gradient in the direction of the step.
        beta2: Decay rate of the momentum.
    """

    lr: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99
    decoupled: ClassVar[bool] = True

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the momentum at zero, of the weights' shape."""
        return {"m": torch.zeros_like(param)}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the weights (shapes as in ``Rule.update``)."""
        m = state["m"]
        direction = m.lerp(grad, 1 - self.beta1).sign_()
        m.lerp_(grad, 1 - self.beta2)
        return direction * -self.lr


@dataclass
class LAMB(Adam):
    """Adam whose step is, in each tensor, a fixed share of the norm of the weights.

    Source: You et al. (2020), Algorithm 2, with the identity as scaling function.

    Equation: eq-lamb.

    Attributes:
        eps: Keeps the denominator from zero; in the gradient's unit.
    """

    eps: float = 1e-6
    weight_decay: float = 0.01
    elementwise: ClassVar[bool] = False
    uses_param: ClassVar[bool] = True
    decays_itself: ClassVar[bool] = True

    def factors(self, step: int) -> tuple[float, float]:
        """Return one over the correction of the first moment, and of the second."""
        return 1 / (1 - self.beta1**step), 1 / (1 - self.beta2**step)

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the weights (shapes as in ``Rule.update``)."""
        m, v = state["m"], state["v"]
        m.lerp_(grad, 1 - self.beta1)
        v.mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        first, second = self.factors(step)
        r = m * first / (v * second).sqrt_().add_(self.eps)
        r.add_(param, alpha=self.weight_decay)
        return r * (-self.lr * trust_ratio(param, r))


def trust_ratio(param: Tensor, direction: Tensor) -> Tensor:
    """Return by what to multiply a direction so that it is as long as the weights.

    Source: You et al. (2020), section 3.

    Args:
        param: The weights of one tensor, any shape.
        direction: Of the same shape.

    Returns:
        The ratio of the norms, 0-dim; 1 where one of them is zero.
    """
    size, length = param.norm(), direction.norm()
    return torch.where((size > 0) & (length > 0), size / length, 1.0)
