"""DeepFM: a factorisation machine and a deep network that share the vectors of the fields."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from recsys_book.recommenders.features.fields import Design, Field
from recsys_book.recommenders.features.network import FieldNetwork, FieldRecommender, perceptron


def field_interactions(E: Tensor) -> Tensor:
    """Add up the products of all pairs of fields' vectors, without visiting a pair.

    Equation: eq-fm-linear-time

    Source: Rendle (2010), lemma 3.1, on the vectors of fields.

    Args:
        E: Vectors, shape ``(batch, fields, factors)``.

    Returns:
        The sums, shape ``(batch,)``.
    """
    return 0.5 * (E.sum(1).square() - E.square().sum(1)).sum(-1)


def deepfm_logit(first_order: Tensor, pairs: Tensor, deep: Tensor, bias: Tensor) -> Tensor:
    """Add the two orders of the factorisation machine and the output of the deep network.

    Equation: eq-deepfm

    Source: Guo et al. (2017), "DeepFM: A Factorization-Machine based Neural Network for CTR
    Prediction", IJCAI, equations 1 and 2.

    Args:
        first_order: Weighted sum of the columns, shape ``(batch,)``.
        pairs: Interactions of the fields, shape ``(batch,)``.
        deep: Output of the network on the same vectors, shape ``(batch,)``.
        bias: The global weight, 0-dimensional.

    Returns:
        The logits, shape ``(batch,)``.
    """
    y_fm = bias + first_order + pairs
    return y_fm + deep


class DeepFMNetwork(FieldNetwork):
    """The machine and the network on one table of vectors.

    Args:
        design: The fields side by side.
        factors: Length of the vectors.
        hidden: Widths of the hidden layers; empty for the machine alone.
        level: First value of the global weight.
        generator: Of the first weights.
    """

    def __init__(
        self,
        design: Design,
        factors: int,
        hidden: Sequence[int],
        level: float,
        generator: torch.Generator,
    ):
        super().__init__(design, factors, level, generator)
        sizes = (len(design.fields) * factors, *hidden, 1)
        self.deep = perceptron(sizes, generator) if hidden else None

    def combine(self, left: tuple[Tensor, ...], right: tuple[Tensor, ...]) -> Tensor:
        """Return the scores of rows, shape ``(batch,)``."""
        E = torch.cat([left[1], right[1]], 1)
        first_order = left[0].sum((1, 2)) + right[0].sum((1, 2))
        deep = torch.zeros(len(E)) if self.deep is None else self.deep(E.flatten(1))[:, 0]
        return deepfm_logit(first_order, field_interactions(E), deep, self.level)


class DeepFM(FieldRecommender):
    """Predict ratings, or rank items, by a factorisation machine plus a network on its vectors.

    A field is one vector, whatever the number of its columns that are filled: two genres of one
    film are not a pair here, as they are in ``FactorizationMachine``. With one column a field the
    two agree. Losses and fallback are those of ``WideAndDeep``.

    Equations: eq-deepfm, eq-fm-linear-time

    Source: Guo et al. (2017), "DeepFM: A Factorization-Machine based Neural Network for CTR
    Prediction", IJCAI.

    Args:
        fields: What is known about users, items and times; None for the user and the item alone.
        factors: Length of the vectors.
        hidden: Widths of the hidden layers; empty leaves the factorisation machine.
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
        self.factors = factors
        self.hidden = hidden
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.negatives = negatives
        self.loss = loss
        self.seed = seed

    def _network(self, design: Design, level: float, seed: int) -> DeepFMNetwork:
        generator = torch.Generator().manual_seed(seed)
        return DeepFMNetwork(design, self.factors, self.hidden, level, generator)
