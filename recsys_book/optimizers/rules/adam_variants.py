"""Adam's relatives: each changes one line of it."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from recsys_book.optimizers.rules.adam import Adam
from recsys_book.optimizers.rules.base import Rule


@dataclass
class AMSGrad(Adam):
    """Adam whose second moment never falls.

    Source: Reddi, Kale & Kumar (2018), Algorithm 2, with Adam's bias correction as in torch.

    Equation: eq-amsgrad.

    Attributes:
        decoupled: Weight decay acts on the weights, not on the gradient.
    """

    decoupled: bool = False

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return both moments and the largest second moment at zero, of the weights' shape."""
        return super().init(param) | {"v_max": torch.zeros_like(param)}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return AMSGrad's change of the weights (shapes as in ``Rule.update``)."""
        m, v, v_max = state["m"], state["v"], state["v_max"]
        m.lerp_(grad, 1 - self.beta1)
        v.mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        torch.maximum(v_max, v, out=v_max)
        rate, correction = self.factors(step)
        return (m / (v_max * correction).sqrt_().add_(self.eps)).mul_(-rate)


@dataclass
class Adamax(Rule):
    """Adam with the largest recent gradient in place of the root mean square.

    Source: Kingma & Ba (2015), Algorithm 2; ``eps`` as in torch.

    Equation: eq-adamax.

    Attributes:
        beta1: Decay rate of the first moment.
        beta2: Decay rate of the largest gradient.
        eps: Keeps the denominator from zero; in the gradient's unit.
    """

    lr: float = 2e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the first moment and the largest gradient at zero, of the weights' shape."""
        return {"m": torch.zeros_like(param), "u": torch.zeros_like(param)}

    def factors(self, step: int) -> tuple[float]:
        """Return the rate over the first moment's correction."""
        return (self.lr / (1 - self.beta1**step),)

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return Adamax's change of the weights (shapes as in ``Rule.update``)."""
        m, u = state["m"], state["u"]
        m.lerp_(grad, 1 - self.beta1)
        torch.maximum(u.mul_(self.beta2), grad.abs().add_(self.eps), out=u)
        (rate,) = self.factors(step)
        return (m / u).mul_(-rate)


@dataclass
class NAdam(Adam):
    """Adam with Nesterov's momentum: the step looks one moment ahead.

    Source: Dozat (2016); the momentum's schedule as in torch.

    Equation: eq-nadam.

    Attributes:
        momentum_decay: How fast the momentum rises to ``beta1``.
        decoupled: Weight decay acts on the weights, not on the gradient.
    """

    lr: float = 2e-3
    momentum_decay: float = 4e-3
    decoupled: bool = False

    shared: ClassVar[frozenset[str]] = frozenset({"mu_product"})

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return both moments at zero, and the product of the momenta, a scalar, at one."""
        return super().init(param) | {"mu_product": param.new_ones(())}

    def momentum(self, step: int) -> float:
        """Return the momentum of a step; it rises from half of ``beta1`` to ``beta1``."""
        return self.beta1 * (1 - 0.5 * 0.96 ** (step * self.momentum_decay))

    def factors(self, step: int) -> tuple[float, ...]:
        """Return the rate, the momentum now and next, one over the second moment's correction."""
        return self.lr, self.momentum(step), self.momentum(step + 1), 1 / (1 - self.beta2**step)

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return NAdam's change of the weights (shapes as in ``Rule.update``)."""
        m, v = state["m"], state["v"]
        m.lerp_(grad, 1 - self.beta1)
        v.mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        rate, mu, mu_next, correction = self.factors(step)
        product = state["mu_product"].mul_(mu)
        ahead = m * (mu_next / (1 - product * mu_next)) + grad * ((1 - mu) / (1 - product))
        return ahead.div_((v * correction).sqrt_().add_(self.eps)).mul_(-rate)


@dataclass
class RAdam(Adam):
    """Adam that waits with the second moment until its variance is known to be finite.

    Until then it is momentum without any scale, so a huge first gradient makes a huge step.

    Source: Liu et al. (2020), Algorithm 2; ``eps`` before the bias correction as in torch.

    Equation: eq-radam.

    Attributes:
        decoupled: Weight decay acts on the weights, not on the gradient.
    """

    decoupled: bool = False

    def rectification(self, step: int) -> float:
        """Return the factor r of a step; 0 as long as the second moment is not used."""
        longest = 2 / (1 - self.beta2) - 1
        length = longest - 2 * step * self.beta2**step / (1 - self.beta2**step)
        if length <= 5:
            return 0.0
        ratio = (length - 4) * (length - 2) / length
        return (ratio * longest / ((longest - 4) * (longest - 2))) ** 0.5

    def factors(self, step: int) -> tuple[float, float, float]:
        """Return the rate over the first moment's correction, and the weights of both branches."""
        r = self.rectification(step)
        adaptive = r * (1 - self.beta2**step) ** 0.5
        return self.lr / (1 - self.beta1**step), adaptive, float(r == 0)

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return RAdam's change of the weights (shapes as in ``Rule.update``)."""
        m, v = state["m"], state["v"]
        m.lerp_(grad, 1 - self.beta1)
        v.mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        rate, adaptive, plain = self.factors(step)
        return (adaptive / v.sqrt().add_(self.eps)).add_(plain).mul_(m).mul_(-rate)


@dataclass
class AdaBelief(Adam):
    """Adam with the variance of the gradient in place of its second moment.

    Source: Zhuang et al. (2020), Algorithm 2.

    Equation: eq-adabelief.

    Attributes:
        eps: Is added to the variance at every step, and to its root; so it has two units.
        decoupled: Weight decay acts on the weights, not on the gradient.
    """

    eps: float = 1e-16
    decoupled: bool = False

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the first moment and the variance at zero, of the weights' shape."""
        return {"m": torch.zeros_like(param), "s": torch.zeros_like(param)}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return AdaBelief's change of the weights (shapes as in ``Rule.update``)."""
        m, s = state["m"], state["s"]
        m.lerp_(grad, 1 - self.beta1)
        surprise = grad - m
        s.mul_(self.beta2).addcmul_(surprise, surprise, value=1 - self.beta2).add_(self.eps)
        rate, correction = self.factors(step)
        return (m / (s * correction).sqrt_().add_(self.eps)).mul_(-rate)
