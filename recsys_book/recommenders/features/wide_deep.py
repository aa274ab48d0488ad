"""Wide & Deep: one half remembers which pairs of labels went together, the other half generalises.

Both halves are trained together, and their outputs are added before the loss.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.recommenders.features.fields import Design, Field
from recsys_book.recommenders.features.network import FieldNetwork, FieldRecommender, perceptron


def wide_deep_logit(wide: Tensor, deep: Tensor, bias: Tensor) -> Tensor:
    """Add the wide half, the deep half and the global weight; the sigmoid of it is a probability.

    Equation: eq-wide-deep

    Source: Cheng et al. (2016), "Wide & Deep Learning for Recommender Systems", DLRS, equation 3.

    Args:
        wide: Weighted sum of the raw and the crossed columns, shape ``(batch,)``.
        deep: Output of the network on the vectors, shape ``(batch,)``.
        bias: The global weight, 0-dimensional.

    Returns:
        The logits, shape ``(batch,)``.
    """
    return wide + deep + bias


class Crosses(nn.Module):
    """A weight for every pair of a user's column and an item's column, for chosen fields.

    Source: Cheng et al. (2016), equation 1, the cross-product transformation.

    Args:
        pairs: For each cross, the field of the user and the field of the item.
    """

    def __init__(self, pairs: Sequence[tuple[Field, Field]]):
        super().__init__()
        self.weights = nn.ParameterList(
            torch.zeros(left.width, right.width) for left, right in pairs
        )
        for number, pair in enumerate(pairs):
            for side, field in zip(("user", "item"), pair):
                empty = np.zeros((1, field.width))  # the row of an unknown user or item
                rows = np.vstack([field.table.toarray(), empty])
                self.register_buffer(f"{side}_{number}", torch.tensor(rows, dtype=torch.float32))

    def left(self, user: Tensor) -> Tensor:
        """Return the weights that users give the items' columns, shape ``(batch, columns)``."""
        parts = [getattr(self, f"user_{n}")[user] @ W for n, W in enumerate(self.weights)]
        return torch.cat([*parts, torch.zeros(len(user), 0)], 1)

    def right(self, item: Tensor) -> Tensor:
        """Return the items' columns, shape ``(batch, columns)``."""
        parts = [getattr(self, f"item_{n}")[item] for n in range(len(self.weights))]
        return torch.cat([*parts, torch.zeros(len(item), 0)], 1)


class WideDeepNetwork(FieldNetwork):
    """The two halves.

    Args:
        design: The fields side by side.
        pairs: Fields to cross.
        factors: Length of the vectors.
        hidden: Widths of the hidden layers.
        level: First value of the global weight.
        generator: Of the first weights.
    """

    def __init__(
        self,
        design: Design,
        pairs: Sequence[tuple[Field, Field]],
        factors: int,
        hidden: Sequence[int],
        level: float,
        generator: torch.Generator,
    ):
        super().__init__(design, factors, level, generator)
        self.crosses = Crosses(pairs)
        self.deep = perceptron((len(design.fields) * factors, *hidden, 1), generator)

    def left(self, user: Tensor, time: Tensor) -> tuple[Tensor, ...]:
        """Return what the user and the time contribute."""
        return *super().left(user, time), self.crosses.left(user)

    def right(self, item: Tensor) -> tuple[Tensor, ...]:
        """Return what the item contributes."""
        return *super().right(item), self.crosses.right(item)

    def combine(self, left: tuple[Tensor, ...], right: tuple[Tensor, ...]) -> Tensor:
        """Return the scores of rows, shape ``(batch,)``."""
        crossed = (left[2] * right[2]).sum(1)
        wide = left[0].sum((1, 2)) + right[0].sum((1, 2)) + crossed
        deep = self.deep(torch.cat([left[1], right[1]], 1).flatten(1))[:, 0]
        return wide_deep_logit(wide, deep, self.level)


class WideAndDeep(FieldRecommender):
    """Predict ratings, or rank items, by a linear model on crossed columns plus a deep network.

    Loss ``"rating"`` is the squared error; loss ``"ranking"`` the logistic loss of the events
    against unseen items. Adam minimises it. A user without history and position -1 get the scores
    of a row in which only the item's fields are filled.

    Equation: eq-wide-deep

    Source: Cheng et al. (2016), "Wide & Deep Learning for Recommender Systems", DLRS. The paper
    trains the wide half by FTRL and the deep half by AdaGrad; here Adam trains both.

    Args:
        fields: What is known about users, items and times; None for the user and the item alone.
        crosses: Pairs of names of fields, one of the user and one of the item, whose columns get a
            weight a pair.
        factors: Length of the vectors.
        hidden: Widths of the hidden layers.
        rate: Of Adam.
        l2: Penalty on the squared length of the vectors that a row looks up.
        epochs: How often to go through the log.
        batch_size: Events in a batch.
        negatives: Unseen items an event, for loss ``"ranking"``.
        loss: ``"rating"`` or ``"ranking"``.
        seed: Of the first weights, the order of the events and the unseen items.

    Attributes:
        design_: The fields side by side.
        network_: The trained network.
        step_loss_: Loss of each step, before it.
        range_: Smallest and largest training rating.
    """

    def __init__(
        self,
        fields: Sequence[Field] | None = None,
        crosses: Sequence[tuple[str, str]] = (),
        factors: int = 16,
        hidden: Sequence[int] = (32, 16),
        rate: float = 0.003,
        l2: float = 0.001,
        epochs: int = 5,
        batch_size: int = 1024,
        negatives: int = 2,
        loss: str = "ranking",
        seed: int = 0,
    ):
        self.fields = fields
        self.crosses = crosses
        self.factors = factors
        self.hidden = hidden
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.negatives = negatives
        self.loss = loss
        self.seed = seed

    def _network(self, design: Design, level: float, seed: int) -> WideDeepNetwork:
        generator = torch.Generator().manual_seed(seed)
        pairs = [_pair(design, names) for names in self.crosses]
        return WideDeepNetwork(design, pairs, self.factors, self.hidden, level, generator)


def _pair(design: Design, names: tuple[str, str]) -> tuple[Field, Field]:
    """Find the two fields of a cross."""
    known = {field.name: field for field in design.fields}
    pair = tuple(known.get(name) for name in names)
    if None in pair or [field.of for field in pair] != ["user", "item"]:
        raise ValueError(
            f"The cross {names} needs a field of the user and then one of the item, out of "
            f"{', '.join(known)}."
        )
    return pair
