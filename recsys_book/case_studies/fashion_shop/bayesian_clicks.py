"""Logistic regression that knows how sure it is of each weight: the learner of the simulated shop.

Source: Chapelle & Li (2011), "An Empirical Evaluation of Thompson Sampling", NIPS, Algorithm 3.
"""

from __future__ import annotations

import numpy as np

from recsys_book.case_studies.fashion_shop.simulated_shop import PLACES, SimulatedShop

#: Steps towards the mode in one update.
_STEPS = 8


class BayesianClicks:
    """A normal belief about every weight, narrowed by every batch of clicks.

    A row has one weight for its place, one for its item and one for its visitor's type with the
    item's style. ``update`` moves the means to the mode of the posterior and adds the curvature of
    the loss to the precisions; the rate of a weight is one over its precision, so that it falls as
    the weight is seen.

    Args:
        shop: Gives the numbers of items, types and styles, and the items' styles. Nothing else of
            it is read.
        precision: Of every weight's belief before any click.
        prior_rate: Click rate believed before any click.
        forget: What precisions are multiplied by before each update, in (0, 1]; below 1 the
            learner goes on moving.

    Attributes:
        mean_: (n_weights,) means.
        precision_: (n_weights,) precisions.

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(
        self,
        shop: SimulatedShop,
        precision: float = 4.0,
        prior_rate: float = 0.01,
        forget: float = 1.0,
    ):
        if precision <= 0 or not 0 < prior_rate < 1 or not 0 < forget <= 1:
            raise ValueError(
                f"precision is {precision}, prior_rate {prior_rate} and forget {forget}; use a"
                " precision above 0, a rate between 0 and 1 and a factor above 0, at most 1."
            )
        self.style, self.forget = shop.style, forget
        self._first_item = len(PLACES)
        self._first_taste = self._first_item + shop.n_items
        self._n_styles = shop.n_styles
        n = self._first_taste + shop.n_types * shop.n_styles
        self.mean_, self.precision_ = np.zeros(n), np.full(n, float(precision))
        self.mean_[: len(PLACES)] = np.log(prior_rate / (1 - prior_rate))

    def adopt(self, other: BayesianClicks, trust: float = 0.5) -> BayesianClicks:
        """Start from what another campaign taught about places and tastes, and not about items.

        Args:
            other: A learner of the same types and styles.
            trust: What its precisions are multiplied by: tastes there are only similar.

        Returns:
            The learner itself.
        """
        shared = np.r_[: self._first_item, self._first_taste : len(self.mean_)]
        theirs = np.r_[: other._first_item, other._first_taste : len(other.mean_)]
        self.mean_[shared] = other.mean_[theirs]
        self.precision_[shared] = np.maximum(
            self.precision_[shared], trust * other.precision_[theirs]
        )
        return self

    def columns(self, types: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return the weights of the shown items, shape (n, places, 3) for items (n, places)."""
        places = np.broadcast_to(np.arange(items.shape[1]), items.shape)
        taste = self._first_taste + types[:, None] * self._n_styles + self.style[items]
        return np.stack([places, self._first_item + items, taste], axis=-1)

    def scores(self, types: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the log-odds of a click on each item, shape (n, K), up to the place's effect.

        Args:
            types: Types of the visitors, shape (n,).
            rng: Draws each score from the belief about it (Thompson sampling); ``None`` gives the
                mean.
        """
        k = len(self.style)
        item = self._first_item + np.arange(k)
        taste = self._first_taste + types[:, None] * self._n_styles + self.style
        scores = self.mean_[item] + self.mean_[taste]
        if rng is not None:
            spread = np.sqrt(1 / self.precision_[item] + 1 / self.precision_[taste])
            scores = scores + spread * rng.normal(size=scores.shape)
        return scores

    def update(self, types: np.ndarray, items: np.ndarray, clicks: np.ndarray) -> None:
        """Learn from a batch of pages.

        Args:
            types: Types of the visitors, shape (n,).
            items: Items shown, shape (n, places).
            clicks: 0 or 1, the same shape.
        """
        columns = self.columns(types, items).reshape(-1, 3)
        y, flat, size = clicks.ravel().astype(float), columns.ravel(), len(self.mean_)
        prior, precision = self.mean_, self.forget * self.precision_

        def loss(w: np.ndarray) -> float:
            logits = w[columns].sum(axis=1)
            pull = (precision * (w - prior) ** 2).sum() / 2
            return float((np.logaddexp(0.0, logits) - y * logits).sum() + pull)

        w, now = prior, loss(prior)
        for _ in range(_STEPS):
            p = _sigmoid(w[columns].sum(axis=1))
            gradient = np.bincount(flat, np.repeat(p - y, 3), size) + precision * (w - prior)
            curvature = np.bincount(flat, np.repeat(p * (1 - p), 3), size)
            step = gradient / (precision + 3 * curvature)  # three weights share a row
            while (ahead := loss(w - step)) > now and np.abs(step).max() > 1e-9:
                step = step / 2
            w, now = w - step, min(ahead, now)
        p = _sigmoid(w[columns].sum(axis=1))
        self.mean_ = w
        self.precision_ = precision + np.bincount(flat, np.repeat(p * (1 - p), 3), size)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))
