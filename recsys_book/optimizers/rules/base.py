"""What an update rule is: hyper-parameters as fields, equations as methods."""

import math
from dataclasses import dataclass, fields
from typing import ClassVar

from torch import Tensor

#: Fields that weigh the past against the present; each must lie in [0, 1).
DECAY_RATES = frozenset({"beta", "beta1", "beta2", "beta3", "rho", "momentum"})


@dataclass
class Rule:
    """The part of an optimizer that is mathematics: from a gradient to a change of the weights.

    A rule knows nothing of models, parameter groups or checkpoints; ``Optimizer`` does. Its
    fields are the symbols of its derivation. Subclasses override ``init`` and ``update``.

    Attributes:
        lr: The learning rate; a non-negative number.
        weight_decay: The decay coefficient; a non-negative number. ``Optimizer`` applies it.
        elementwise: Each weight's change depends on its own history only, so that the tensors may
            be cut and joined freely.
        coupled: The rule needs all weights of a parameter group at once, as one flat tensor
            (it estimates a scalar from all of them).
        uses_param: ``update`` needs the weights themselves.
        row_sparse: A row without a gradient need not be touched, so the rule takes sparse
            gradients.
        decoupled: Weight decay acts on the weights, not on the gradient.
        decays_itself: ``update`` contains the weight decay; ``Optimizer`` must not add it.
        shared: Names of the state's scalars, which all weights stepped together have in common;
            every other entry has the weights' shape if the rule is elementwise or coupled.
    """

    lr: float = 1e-3
    weight_decay: float = 0.0

    elementwise: ClassVar[bool] = True
    coupled: ClassVar[bool] = False
    uses_param: ClassVar[bool] = False
    row_sparse: ClassVar[bool] = False
    decoupled: ClassVar[bool] = False
    decays_itself: ClassVar[bool] = False
    shared: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        """Refuse hyper-parameters that cannot be meant."""
        for field in fields(self):
            _check_field(type(self).__name__, field.name, getattr(self, field.name))

    def init(self, param: Tensor) -> dict[str, Tensor]:
        """Return the state before the first step.

        Args:
            param: The weights, any shape.

        Returns:
            A name for each state tensor; empty where the rule has no memory.
        """
        return {}

    def update(
        self, grad: Tensor, state: dict[str, Tensor], step: int, param: Tensor | None = None
    ) -> Tensor:
        """Return what to add to the weights, and bring the state up to date in place.

        Args:
            grad: The gradient, of the weights' shape.
            state: What ``init`` made; changed in place.
            step: The number of this step; the first is 1.
            param: The weights, of the gradient's shape; needed where ``uses_param``.

        Returns:
            The change of the weights, of their shape.
        """
        raise NotImplementedError

    def factors(self, step: int) -> tuple[float, ...]:
        """Return the scalars that depend on the step's number and the rate alone.

        A rule that puts them here has them computed once a step, also when it is compiled.

        Args:
            step: The number of this step; the first is 1.

        Returns:
            Plain numbers, in an order that ``update`` knows.
        """
        return ()

    def evaluation_weights(self, param: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Return the weights to evaluate; a rule that averages returns its average.

        Args:
            param: The weights in training, any shape.
            state: The rule's state for them.

        Returns:
            Weights of the same shape.
        """
        return param

    def training_weights(self, param: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Return the weights to train on: the inverse of ``evaluation_weights``.

        Args:
            param: The weights under evaluation, any shape.
            state: The rule's state for them.

        Returns:
            Weights of the same shape.
        """
        return param


def _check_field(rule: str, name: str, value: object) -> None:
    """Raise one sentence if a hyper-parameter is out of its range."""
    if isinstance(value, bool) or value is None or not isinstance(value, int | float | Tensor):
        return
    number = float(value)
    if name in DECAY_RATES and not 0.0 <= number < 1.0:
        raise ValueError(f"{rule}: {name} is {number}, but a decay rate must lie in [0, 1).")
    if name == "lr" and not (math.isfinite(number) and number >= 0):
        raise ValueError(
            f"{rule}: the learning rate lr is {number}, but it must be a number, zero or more."
        )
    if math.isnan(number) or number < 0:
        raise ValueError(f"{rule}: {name} is {number}, but it must be a number, zero or more.")
