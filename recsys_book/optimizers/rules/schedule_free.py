"""Schedule-Free: an average of the iterates takes the place of a decaying rate.

Three sequences: ``z`` takes the steps, ``x`` is their average and is what one evaluates, and
the gradient is taken at ``y``, between them. The model holds ``y`` in training; after
``optimizer.eval()`` it holds ``x``. Only ``z`` is stored, since ``x`` follows from both.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from recsys_book.optimizers.rules.base import Rule


def warm_up(step: int, warmup_steps: int) -> float:
    """Return the factor of a linear warm-up: ``step / warmup_steps``, at most 1.

    Args:
        step: The number of this step; the first is 1.
        warmup_steps: Steps until the full rate; 0 for none.

    Returns:
        A factor in (0, 1].
    """
    return min(step / warmup_steps, 1.0) if warmup_steps else 1.0


class Averaging:
    """The averaging that both rules share, in terms of ``y`` and ``z``."""

    def interpolation(self) -> float:
        """Return ``x``'s share in ``y``, in (0, 1)."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        """Refuse hyper-parameters that cannot be meant."""
        super().__post_init__()
        if not self.interpolation() > 0:
            raise ValueError(
                f"{type(self).__name__}: the average's share in the weights (momentum or beta1) is "
                f"{self.interpolation()}, but it must be positive, or the average is lost."
            )

    def average(
        self, step: Tensor, rate: float | Tensor, state: dict[str, Tensor], y: Tensor
    ) -> Tensor:
        """Step ``z``, average it into ``x``, and return the change of ``y``.

        With ``beta`` the share of ``x`` in ``y`` and ``c`` the share of the new ``z`` in the
        new ``x``, eliminating ``x`` leaves
        ``y + c (z - y) - rate (1 - beta (1 - c)) step``.

        Equation: eq-schedule-free.

        Args:
            step: What ``z`` moves against, per unit of rate; of the weights' shape.
            rate: The rate of this step.
            state: ``z`` and ``weight_sum``, changed in place.
            y: The weights in training.

        Returns:
            The change of ``y``, of its shape.
        """
        z, weight_sum = state["z"], state["weight_sum"]
        weight_sum += rate**2
        c = torch.where(weight_sum > 0, rate**2 / weight_sum, 0.0)
        change = (z - y) * c - step * (rate * (1 - self.interpolation() * (1 - c)))
        z -= rate * step
        return change

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return ``z`` at the weights, and the sum of the average's weights."""
        return {"z": param.clone(), "weight_sum": param.new_zeros(())}

    def evaluation_weights(self, param: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Return the average ``x`` (shapes as in ``Rule.evaluation_weights``)."""
        return param.lerp(state["z"], 1 - 1 / self.interpolation())

    def training_weights(self, param: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Return ``y``, between ``x`` and ``z`` (shapes as in ``Rule.training_weights``)."""
        return param.lerp(state["z"], 1 - self.interpolation())


@dataclass
class ScheduleFreeSGD(Averaging, Rule):
    """Schedule-Free stochastic gradient descent.

    Source: Defazio et al. (2024), section 2; weights of the average as in Algorithm 1.

    Equation: eq-schedule-free.

    Attributes:
        lr: The rate; there is no schedule, and a fairly large one serves.
        momentum: The average's share in the weights where the gradient is taken.
        warmup_steps: Steps of linear warm-up; 0 for none.
    """

    lr: float = 1.0
    momentum: float = 0.9
    warmup_steps: int = 0
    uses_param: ClassVar[bool] = True
    shared: ClassVar[frozenset[str]] = frozenset({"weight_sum"})

    def interpolation(self) -> float:
        """Return the average's share, ``momentum``."""
        return self.momentum

    def factors(self, step: int) -> tuple[float]:
        """Return the rate, warmed up."""
        return (self.lr * warm_up(step, self.warmup_steps),)

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the weights (shapes as in ``Rule.update``)."""
        (rate,) = self.factors(step)
        return self.average(grad, rate, state, param)


@dataclass
class ScheduleFreeAdamW(Averaging, Rule):
    """Schedule-Free AdamW: ``z`` takes Adam's steps without a first moment.

    Source: Defazio et al. (2024), Algorithm 1.

    Equation: eq-schedule-free.

    Attributes:
        lr: The rate; there is no schedule, and a fairly large one serves.
        beta1: The average's share in the weights where the gradient is taken.
        beta2: Decay rate of the second moment.
        eps: Keeps the denominator from zero; in the gradient's unit.
        warmup_steps: Steps of linear warm-up; 0 for none.
    """

    lr: float = 0.0025
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    warmup_steps: int = 0
    uses_param: ClassVar[bool] = True
    decays_itself: ClassVar[bool] = True
    shared: ClassVar[frozenset[str]] = frozenset({"weight_sum"})

    def interpolation(self) -> float:
        """Return the average's share, ``beta1``."""
        return self.beta1

    def factors(self, step: int) -> tuple[float]:
        """Return the rate, warmed up, with the second moment's bias correction."""
        correction = math.sqrt(1 - self.beta2**step)
        return (self.lr * correction * warm_up(step, self.warmup_steps),)

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return ``z`` at the weights, the average's weights, and the second moment at zero."""
        return super().init(param) | {"v": torch.zeros_like(param)}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return the change of the weights (shapes as in ``Rule.update``)."""
        v = state["v"].mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
        (rate,) = self.factors(step)
        direction = grad / v.sqrt().add_(self.eps)
        return self.average(direction + self.weight_decay * param, rate, state, param)
