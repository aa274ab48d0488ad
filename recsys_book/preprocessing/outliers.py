"""Outliers: three ways to measure "far from the rest", what they cannot see, and business rules."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from recsys_book.preprocessing.cleaning import Report, remove_rows, require_columns

METHODS = ("z", "mad", "iqr", "quantile")
ACTIONS = ("drop", "winsorise", "blank", "flag")
_DEFAULTS = {"z": 3.0, "mad": 3.5, "iqr": 1.5, "quantile": 0.01}
# The third quartile of the standard normal: the median of |Z|. It makes MAD an estimate of sigma.
NORMAL_QUARTILE = 0.6744897501960817
# sqrt(pi / 2): the standard deviation of a normal over its mean absolute deviation.
_NORMAL_MEAN_DEVIATION = 1.2533141373155001


def z_scores(values: np.ndarray) -> np.ndarray:
    """Distance from the mean in sample standard deviations; 0 everywhere for a constant column.

    Args:
        values: (n,) numbers, n at least 2.

    Returns:
        (n,) z-scores, with n - 1 in the variance.
    """
    x = np.asarray(values, dtype=float)
    x = x - x[0]  # exact where values are close, so that the mean's rounding does not show
    spread = _sample_sd(x)
    return (x - x.mean()) / spread if spread > 0 else np.zeros_like(x)


def z_score_bound(n: int) -> float:
    """Greatest z-score that any value among n can have.

    Equation: eq-z-bound

    Args:
        n: Number of values, at least 2.

    Returns:
        (n - 1) / sqrt(n).

    Source: Shiffler 1988, "Maximum Z Scores and Outliers".
    """
    return (n - 1) / np.sqrt(n)


def modified_z_scores(values: np.ndarray) -> np.ndarray:
    """Distance from the median in robust standard deviations.

    Equation: eq-modified-z

    When more than half of the values are equal the median deviation is 0 and says nothing; then
    the mean absolute deviation takes its place, and a constant column scores 0 everywhere.

    Args:
        values: (n,) numbers.

    Returns:
        (n,) modified z-scores.

    Source: Iglewicz and Hoaglin 1993, "How to Detect and Handle Outliers".
    """
    x = np.asarray(values, dtype=float)
    center, spread = _median_and_spread(x)
    return (x - center) / spread if spread > 0 else np.zeros_like(x)


def _sample_sd(x: np.ndarray) -> float:
    # Rounding makes the deviation of a constant column of 0.1s not quite 0: ask for it directly.
    return float(x.std(ddof=1)) if len(x) > 1 and np.ptp(x) > 0 else 0.0


def _median_and_spread(x: np.ndarray) -> tuple[float, float]:
    center = float(np.median(x))
    deviation = np.abs(x - center)
    mad = float(np.median(deviation))
    if mad > 0:
        return center, mad / NORMAL_QUARTILE
    return center, _NORMAL_MEAN_DEVIATION * float(deviation.mean())


class OutlierRule:
    """Limits learned from training values, applied to any rows.

    ============  ==================================================  =========
    method        limits                                              threshold
    ============  ==================================================  =========
    ``z``         mean ± threshold × sample standard deviation        3
    ``mad``       median ± threshold × robust standard deviation      3.5
    ``iqr``       quartiles ∓ threshold × interquartile range         1.5
    ``quantile``  the threshold and 1 - threshold quantiles           0.01
    ============  ==================================================  =========

    Because the limits are fixed after ``fit``, applying the rule twice equals applying it once.
    A column without spread gives no limits: such a rule cannot say what is unusual. Missing values
    are never outliers.

    Args:
        column: Column to judge.
        method: One of ``METHODS``.
        threshold: Width of the limits; the default of the method if None.
        action: ``"drop"`` removes the rows, ``"winsorise"`` moves the values to the nearer limit,
            ``"blank"`` makes the values missing and keeps the rows, ``"flag"`` adds a boolean
            column ``<column>_outlier``.

    Raises:
        ValueError: On an unknown method or action, or a threshold that makes no sense.
    """

    def __init__(
        self,
        column: str,
        method: str = "mad",
        threshold: float | None = None,
        action: str = "drop",
    ):
        if method not in METHODS:
            raise ValueError(f"Unknown method {method!r}; choose one of {', '.join(METHODS)}.")
        if action not in ACTIONS:
            raise ValueError(f"Unknown action {action!r}; choose one of {', '.join(ACTIONS)}.")
        threshold = _DEFAULTS[method] if threshold is None else threshold
        if not threshold > 0 or (method == "quantile" and threshold >= 0.5):
            raise ValueError(
                f"Threshold {threshold} makes no limits for method '{method}'; "
                "pass a positive number (below 0.5 for quantiles)."
            )
        self.column, self.method, self.threshold, self.action = column, method, threshold, action

    def fit(self, train: pd.DataFrame) -> OutlierRule:
        """Learn the limits ``low_`` and ``high_`` from the training rows.

        Args:
            train: Training rows.

        Returns:
            The rule.

        Raises:
            ValueError: If the column is missing or empty, or the rows are so few that the z-score
                rule could never fire (see ``z_score_bound``).
        """
        require_columns(train, [self.column])
        x = train[self.column].dropna().to_numpy(dtype=float)
        n = len(x)
        if n == 0:
            raise ValueError(f"Column '{self.column}' has no observed value to learn limits from.")
        if self.method == "z" and n >= 2 and z_score_bound(n) <= self.threshold:
            raise ValueError(
                f"No z-score of {n} values can exceed {z_score_bound(n):.2f}, so the threshold "
                f"{self.threshold:g} on column '{self.column}' could never be passed; "
                "use method 'mad' or 'iqr'."
            )
        self.low_, self.high_ = self._limits(x)
        return self

    def _limits(self, x):
        if self.method == "quantile":
            low, high = np.quantile(x, [self.threshold, 1 - self.threshold])
            return float(low), float(high)
        if self.method == "iqr":
            q1, q3 = np.quantile(x, [0.25, 0.75])
            low, high, spread = q1, q3, q3 - q1
        elif self.method == "mad":
            low, spread = _median_and_spread(x)
            high = low
        else:
            low = high = x.mean()
            spread = _sample_sd(x)
        if not spread > 0:
            return -np.inf, np.inf
        return float(low - self.threshold * spread), float(high + self.threshold * spread)

    def transform(self, log: pd.DataFrame) -> tuple[pd.DataFrame, Report]:
        """Apply the limits.

        Args:
            log: Event log.

        Returns:
            The treated log, and the report.

        Raises:
            ValueError: If the rule is not fitted or the column is missing.
        """
        if not hasattr(self, "low_"):
            raise ValueError("The rule has no limits yet; call fit(train) first.")
        require_columns(log, [self.column])
        x = log[self.column]
        below, above = (x < self.low_).to_numpy(bool), (x > self.high_).to_numpy(bool)
        step = f"outliers in {self.column} ({self.method}, {self.action})"
        under, over = f"below {self.low_:.4g}", f"above {self.high_:.4g}"
        if self.action == "drop":
            return remove_rows(log, below | above, step, np.where(below, under, over))
        reasons = {under: int(below.sum()), over: int(above.sum())}
        if self.action == "flag":
            name = f"{self.column}_outlier"
            out = log.assign(**{name: below | above})
            same = name in log.columns and out[name].equals(log[name])
            changed = () if same else tuple(log.index[below | above])
        else:
            inside = x.clip(self.low_, self.high_)
            treated = inside if self.action == "winsorise" else x.mask(below | above)
            out = log.assign(**{self.column: treated})
            changed = tuple(log.index[below | above])
        return out, Report(step, len(log), len(log), (), reasons, changed)

    __call__ = transform


def business_rule(
    log: pd.DataFrame, name: str, keep: Callable[[pd.DataFrame], pd.Series]
) -> tuple[pd.DataFrame, Report]:
    """Keep the rows for which a stated rule holds.

    Args:
        log: Event log, n rows.
        name: What a removed row violates, for the report ("rating outside 1 to 5").
        keep: Function from the log to (n,) booleans; a missing answer counts as no.

    Returns:
        The remaining rows, and the report.
    """
    require_columns(log, [])
    ok = pd.Series(keep(log), index=log.index).astype("boolean").fillna(False).to_numpy(bool)
    return remove_rows(log, ~ok, "business rule", name)
