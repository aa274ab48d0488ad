"""Ridge regression that stays exact while events arrive."""

from __future__ import annotations

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
        gain = direction / (self.forgetting + x @ direction)
        self.weights = self.weights + gain * (y - x @ self.weights)
        self.inverse = (self.inverse - np.outer(gain, direction)) / self.forgetting
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
