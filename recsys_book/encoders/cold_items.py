"""Items without a history: rank them by what their text says, and nothing else."""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np

from recsys_book.data import Interactions
from recsys_book.encoders.geometry import checked_vectors


class Scorer(Protocol):
    """Anything that scores all items for some users."""

    def score(self, users: np.ndarray) -> np.ndarray:
        """Return scores, shape ``(len(users), n_items)``."""
        ...


class AmongCold:
    """A model that lists only the items that nobody had touched in training.

    With the other items in the race a new one hardly ever comes to the top, and the metric would
    measure how a model mixes the two kinds. Here the question is narrower: which of the new items
    is for whom?

    Args:
        model: A model that scores all items.
        train: The training log; items with an event in it are never listed.
    """

    def __init__(self, model: Scorer, train: Interactions) -> None:
        self.model = model
        self.warm = np.bincount(train.item, minlength=train.n_items) > 0
        if self.warm.all():
            raise ValueError(
                "Every item has an event in the training log, so no item is cold: pass the "
                "training side of a cold_item_split."
            )

    def score(self, users: np.ndarray) -> np.ndarray:
        """Score users for the cold items; the others get minus infinity.

        Args:
            users: Positions of the users, shape ``(n,)``.

        Returns:
            The scores, shape ``(n, n_items)``.
        """
        return np.where(self.warm, -np.inf, self.model.score(users))


def ridge(X: np.ndarray, Y: np.ndarray, l2: float) -> np.ndarray:
    """Return the weights that predict Y from X with the least penalised squared error.

    Equation: eq-linear-probe.

    Args:
        X: Inputs, shape ``(n, width)``.
        Y: Targets, shape ``(n, targets)``.
        l2: Weight of the squared weights, above 0.

    Returns:
        The weights, shape ``(width, targets)``.

    Raises:
        ValueError: If ``l2`` is not above 0.
    """
    if not l2 > 0:
        raise ValueError(f"l2 is {l2}, but the penalty must be above 0 for one solution to exist.")
    gram = X.T @ X
    gram[np.diag_indices_from(gram)] += l2
    return np.linalg.solve(gram, X.T @ Y)


class LinearProbe:
    """What a linear map can read from frozen text vectors: one regression for each user.

    For each user the targets are 1 for the items of the history and 0 for the other warm items.
    All users share the inputs, so one linear system with many right-hand sides is solved. Inputs
    and targets are centred, which leaves each user's level out of the penalty.

    Equation: eq-linear-probe.

    Args:
        vectors: One vector an item, cold ones included, shape ``(n_items, width)``.
        l2: Strength of the penalty, above 0.

    Attributes:
        weights_: Shape ``(width, n_users)``.
        center_: Mean vector of the warm items, shape ``(width,)``.
        level_: Mean target of each user, shape ``(n_users,)``.
    """

    def __init__(self, vectors: np.ndarray, l2: float = 1.0) -> None:
        self.vectors, self.l2 = vectors, l2

    def fit(self, train: Interactions) -> Self:
        """Learn from a log.

        Args:
            train: The training log; items without an event in it are left out.

        Returns:
            The probe itself.

        Raises:
            ValueError: If there is not one vector an item, or a vector is not finite.
        """
        vectors = _checked(self.vectors, train.n_items)
        warm = np.bincount(train.item, minlength=train.n_items) > 0
        targets = (train.to_csr(1.0) > 0).astype(np.float64).toarray()[:, warm].T
        self.center_ = vectors[warm].mean(axis=0)
        inputs = vectors[warm] - self.center_
        self.level_ = targets.mean(axis=0)
        self.weights_ = ridge(inputs, targets - self.level_, self.l2)
        return self

    def score(self, users: np.ndarray) -> np.ndarray:
        """Score users for all items, cold ones included.

        Args:
            users: Positions of the users, shape ``(n,)``.

        Returns:
            The scores, shape ``(n, n_items)``.
        """
        vectors = np.asarray(self.vectors, dtype=np.float64) - self.center_
        return (vectors @ self.weights_[:, users] + self.level_[users]).T


def _checked(vectors: Any, n_items: int) -> np.ndarray:
    """Return the vectors as float64; raise if they do not fit the items."""
    vectors = checked_vectors(vectors, "vectors").astype(np.float64)
    if len(vectors) != n_items:
        raise ValueError(
            f"The vectors have shape {vectors.shape}, but there are {n_items} items: give one row "
            "an item, in the vocabulary's order."
        )
    return vectors
