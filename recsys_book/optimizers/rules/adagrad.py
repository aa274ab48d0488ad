"""AdaGrad: a rate that falls with the squared gradients a weight has seen."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from recsys_book.optimizers.rules.base import Rule


@dataclass
class AdaGrad(Rule):
    """Diagonal AdaGrad: one accumulator a weight.

    Source: Duchi, Hazan & Singer (2011), Algorithm 1.

    Equations: eq-adagrad-accumulator, eq-adagrad-step.

    Attributes:
        eps: Keeps the denominator from zero; in the gradient's unit.
        initial_accumulator: What the accumulator starts from; in the squared gradient's unit.
        lr_decay: Lets the rate fall further, as ``lr / (1 + (step - 1) * lr_decay)``.
    """

    lr: float = 1e-2
    eps: float = 1e-10
    initial_accumulator: float = 0.0
    lr_decay: float = 0.0

    row_sparse: ClassVar[bool] = True

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the accumulator at its starting value, of the weights' shape."""
        return {"G": torch.full_like(param, self.initial_accumulator)}

    def factors(self, step: int) -> tuple[float]:
        """Return the rate of a step before the accumulator divides it."""
        return (self.lr / (1 + (step - 1) * self.lr_decay),)

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return AdaGrad's change of the weights (shapes as in ``Rule.update``)."""
        G = state["G"].addcmul_(grad, grad)
        (rate,) = self.factors(step)
        return (grad / G.sqrt().add_(self.eps)).mul_(-rate)


@dataclass
class FullMatrixAdaGrad(Rule):
    """AdaGrad with the whole matrix of gradient products, for a small tensor.

    The root of an n-by-n matrix is taken at every step, by its eigenvalues: the time grows with
    the cube of n, the memory with its square. A direction in which no gradient has pointed yet
    (an eigenvalue that rounding cannot tell from zero) gets no step.

    Source: Duchi, Hazan & Singer (2011), Algorithm 2.

    Equation: eq-adagrad-full.

    Attributes:
        eps: Is added to the root's diagonal; in the gradient's unit.
        max_size: The most elements that one tensor may have.
    """

    lr: float = 1e-2
    eps: float = 1e-10
    max_size: int = 1024

    elementwise: ClassVar[bool] = False

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the matrix at zero, of shape ``(param.numel(), param.numel())``.

        Raises:
            ValueError: If the tensor has more than ``max_size`` elements.
        """
        n = param.numel()
        if n > self.max_size:
            raise ValueError(
                f"FullMatrixAdaGrad: a parameter of shape {tuple(param.shape)} has {n} elements, "
                f"and its matrix would have {n} x {n}: use AdaGrad or Shampoo for it, or raise "
                f"max_size above {self.max_size} if the memory is there."
            )
        return {"G": param.new_zeros(n, n)}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return full-matrix AdaGrad's change of the weights (shapes as in ``Rule.update``).

        Raises:
            ValueError: If a product of two gradients is too large for their type.
        """
        g = grad.reshape(-1)
        G = state["G"].addr_(g, g)
        if not torch.isfinite(G).all():
            raise ValueError(
                f"FullMatrixAdaGrad: at step {step} the products of a gradient of shape "
                f"{tuple(grad.shape)} are too large for {grad.dtype}: clip it, or scale the loss."
            )
        return (self._inverse_root(G, g) * -self.lr).view(grad.shape)

    def _inverse_root(self, G: Tensor, g: Tensor) -> Tensor:
        """Return ``(eps * I + G ** 0.5) ** -1 @ g``, shape ``(n,)``, for G ``(n, n)``."""
        h, Q = torch.linalg.eigh(G.double())
        known = h > h[-1] * len(h) * torch.finfo(G.dtype).eps
        inverse = torch.where(known, 1 / (h.clamp_min(0).sqrt() + self.eps), 0)
        return (Q @ (inverse * (Q.mT @ g.double()))).to(g.dtype)
