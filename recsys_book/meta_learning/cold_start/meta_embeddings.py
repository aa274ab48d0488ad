"""A start that is made for learning: embeddings generated so that the first steps help most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from recsys_book.meta_learning.cold_start.content_prior import checked_item_features
from recsys_book.meta_learning.cold_start.item_life import WarmSpace
from recsys_book.meta_learning.cold_start.networks import minimise, small_network

if TYPE_CHECKING:
    from torch import Tensor

    from recsys_book.data import Interactions


def squared_loss(theta: Tensor, A: Tensor, y: Tensor) -> Tensor:
    """Return the mean squared error of each item's vector on its ratings.

    Args:
        theta: Vectors, shape (T, d).
        A: Users who rated, shape (T, n, d).
        y: Residuals, shape (T, n).

    Returns:
        Shape (T,).
    """
    return ((y - (A @ theta[:, :, None])[:, :, 0]) ** 2).mean(dim=1)


def warm_up(theta: Tensor, A: Tensor, y: Tensor, rate: float, steps: int = 1) -> Tensor:
    r"""Take gradient steps on the first ratings, each item for itself.

    If only the level is unknown, S steps go a share :math:`1-(1-2\eta)^S` of the way from the start
    to the mean of the ratings, however many ratings there are.

    Equation: eq-fixed-trust.

    Args:
        theta: Where they start, shape (T, d).
        A: Users who rated, shape (T, n, d); n may be 0, and then nothing moves.
        y: Residuals, shape (T, n).
        rate: Length of a step.
        steps: Number of steps.

    Returns:
        Shape (T, d); differentiable in ``theta``.
    """
    if not A.shape[1]:
        return theta
    for _ in range(steps):
        gap = (A @ theta[:, :, None])[:, :, 0] - y
        theta = theta - rate * 2 / A.shape[1] * (A.transpose(1, 2) @ gap[:, :, None])[:, :, 0]
    return theta


def meta_embedding_loss(
    theta: Tensor,
    first: tuple[Tensor, Tensor],
    second: tuple[Tensor, Tensor],
    rate: float,
    alpha: float,
) -> Tensor:
    r"""Return the loss of generated starts: before any rating, and after one step.

    :math:`\alpha\,\ell_a(\theta)+(1-\alpha)\,\ell_b(\theta-\eta\nabla\ell_a(\theta))`.

    Equation: eq-meta-embedding.

    Args:
        theta: Generated vectors, shape (T, d).
        first: Users and residuals of the first ratings, (T, n, d) and (T, n).
        second: The same of other ratings.
        rate: Length of the inner step.
        alpha: Weight of the cold phase, between 0 and 1.

    Returns:
        The mean over the items, differentiable in ``theta``.
    """
    cold = squared_loss(theta, *first)
    warm = squared_loss(warm_up(theta, *first, rate), *second)
    return (alpha * cold + (1 - alpha) * warm).mean()


class MetaEmbeddings:
    """A generator of item vectors from content, trained for the first steps.

    In each step some known items play newborn: two handfuls of their ratings are drawn, the start
    is generated from their content, judged on the first handful, moved by one gradient step on it,
    and judged on the second.

    Source: Pan, Li, Ao, Tang and He (2019), "Warm Up Cold-start Advertisements: Improving CTR
    Predictions via Learning to Learn ID Embeddings", SIGIR.

    Equation: eq-meta-embedding.

    Args:
        features: Item features, shape (n_items, n_features).
        handful: Ratings in a handful.
        rate: Length of the inner step.
        alpha: Weight of the cold phase.
        hidden: Width of the generator's hidden layer; 0 for a linear one.
        tasks: Items a step.
        steps: Steps.
        outer_rate: First learning rate of the generator.
        decay: Its weight decay.
        by_event: Whether items are drawn as often as they are rated, or all alike.
        seed: Seed of weights and draws.

    Attributes:
        generator_: The network.
        losses_: Meta-loss of each step.
    """

    def __init__(
        self,
        features: np.ndarray,
        handful: int = 5,
        rate: float = 0.2,
        alpha: float = 0.5,
        hidden: int = 0,
        tasks: int = 256,
        steps: int = 200,
        outer_rate: float = 0.02,
        decay: float = 1.0,
        by_event: bool = True,
        seed: int = 0,
    ) -> None:
        self.features, self.handful, self.rate, self.alpha = features, handful, rate, alpha
        self.hidden, self.tasks, self.steps, self.outer_rate = hidden, tasks, steps, outer_rate
        self.decay, self.by_event, self.seed = decay, by_event, seed

    def fit(self, space: WarmSpace, warm: Interactions) -> Self:
        """Train the generator; the warm model stays as it is.

        Args:
            space: The warm model.
            warm: Ratings of the known items.

        Returns:
            The generator itself.

        Raises:
            ValueError: If alpha is outside [0, 1], the features do not fit, or no item has two
                handfuls of ratings.
        """
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha is {self.alpha}; a weight is between 0 and 1.")
        X = torch.from_numpy(checked_item_features(self.features, len(space.items)))
        can = np.flatnonzero(space.counts >= 2 * self.handful)
        if not len(can):
            raise ValueError(
                f"No item has {2 * self.handful} ratings, two handfuls; all items are cold: pass "
                "a smaller handful or more ratings."
            )
        level = space.counts[can] @ space.items[can] / space.counts[can].sum()
        self.level_ = torch.from_numpy(level)
        self.generator_ = small_network(X.shape[1], len(level), self.hidden, self.seed)
        draw = _Handfuls(space, warm, can, self)

        def loss(step: int) -> Tensor:
            items, first, second = draw()
            theta = self.level_ + self.generator_(X[items])
            return meta_embedding_loss(theta, first, second, self.rate, self.alpha)

        self.losses_ = minimise(self.generator_, loss, self.steps, self.outer_rate, self.decay)
        return self

    def vectors(
        self, items: np.ndarray, A: np.ndarray, y: np.ndarray, steps: int = 1
    ) -> np.ndarray:
        """Generate starts, and move them by gradient steps on the first ratings.

        Args:
            items: Positions, shape (T,).
            A: Users who rated, shape (T, n, d).
            y: Residuals, shape (T, n).
            steps: Number of steps.

        Returns:
            Shape (T, d).
        """
        X = torch.from_numpy(np.asarray(self.features, dtype=np.float64)[items])
        with torch.no_grad():
            theta = self.level_ + self.generator_(X)
            moved = warm_up(theta, torch.from_numpy(A), torch.from_numpy(y), self.rate, steps)
        return moved.numpy()


class _Handfuls:
    """Draws items, and for each two handfuls of different ratings."""

    def __init__(
        self, space: WarmSpace, warm: Interactions, items: np.ndarray, options: MetaEmbeddings
    ) -> None:
        self.space, self.warm, self.items, self.options = space, warm, items, options
        self.order = np.argsort(warm.item, kind="stable")
        self.start = np.searchsorted(warm.item[self.order], np.arange(warm.n_items))
        self.rng = np.random.default_rng(options.seed)
        counts = space.counts[items]
        self.share = counts / counts.sum() if options.by_event else None

    def __call__(self) -> tuple[np.ndarray, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        n, h = self.options.tasks, self.options.handful
        items = self.rng.choice(self.items, n, p=self.share)
        counts = self.space.counts[items]
        key = self.rng.random((n, counts.max()))
        key[np.arange(key.shape[1]) >= counts[:, None]] = 2.0  # beyond the item's last rating
        nth = self.rng.permuted(np.argpartition(key, 2 * h - 1, axis=1)[:, : 2 * h], axis=1)
        rows = self.order[self.start[items][:, None] + nth]
        user = self.warm.user[rows]
        y = self.warm.value[rows] - self.space.mean - self.space.user_bias[user]
        A, y = torch.from_numpy(self.space.users[user]), torch.from_numpy(y)
        return items, (A[:, :h], y[:, :h]), (A[:, h:], y[:, h:])
