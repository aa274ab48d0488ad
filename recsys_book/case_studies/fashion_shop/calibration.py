"""True click rates: undoing a sampled training set, and Platt's two numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.case_studies.fashion_shop.click_models import ClickModel
from recsys_book.case_studies.fashion_shop.impressions import Impressions

_EDGE = 1e-9


def undo_sampling(rates: np.ndarray, kept: float) -> np.ndarray:
    r"""Return click rates as they were before rows without a click were thinned out.

    Keeping a share :math:`\kappa` of the rows without a click divides their number by
    :math:`1/\kappa` and so multiplies the odds of a click by it; this divides them again.

    Equation: eq-sampling-odds

    Source: He et al. (2014), "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD,
    §6.3.

    Args:
        rates: Click rates predicted by a model of the thinned rows, any shape.
        kept: Share of the rows without a click that the model saw, in (0, 1].

    Returns:
        Click rates, the same shape.

    Raises:
        ValueError: If a rate is no probability or the share is not in (0, 1].
    """
    rates = np.asarray(rates, dtype=np.float64)
    if not 0 < kept <= 1:
        raise ValueError(f"kept is {kept}; give the share of rows that stayed, above 0, at most 1.")
    if not ((rates >= 0) & (rates <= 1)).all():
        raise ValueError("A click rate is outside 0 to 1; pass probabilities, not scores.")
    return rates * kept / (rates * kept + 1 - rates)


def thin_out(rows: Impressions, kept: float, seed: int = 0) -> Impressions:
    """Keep all clicks and a random share of the other rows, in their order.

    Args:
        rows: Impressions.
        kept: Share of the rows without a click that stays.
        seed: Of the choice.

    Returns:
        The thinned rows.
    """
    drawn = np.random.default_rng(seed).random(len(rows)) < kept
    return rows.take((rows.click > 0) | drawn)


def fit_platt(
    clicks: np.ndarray, rates: np.ndarray, ridge: float = 1.0, steps: int = 50
) -> tuple[float, float]:
    """Fit the line that makes log-odds true: a + b logit(rate), by Newton's method.

    Source: Platt (1999), "Probabilistic Outputs for Support Vector Machines".

    Args:
        clicks: 0 or 1, shape (n,).
        rates: Click rates to correct, shape (n,).
        ridge: Penalty of the squared slope; with few clicks it keeps the slope small.
        steps: Most Newton steps.

    Returns:
        Intercept a, and slope b around the mean log-odds.
    """
    x = _logit(rates)
    x = np.column_stack([np.ones(len(x)), x - x.mean()])
    share = (np.sum(clicks) + 0.5) / (len(clicks) + 1)
    line, penalty = np.array([np.log(share / (1 - share)), 0.0]), np.diag([0.0, ridge])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-(x @ line)))
        gradient = x.T @ (p - clicks) + penalty @ line
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + penalty, gradient)
        line = line - step
        if np.abs(step).max() < 1e-10:
            break
    return float(line[0] - line[1] * _logit(rates).mean()), float(line[1])


class PlattCalibrated:
    """A click model whose rates are corrected on rows that it has not seen.

    Every second row trains the model, the others the correction.

    Args:
        new: Returns a new click model.
        ridge: See ``fit_platt``.

    Attributes:
        model_: The model.
        line_: Intercept and slope of the correction.
    """

    def __init__(self, new: Callable[[], ClickModel], ridge: float = 1.0):
        self.new, self.ridge = new, ridge

    def fit(self, rows: Impressions) -> PlattCalibrated:
        """Learn the model and its correction."""
        odd = np.arange(len(rows)) % 2 == 1
        self.model_ = self.new().fit(rows.take(~odd))
        held = rows.take(odd)
        self.line_ = fit_platt(held.click, self.model_.predict(held), self.ridge)
        return self

    def predict(self, rows: Impressions) -> np.ndarray:
        """Return corrected click rates, shape (n,)."""
        a, b = self.line_
        return 1 / (1 + np.exp(-(a + b * _logit(self.model_.predict(rows)))))


def _logit(rates: np.ndarray) -> np.ndarray:
    p = np.clip(np.asarray(rates, dtype=np.float64), _EDGE, 1 - _EDGE)
    return np.log(p) - np.log1p(-p)
