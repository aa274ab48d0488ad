"""A rate for every row of a table: from how often it is seen, or learned from its gradients."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from recsys_book.optimizers.embeddings import row_zeros
from recsys_book.optimizers.rules.base import Rule


def seen_rows(grad: Tensor) -> Tensor:
    """Return which rows have a gradient that is not all zero, shape ``(rows, 1, ...)``."""
    seen = grad != 0
    return seen.flatten(1).any(1).view(row_zeros(grad).shape) if grad.dim() > 1 else seen


@dataclass
class FrequencyAdaptive(Rule):
    """Gradient descent whose rate falls with the number of times that the row was seen.

    A row that is back after ``k`` steps keeps the share ``(1 - forget) ** k`` of its count, so a
    row that was away steps farther again. ``power`` 1 without forgetting makes a row the running
    mean of what it is pulled to; ``power`` 0 is gradient descent.

    Source: Li et al. (2022), the variant that counts as it goes; the forgetting is ours.

    Equation: eq-frequency-rate.

    Attributes:
        power: The rate is ``lr`` divided by the count to this power; zero or more.
        forget: The share of every count that is lost in a step, in [0, 1).
    """

    power: float = 0.5
    forget: float = 0.0

    elementwise: ClassVar[bool] = False
    row_sparse: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse hyper-parameters that cannot be meant."""
        super().__post_init__()
        if self.forget >= 1:
            raise ValueError(
                f"FrequencyAdaptive: forget is {self.forget}, but a share lost in each step must "
                "lie in [0, 1)."
            )

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the count of each row and, with forgetting, the step at which it was seen."""
        state = {"n": row_zeros(param)}
        return state | {"last": row_zeros(param)} if self.forget else state

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the rows in ``grad`` (shapes as in ``Rule.update``)."""
        n, seen = state["n"], seen_rows(grad)
        if self.forget:
            kept = (1 - self.forget) ** (step - state["last"])
            n.copy_(torch.where(seen, n * kept, n))
            state["last"].masked_fill_(seen, step)
        n.add_(seen)
        return grad * (-self.lr * n.clamp(min=1) ** -self.power)


@dataclass
class PersonalRates(Rule):
    """Gradient descent with one rate a row, learned from the row's own successive gradients.

    Where a row's gradient points the way of its previous ones, the last steps were too short, and
    the row's rate grows; where it points back, the rate shrinks. The cosine of the two makes the
    change independent of the gradient's scale.

    Source: Baydin et al. (2018), one rate a row and in logarithms; Jacobs (1988) for the trace.

    Equation: eq-personal-rate.

    Attributes:
        hyper_lr: The largest change of a rate's logarithm at one visit.
        rho: The share of the row's earlier gradients that is kept at a visit; with 0 the new
            gradient is compared with the last one alone.
        max_factor: How many times ``lr`` a rate may become, and how many times smaller.
    """

    hyper_lr: float = 0.02
    rho: float = 0.8
    max_factor: float = 100.0

    elementwise: ClassVar[bool] = False
    row_sparse: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse hyper-parameters that cannot be meant."""
        super().__post_init__()
        if self.max_factor < 1:
            raise ValueError(
                f"PersonalRates: max_factor is {self.max_factor}, but it must be 1 or more."
            )

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the logarithm of each row's factor on ``lr``, and the trace of its gradients."""
        return {"log_factor": row_zeros(param), "trace": torch.zeros_like(param)}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the rows in ``grad`` (shapes as in ``Rule.update``)."""
        log_factor, trace = state["log_factor"], state["trace"]
        bound = math.log(self.max_factor)
        log_factor.add_(row_cosine(grad, trace), alpha=self.hyper_lr).clamp_(-bound, bound)
        trace.copy_(torch.where(seen_rows(grad), self.rho * trace + grad, trace))
        return grad * (-self.lr * log_factor.exp())


def row_cosine(a: Tensor, b: Tensor) -> Tensor:
    """Return the cosine of each pair of rows.

    Equation: eq-personal-rate.

    Args:
        a: Rows, shape ``(rows, ...)``.
        b: Rows, of the same shape.

    Returns:
        One cosine a row, shape ``(rows, 1, ...)``; 0 where a row is zero. The product of the signs
        where there is no second axis.
    """
    if a.dim() < 2:
        return a.sign() * b.sign()
    unit_a, unit_b = (torch.nn.functional.normalize(x.flatten(1), eps=1e-30) for x in (a, b))
    return torch.linalg.vecdot(unit_a, unit_b).view(row_zeros(a).shape)
