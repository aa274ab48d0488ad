"""Rates from the distance to the solution, which is estimated on the way.

On a convex problem the best rate is proportional to the distance ``D`` from the start to the
solution. Convexity turns the gradients seen so far into a lower bound of it, ``d``, which
only grows; the rate follows it. ``lr`` is only a factor, to be left at 1 (a schedule may lower it).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from recsys_book.optimizers.rules.base import Rule


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return a quotient, or 0 where there is nothing to divide by yet."""
    return torch.where(denominator > 0, numerator / denominator, 0.0)


@dataclass
class DAdaptSGD(Rule):
    """Gradient descent with D-Adaptation.

    The estimate is ``state["d"]``, one number for a parameter group. It knows the distance, not
    the curvature: where the loss is steep beside the first gradient, lower ``lr``.

    Source: Defazio & Mishchenko (2023), SGD with D-Adaptation.

    Equation: eq-d-adaptation.

    Attributes:
        lr: A factor of the adapted rate; 1 unless a schedule lowers it.
        momentum: The share of the old weights in the new ones (an average over steps).
        d0: The first estimate of the distance; far too small is fine.
        d_coef: Factor of the estimate. The algorithm has 2; 1 is what convexity proves to be a
            lower bound when ``momentum`` is 0.
    """

    lr: float = 1.0
    momentum: float = 0.9
    d0: float = 1e-6
    d_coef: float = 2.0
    coupled: ClassVar[bool] = True
    elementwise: ClassVar[bool] = False
    uses_param: ClassVar[bool] = True
    shared: ClassVar[frozenset[str]] = frozenset({"d", "G", "r"})

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the start, the weighted sum of gradients, and the scalars of the estimate."""
        scalars = {
            "d": param.new_tensor(self.d0),
            "G": param.new_zeros(()),
            "r": param.new_zeros(()),
        }
        return scalars | {"x0": param.clone(), "s": torch.zeros_like(param)}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the weights (shapes as in ``Rule.update``)."""
        d, G, r, s = state["d"], state["G"], state["r"], state["s"]
        G.copy_(torch.where(G > 0, G, grad.norm()))  # the first gradient's norm sets the scale
        rate = _ratio(d * self.lr, G)
        r.add_(rate * (grad * s).sum())
        s.add_(rate * grad)
        z = state["x0"] - s
        torch.maximum(d, _ratio(self.d_coef * r, s.norm()), out=d)
        return (z - param) * (1 - self.momentum)


@dataclass
class DAdaptAdam(Rule):
    """Adam with D-Adaptation.

    The estimate is ``state["d"]``, one number for a parameter group. There is no bias
    correction: the estimate takes its place.

    Source: Defazio & Mishchenko (2023), Adam with D-Adaptation.

    Equation: eq-d-adaptation.

    Attributes:
        lr: A factor of the adapted rate; 1 unless a schedule lowers it.
        beta1: Decay rate of the first moment.
        beta2: Decay rate of the second moment; its root is that of the estimate's sums.
        eps: Keeps the denominator from zero; in the gradient's unit.
        d0: The first estimate of the distance (largest coordinate); far too small is fine.
    """

    lr: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    d0: float = 1e-6
    coupled: ClassVar[bool] = True
    elementwise: ClassVar[bool] = False
    shared: ClassVar[frozenset[str]] = frozenset({"d", "r"})

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return both moments and the weighted sum at zero, and the scalars of the estimate."""
        scalars = {"d": param.new_tensor(self.d0), "r": param.new_zeros(())}
        return scalars | {name: torch.zeros_like(param) for name in ("m", "v", "s")}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the weights (shapes as in ``Rule.update``)."""
        d, r, m, v, s = (state[name] for name in ("d", "r", "m", "v", "s"))
        rate, beta3 = d * self.lr, self.beta2**0.5
        moved = _ratio(s, v.sqrt().add_(self.eps))  # how far the steps so far have gone
        r.lerp_(rate * (grad * moved).sum(), 1 - beta3)
        s.lerp_(rate * grad, 1 - beta3)
        m.lerp_(rate * grad, 1 - self.beta1)
        v.mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        torch.maximum(d, _ratio(r, (1 - beta3) * s.abs().sum()), out=d)
        return -m / v.sqrt().add_(self.eps)


@dataclass
class Prodigy(Rule):
    """Prodigy: D-Adaptation with a weighting that lets the estimate grow faster, for Adam.

    The estimate is ``state["d"]``, one number for a parameter group. Weight decay acts on the
    weights, at the adapted rate.

    Source: Mishchenko & Defazio (2024), Prodigy, Adam version.

    Equation: eq-prodigy.

    Attributes:
        lr: A factor of the adapted rate; 1 unless a schedule lowers it.
        beta1: Decay rate of the first moment.
        beta2: Decay rate of the second moment; its root is that of the estimate's sums.
        eps: Keeps the denominator from zero; in the gradient's unit.
        d0: The first estimate of the distance (largest coordinate); far too small is fine.
        d_coef: Factor of the estimate; the paper has 1.
    """

    lr: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    d0: float = 1e-6
    d_coef: float = 1.0
    coupled: ClassVar[bool] = True
    elementwise: ClassVar[bool] = False
    uses_param: ClassVar[bool] = True
    decays_itself: ClassVar[bool] = True
    shared: ClassVar[frozenset[str]] = frozenset({"d", "r"})

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the start, moments and weighted sum at zero, and the estimate's scalars."""
        scalars = {"d": param.new_tensor(self.d0), "r": param.new_zeros(())}
        zeros = {name: torch.zeros_like(param) for name in ("m", "v", "s")}
        return scalars | zeros | {"x0": param.clone()}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the weights (shapes as in ``Rule.update``)."""
        d, r, m, v, s = (state[name] for name in ("d", "r", "m", "v", "s"))
        beta3, d_now = self.beta2**0.5, d.clone()
        m.lerp_(d * grad, 1 - self.beta1)
        v.mul_(self.beta2).add_((d * grad).square_(), alpha=1 - self.beta2)
        # r and s are both in units of (1 - beta3) d0^2: their quotient is the same, and float32
        # does not underflow.
        weight = self.lr * (d / self.d0) ** 2
        r.mul_(beta3).add_(weight * (grad * (state["x0"] - param)).sum())
        s.mul_(beta3).add_(weight * grad)
        torch.maximum(d, _ratio(self.d_coef * r, s.abs().sum()), out=d)
        direction = m / (v.sqrt().add_(d_now * self.eps))
        return -(self.lr * d_now) * (direction + self.weight_decay * param)
