"""One network for warm and cold items: hide the collaborative half of the input at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from recsys_book.meta_learning.cold_start.content_prior import (
    checked_item_features,
    event_weights,
)
from recsys_book.meta_learning.cold_start.item_life import WarmSpace
from recsys_book.meta_learning.cold_start.networks import minimise, small_network
from recsys_book.meta_learning.cold_start.text_to_factor import TextToFactor

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(frozen=True)
class View:
    """What ratings say of all items.

    Attributes:
        items: Vectors, shape (n_items, d).
        trust: Between 0 (nothing known) and 1 (all ratings), shape (n_items,).
    """

    items: np.ndarray
    trust: np.ndarray


def dropout_objective(
    targets: np.ndarray, seen: np.ndarray, hidden: np.ndarray, gram: np.ndarray, p: float
) -> np.ndarray:
    r"""Return the loss of each item, averaged over whether its ratings are hidden.

    With :math:`G=\frac1{|\mathcal U|}\sum_ua_ua_u^\top` the squared error of an item's predictions,
    averaged over all users, is :math:`(\theta-\hat\theta)^\top G(\theta-\hat\theta)`: no pair has
    to be sampled.

    Equation: eq-dropoutnet.

    Args:
        targets: Vectors of the warm model, shape (n, d).
        seen: Answers of the network with the ratings shown, shape (n, d).
        hidden: Its answers with the ratings hidden, shape (n, d).
        gram: The matrix G, shape (d, d).
        p: Probability of hiding.

    Returns:
        Shape (n,).
    """

    def error(answer: np.ndarray) -> np.ndarray:
        gap = targets - answer
        return ((gap @ gram) * gap).sum(-1)

    return (1 - p) * error(seen) + p * error(hidden)


class DropoutNet:
    r"""A network from (vector of the warm model, content) to the vector, trained with gaps.

    During training the first half of the input is set to zero with probability p, and the network
    must still rebuild the item's predictions. A new item is then an item with a gap. With views of
    items after a few ratings (``partial_views``) ratings are dropped too, not only whole inputs.

    Source: Volkovs, Yu and Poutanen (2017), "DropoutNet: Addressing Cold Start in Recommender
    Systems", NIPS; the user tower is left out here.

    Equation: eq-dropoutnet.

    Args:
        features: Item features, shape (n_items, n_features).
        p: Probability of hiding an item's ratings in a step, inside [0, 1].
        hidden: Width of the hidden layer; 0 for a linear map.
        saturation: The c of ``event_weights``.
        steps: Steps, each on all known items.
        rate: First learning rate.
        decay: Weight decay.
        seed: Seed of weights and masks.

    Attributes:
        network_: The network.
        losses_: Training loss of each step.
    """

    def __init__(
        self,
        features: np.ndarray,
        p: float = 0.5,
        hidden: int = 32,
        saturation: float = np.inf,
        steps: int = 300,
        rate: float = 0.02,
        decay: float = 2.0,
        seed: int = 0,
    ) -> None:
        self.features, self.p, self.hidden, self.saturation = features, p, hidden, saturation
        self.steps, self.rate, self.decay, self.seed = steps, rate, decay, seed

    def fit(self, space: WarmSpace, views: Sequence[View] = ()) -> Self:
        """Learn from the known items.

        Args:
            space: The warm model.
            views: What is known of all items after a few ratings; a step that does not hide an
                item's ratings shows one of these or all of them, at random.

        Returns:
            The network itself.

        Raises:
            ValueError: If p is no probability, the features do not fit, or all items are cold.
        """
        if not 0 <= self.p <= 1:
            raise ValueError(f"p is {self.p}; a probability of hiding is between 0 and 1.")
        X = checked_item_features(self.features, len(space.items))
        weights = event_weights(space.counts, self.saturation)
        known = np.flatnonzero(weights > 0)
        if not len(known):
            raise ValueError(
                "All items are cold, so there is no vector to rebuild; pass a fitted warm model."
            )
        weights, X = weights[known] / weights[known].sum(), X[known]
        self.level_ = weights @ space.items[known]
        self.scale_ = np.maximum(space.items[known].std(axis=0), 1e-9)
        d = space.items.shape[1]
        self.network_ = small_network(1 + d + X.shape[1], d, self.hidden, self.seed)
        gram = torch.from_numpy(gram_of_raters(space))
        theta = torch.from_numpy(space.items[known] - self.level_)
        full = View(space.items, np.ones(len(space.items)))
        halves = np.stack([self._half(view, known) for view in (full, *views)])
        content, w = torch.from_numpy(X), torch.from_numpy(weights)
        draws, each = np.random.default_rng(self.seed), np.arange(len(known))

        def loss(step: int) -> torch.Tensor:
            keep = draws.random((len(known), 1)) >= self.p
            half = halves[draws.integers(len(halves), size=len(known)), each] * keep
            gap = self.network_(torch.cat([torch.from_numpy(half), content], dim=1)) - theta
            return (w * ((gap @ gram) * gap).sum(dim=1)).sum()

        self.losses_ = minimise(self.network_, loss, self.steps, self.rate, self.decay)
        return self

    def _half(self, view: View, items: np.ndarray) -> np.ndarray:
        """The collaborative half of the input: how far it can be trusted, and what it says."""
        trust = view.trust[items, None]
        said = (view.items[items] - self.level_) / self.scale_
        return np.hstack([trust, said * (trust > 0)])

    def vectors(self, items: np.ndarray, view: View | None = None) -> np.ndarray:
        """Return the network's vectors of items.

        Args:
            items: Positions, shape (T,).
            view: What ratings say of all items; None where there are none.

        Returns:
            Shape (T, d).
        """
        X = checked_item_features(self.features, len(self.features))[items]
        half = np.zeros((len(items), 1 + len(self.level_)))
        if view is not None:
            half = self._half(view, items)
        with torch.no_grad():
            out = self.network_(torch.from_numpy(np.hstack([half, X]))).numpy()
        return out + self.level_


def gram_of_raters(space: WarmSpace) -> np.ndarray:
    """Return the mean outer product of the vectors of the users who have rated, shape (d, d)."""
    rater = np.linalg.norm(space.users[:, 1:], axis=1) > 0
    return space.users[rater].T @ space.users[rater] / max(int(rater.sum()), 1)


def partial_views(
    space: WarmSpace, warm: Interactions, plain: TextToFactor, ns: Sequence[int], seed: int
) -> list[View]:
    """Return what would be known of each known item if only n of its ratings had arrived.

    Args:
        space: The warm model.
        warm: Ratings of the known items.
        plain: The start without content, ``TextToFactor(None)``, fitted.
        ns: Numbers of ratings; an item with fewer than n keeps its full vector in that view.
        seed: Seed of the draws.

    Returns:
        One view a number.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(warm))
    order = order[np.argsort(warm.item[order], kind="stable")]
    start = np.searchsorted(warm.item[order], np.arange(warm.n_items))
    views = []
    for n in ns:
        enough = np.flatnonzero(space.counts >= n)
        shift = (rng.random(len(enough)) * (space.counts[enough] - n + 1)).astype(int)
        rows = order[(start[enough] + shift)[:, None] + np.arange(n)]
        user = warm.user[rows]
        y = warm.value[rows] - space.mean - space.user_bias[user]
        items, trust = space.items.copy(), np.ones(len(space.items))
        items[enough] = plain.vectors(enough, space.users[user], y)
        trust[enough] = trust_after(n)
        views.append(View(items, trust))
    return views


def trust_after(n: int) -> float:
    """Return how far n ratings can be trusted, n / (n + 5): an input of the network."""
    return n / (n + 5)
