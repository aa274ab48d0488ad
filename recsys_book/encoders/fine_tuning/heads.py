"""What stands on an encoder's vectors: the right output and the right loss for each question."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.encoders.layers import Linear, embedding


def rating_loss(predicted: Tensor, rating: Tensor) -> Tensor:
    """Return the mean squared error of ratings.

    Equation: eq-rating-head.

    Args:
        predicted: Predicted ratings, any real numbers, shape ``(batch,)``.
        rating: True ratings, of the same shape.

    Returns:
        The loss, 0-dimensional, in squared stars.

    Raises:
        ValueError: If the shapes differ: broadcasting would compare every row with every other.
    """
    _same_shape(predicted, rating)
    return (predicted - rating).square().mean()


def click_loss(logits: Tensor, clicked: Tensor) -> Tensor:
    """Return the cross-entropy of yes-or-no answers, from logits.

    The sum ``max(z, 0) - z y + log(1 + exp(-|z|))`` never takes the logarithm of a probability
    that has rounded to zero.

    Equation: eq-click-head.

    Args:
        logits: Any real numbers, shape ``(batch,)`` or ``(batch, labels)``.
        clicked: 0 or 1, of the same shape.

    Returns:
        The mean loss, 0-dimensional, in nats an answer.

    Raises:
        ValueError: If the shapes differ, or an answer is not between 0 and 1, where the loss has
            no lower bound.
    """
    _same_shape(logits, clicked)
    if clicked.numel() and not (clicked.min() >= 0 and clicked.max() <= 1):
        raise ValueError(
            f"The answers run from {clicked.min():g} to {clicked.max():g}, but they must lie "
            "between 0 and 1: use rating_loss for ratings, or turn them into likes first."
        )
    z, y = logits, clicked.to(logits.dtype)
    return (z.clamp(min=0) - z * y + torch.log1p(torch.exp(-z.abs()))).mean()


def next_item_loss(logits: Tensor, item: Tensor) -> Tensor:
    """Return the cross-entropy of one choice among all items.

    Equation: eq-next-item-head.

    Args:
        logits: One column an item, shape ``(batch, items)``, at least two columns.
        item: What was chosen, integers of shape ``(batch,)``.

    Returns:
        The mean loss, 0-dimensional, in nats a choice.

    Raises:
        ValueError: If there is no column to choose from: one logit is a question for
            ``click_loss``.
    """
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise ValueError(
            f"The logits have shape {tuple(logits.shape)}, but a choice needs at least two "
            "columns: use click_loss for one logit a row."
        )
    return functional.cross_entropy(logits, item)


class RatingHead(nn.Module):
    """A rating from a user and an item's text vector: level, user's bias, and a product.

    Source: Koren, Bell & Volinsky (2009), for the biases.

    Equation: eq-rating-head.

    Args:
        n_users: Number of users.
        width: Width of the text vectors.
        factors: Width in which user and text meet.
        level: Mean rating of the training data.
        generator: Where the first weights come from.
    """

    def __init__(
        self, n_users: int, width: int, factors: int, level: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.register_buffer("level", torch.tensor(float(level)))
        self.user_bias = embedding(n_users, 1, generator, std=0.0)
        self.users = embedding(n_users, factors, generator, std=0.1)
        self.project = Linear(width, factors, generator)
        self.appeal = Linear(width, 1, generator)
        nn.init.zeros_(self.appeal.weight)

    def forward(self, user: Tensor, vectors: Tensor) -> Tensor:
        """Return predicted ratings.

        Args:
            user: Positions of the users, shape ``(batch,)``.
            vectors: Text vectors of the items, shape ``(batch, width)``.

        Returns:
            Shape ``(batch,)``; not bounded, because the loss pulls them to the stars by itself.
        """
        product = (self.users(user) * self.project(vectors)).sum(1)
        bias = self.user_bias(user).squeeze(1) + self.appeal(vectors).squeeze(1)
        return self.level + bias + product


class ClickHead(nn.Module):
    """The logit that a user likes an item, from its text vector.

    Equation: eq-click-head.

    Args:
        n_users: Number of users.
        width: Width of the text vectors.
        factors: Width in which user and text meet.
        generator: Where the first weights come from.
    """

    def __init__(self, n_users: int, width: int, factors: int, generator: torch.Generator) -> None:
        super().__init__()
        self.body = RatingHead(n_users, width, factors, 0.0, generator)

    def forward(self, user: Tensor, vectors: Tensor) -> Tensor:
        """Return logits, shape ``(batch,)``; the sigmoid belongs to the loss."""
        return self.body(user, vectors)


class LabelHead(nn.Module):
    """One logit for each of several labels, which may be true together (genres, for instance).

    Args:
        width: Width of the text vectors.
        labels: Number of labels.
        generator: Where the first weights come from.
    """

    def __init__(self, width: int, labels: int, generator: torch.Generator) -> None:
        super().__init__()
        self.linear = Linear(width, labels, generator)
        nn.init.zeros_(self.linear.weight)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return logits, shape ``(batch, labels)``."""
        return self.linear(vectors)


class NextItemHead(nn.Module):
    """Logits over all items, from the text vectors of a history.

    The history's mean is moved by a linear map that begins as the identity, and compared with
    every item's vector: an item without a history of its own can be chosen too.

    Equation: eq-next-item-head.

    Args:
        vectors: Text vectors of all items, shape ``(items, width)``; frozen.
        temperature: What the cosines are divided by at first; it trains.
    """

    def __init__(self, vectors: Tensor, temperature: float = 0.1) -> None:
        super().__init__()
        self.register_buffer("vectors", functional.normalize(vectors))
        self.map = nn.Parameter(torch.eye(vectors.shape[1]))
        self.log_scale = nn.Parameter(-torch.tensor(float(temperature)).log())
        self.bias = nn.Parameter(torch.zeros(len(vectors)))

    def forward(self, history: Tensor, mask: Tensor) -> Tensor:
        """Return logits.

        Args:
            history: Positions of items, shape ``(batch, length)``.
            mask: True for an event, False for padding, shape ``(batch, length)``.

        Returns:
            Shape ``(batch, items)``.
        """
        weights = mask.unsqueeze(-1).to(self.vectors.dtype)
        mean = (self.vectors[history] * weights).sum(1) / weights.sum(1)
        query = functional.normalize(mean @ self.map, dim=1)
        return self.log_scale.exp() * query @ self.vectors.T + self.bias


def _same_shape(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise ValueError(
            f"The predictions have shape {tuple(a.shape)} and the targets {tuple(b.shape)}: give "
            "both the same, or every row is compared with every other."
        )
