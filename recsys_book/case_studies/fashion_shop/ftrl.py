"""Logistic regression one click at a time, with a rate of its own for every weight.

Source: McMahan et al. (2013), "Ad Click Prediction: a View from the Trenches", KDD, Algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recsys_book.case_studies.fashion_shop.impressions import Impressions


def ftrl_weights(
    z: np.ndarray, n: np.ndarray, alpha: float, beta: float, l1: float, l2: float
) -> np.ndarray:
    r"""Return the weights that FTRL-Proximal's two running sums stand for.

    They minimise the sum of the linearised losses so far, the penalties, and a pull towards every
    earlier weight. The minimum has a closed form, one weight at a time, and is exactly 0 where
    :math:`|z|\leq\lambda_1`.

    Equation: eq-ftrl-proximal

    Source: McMahan et al. (2013), equation 3.

    Args:
        z: Adjusted sums of the gradients, any shape.
        n: Sums of the squared gradients, the same shape.
        alpha: The rate of a weight that has just been met, times ``beta``.
        beta: Keeps the first rate finite; in the gradient's unit.
        l1: Penalty that sets weights to zero.
        l2: Penalty that shrinks them.

    Returns:
        Weights, the same shape.
    """
    shrunk = np.sign(z) * np.maximum(np.abs(z) - l1, 0.0)
    return -shrunk / ((beta + np.sqrt(n)) / alpha + l2)


class FTRLProximal:
    """Logistic regression by FTRL-Proximal on fields, read once and in order of time.

    Equation: eq-ftrl-proximal

    Args:
        alpha: Rate; a weight's own rate is ``alpha / (beta + sqrt(n))``.
        beta: See ``ftrl_weights``.
        l1: See ``ftrl_weights``.
        l2: See ``ftrl_weights``.
        prior_rate: Click rate that is predicted before anything is learned.
        epochs: How often ``fit`` reads the rows.

    Attributes:
        z_: Adjusted sums of the gradients, shape (n_columns,).
        n_: Sums of the squared gradients, shape (n_columns,).

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(
        self,
        alpha: float = 0.05,
        beta: float = 1.0,
        l1: float = 0.0,
        l2: float = 1.0,
        prior_rate: float = 0.005,
        epochs: int = 1,
    ):
        if alpha <= 0 or beta < 0 or l1 < 0 or l2 < 0 or epochs < 1:
            raise ValueError(
                f"FTRL got alpha {alpha}, beta {beta}, l1 {l1}, l2 {l2} and epochs {epochs}; use an"
                " alpha above 0, at least one epoch and nothing negative."
            )
        if not 0 < prior_rate < 1:
            raise ValueError(f"prior_rate is {prior_rate}; use a click rate between 0 and 1.")
        self.alpha, self.beta, self.l1, self.l2 = alpha, beta, l1, l2
        self.prior_rate, self.epochs = prior_rate, epochs

    @property
    def weights_(self) -> np.ndarray:
        """Weights, shape (n_columns,)."""
        return ftrl_weights(self.z_, self.n_, self.alpha, self.beta, self.l1, self.l2)

    def fit(self, rows: Impressions) -> FTRLProximal:
        """Forget everything and learn from rows.

        Args:
            rows: Impressions, earliest first.

        Returns:
            The model.
        """
        self.z_, self.n_ = np.zeros(rows.n_columns), np.zeros(rows.n_columns)
        for _ in range(self.epochs):
            self.partial_fit(rows)
        return self

    def partial_fit(self, rows: Impressions) -> np.ndarray:
        """Predict each row, and learn from it before the next one.

        Args:
            rows: Impressions, earliest first.

        Returns:
            The click rates predicted before each row was learned, shape (n,).
        """
        from recsys_book.case_studies.fashion_shop.ftrl_kernel import ftrl_pass

        if not hasattr(self, "z_"):
            self.z_, self.n_ = np.zeros(rows.n_columns), np.zeros(rows.n_columns)
        settings = (self.alpha, self.beta, self.l1, self.l2, self._offset)
        return ftrl_pass(rows.columns, rows.click, self.z_, self.n_, settings)

    def adopt(
        self, other: FTRLProximal, theirs: Impressions, rows: Impressions, fields: Sequence[str]
    ) -> FTRLProximal:
        """Start from what another campaign's model learned of the fields that both share.

        Args:
            other: A fitted model.
            theirs: Impressions of the campaign that it was fitted on.
            rows: Impressions of this campaign, for the numbers of their columns.
            fields: Names of the fields to take over.

        Returns:
            The model itself, with nothing learned but that.

        Raises:
            ValueError: If a field is unknown, or has another number of levels there.
        """
        self.z_, self.n_ = np.zeros(rows.n_columns), np.zeros(rows.n_columns)
        for name in fields:
            if theirs.width(name) != rows.width(name):
                raise ValueError(
                    f"The field {name!r} has {theirs.width(name)} levels there and"
                    f" {rows.width(name)} here; encode both campaigns with the same levels."
                )
            start, end = _span(rows, name)
            for mine, given in ((self.z_, other.z_), (self.n_, other.n_)):
                mine[start:end] = given[slice(*_span(theirs, name))]
        return self

    def predict(self, rows: Impressions) -> np.ndarray:
        """Return click rates, shape (n,)."""
        logits = self._offset + self.weights_[rows.columns].sum(axis=1)
        return 1 / (1 + np.exp(-logits))

    @property
    def _offset(self) -> float:
        return float(np.log(self.prior_rate / (1 - self.prior_rate)))


def _span(rows: Impressions, name: str) -> tuple[int, int]:
    at = rows.names.index(name)
    return int(rows.offsets[at]), int(rows.offsets[at + 1])
