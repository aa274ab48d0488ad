"""Ridge regression that stays exact while events arrive."""

from __future__ import annotations

from collections import deque
from typing import Self

import numpy as np

from recsys_book.meta_learning.drift.detection import check_value


class OnlineRidge:
    r"""Ridge regression that is exact after every event, by one rank-one update.

    Without forgetting, the weights equal the ridge solution on all events so far. With a
    ``forgetting`` factor below 1, an event of age :math:`a` counts as that factor to the power of
    :math:`a`, and so does the prior: a regression with a long memory must be fed in all directions,
    or its gain grows without bound.

    Equation: eq-fold-in-rank-one

    Source: Sherman and Morrison (1950), Annals of Mathematical Statistics 21.

    Args:
        n_features: Length of a row.
        l2: Penalty of the squared distance from the prior mean; the prior's precision over the
            noise's. A matrix (n_features, n_features) gives a precision matrix.
        forgetting: Factor by which old events lose weight with each new one, above 0, at most 1.
        prior_mean: Weights before any event, shape (n_features,); ``None`` for zeros.

    Attributes:
        weights: Present weights, shape (n_features,).
        inverse: Inverse of the Gram matrix plus penalty, shape (n_features, n_features).

    Raises:
        ValueError: If a setting is out of range, or a row has the wrong length or NaN.
    """

    def __init__(
        self,
        n_features: int,
        l2: float | np.ndarray = 1.0,
        forgetting: float = 1.0,
        prior_mean: np.ndarray | None = None,
    ):
        if not 0 < forgetting <= 1:
            raise ValueError(f"forgetting is {forgetting}; use a factor above 0 and at most 1.")
        precision = np.asarray(l2, dtype=np.float64)
        if precision.ndim == 0:
            precision = precision * np.eye(n_features)
        if precision.shape != (n_features, n_features) or not (np.diag(precision) > 0).all():
            raise ValueError(f"l2 is {l2}; use a penalty above 0, or a precision matrix.")
        self.n_features = n_features
        self.l2 = l2
        self.forgetting = forgetting
        self.inverse = np.linalg.inv(precision)
        start = np.zeros(n_features) if prior_mean is None else np.asarray(prior_mean, float)
        self.weights = start.copy()
        self.n_events = 0

    def predict(self, x: np.ndarray) -> float:
        """Predict the target of one row, shape (n_features,)."""
        return float(self._row(x) @ self.weights)

    def partial_fit(self, x: np.ndarray, y: float) -> Self:
        """Learn from one event.

        Args:
            x: Features, shape (n_features,).
            y: Target.

        Returns:
            The model.

        Raises:
            ValueError: If the row has the wrong length, or a number is missing.
        """
        x = self._row(x)
        y = check_value(y, self.n_events, "OnlineRidge")
        direction = self.inverse @ x
        scale = self.forgetting + x @ direction
        self.weights = self.weights + direction / scale * (y - x @ self.weights)
        # The outer product of one vector with itself stays symmetric to the last digit. Written
        # with the gain it would not, and forgetting would blow the asymmetry up event by event.
        step = direction / np.sqrt(scale)
        self.inverse = (self.inverse - np.outer(step, step)) / self.forgetting
        self.n_events += 1
        return self

    def _row(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x, dtype=np.float64)
        if x.shape != (self.n_features,) or not np.isfinite(x).all():
            raise ValueError(
                f"OnlineRidge got a row of shape {x.shape} at event {self.n_events}; give"
                f" {self.n_features} finite numbers."
            )
        return x


class WindowRidge:
    r"""Ridge regression on the latest events: each new one is added, and the oldest taken out.

    Source: for the learned prior, Robbins (1956), "An Empirical Bayes Approach to Statistics".

    Args:
        n_features: Length of a row.
        window: Latest events that count, at least 1.
        l2: Penalty of the squared distance from the prior mean, or a precision matrix; the prior's
            precision over the noise's.
        prior_mean: Weights without events, shape (n_features,); ``None`` for zeros.

    Attributes:
        weights: Present weights, shape (n_features,).

    Raises:
        ValueError: If the window is below 1, or a row has the wrong length or NaN.
    """

    def __init__(
        self,
        n_features: int,
        window: int,
        l2: float | np.ndarray = 1.0,
        prior_mean: np.ndarray | None = None,
    ):
        if window < 1:
            raise ValueError(f"window is {window}; keep at least one event.")
        self._prior = OnlineRidge(n_features, l2, prior_mean=prior_mean)
        self.window = window
        self._gram = np.linalg.inv(self._prior.inverse)
        self._target = self._gram @ self._prior.weights
        self._events: deque[tuple[np.ndarray, float]] = deque()

    @property
    def weights(self) -> np.ndarray:
        """Present weights, shape (n_features,)."""
        return np.linalg.solve(self._gram, self._target)

    def predict(self, x: np.ndarray) -> float:
        """Predict the target of one row, shape (n_features,)."""
        return float(self._prior._row(x) @ self.weights)

    def partial_fit(self, x: np.ndarray, y: float) -> Self:
        """Add one event, and take the oldest out if there are more than the window holds."""
        x, y = self._prior._row(x), check_value(y, self._prior.n_events, "WindowRidge")
        self._prior.n_events += 1
        self._events.append((x, y))
        self._gram += np.outer(x, x)
        self._target += y * x
        if len(self._events) > self.window:
            x, y = self._events.popleft()
            self._gram -= np.outer(x, x)
            self._target -= y * x
        return self
