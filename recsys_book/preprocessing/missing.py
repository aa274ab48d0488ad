"""Missing values: fill features with what the training rows know, and never fill a label.

The second half is about labels that are missing *because of* their value, and the weights that
undo it: the inverse propensity estimators.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from recsys_book.preprocessing.cleaning import Report, remove_rows, require_columns

STRATEGIES = ("mean", "median", "mode", "constant")
_SKLEARN = {"mode": "most_frequent"}


def drop_missing(log: pd.DataFrame, columns: Sequence[str]) -> tuple[pd.DataFrame, Report]:
    """Remove the rows in which any of the columns is missing.

    This is the only treatment for a missing id or a missing label.

    Args:
        log: Event log, n rows.
        columns: Columns that must be present.

    Returns:
        The complete rows, and the report with a count for the first missing column of each row.
    """
    require_columns(log, columns)
    holes = log[list(columns)].isna().to_numpy()
    bad = holes.any(axis=1) if len(columns) else np.zeros(len(log), dtype=bool)
    names = np.array([f"no {c}" for c in columns] or [""], dtype=object)
    first = holes.argmax(axis=1) if len(columns) else np.zeros(len(log), dtype=int)
    return remove_rows(log, bad, "missing values", names[first])


class MissingValueFiller:
    """Fill missing feature values with a statistic of the training rows.

    Equation: eq-fill

    ``fit`` learns one fill value a column (and one a group, where ``group`` is given) from the
    training rows only; ``transform`` applies them to any rows. Without groups the work is done by
    scikit-learn's ``SimpleImputer``. A group without a single observed value, or never seen in
    training, gets the column's overall fill value.

    Args:
        columns: Feature columns to fill.
        strategy: ``"mean"``, ``"median"``, ``"mode"`` or ``"constant"``.
        fill_value: The value for ``"constant"``.
        group: Column whose groups get their own fill values.
        indicator: Add a column ``<name>_missing`` with 1.0 where a value was filled.
        targets: Columns that must never be filled.

    Raises:
        ValueError: On an unknown strategy, a target among the columns, or a constant without value.
    """

    def __init__(
        self,
        columns: Sequence[str],
        strategy: str = "median",
        *,
        fill_value: object = None,
        group: str | None = None,
        indicator: bool = False,
        targets: Sequence[str] = ("value", "rating"),
    ):
        if strategy not in STRATEGIES:
            raise ValueError(
                f"Unknown strategy {strategy!r}; choose one of {', '.join(STRATEGIES)}."
            )
        if strategy == "constant" and fill_value is None:
            raise ValueError("Strategy 'constant' has nothing to fill with; pass fill_value.")
        forbidden = [c for c in columns if c in targets]
        if forbidden:
            raise ValueError(
                f"Column '{forbidden[0]}' is a target, and a filled target is an invented label; "
                "drop those rows with drop_missing, or weight the observed ones."
            )
        self.columns, self.strategy, self.fill_value = list(columns), strategy, fill_value
        self.group, self.indicator = group, indicator
        self.targets = tuple(targets)

    def fit(self, train: pd.DataFrame) -> MissingValueFiller:
        """Learn the fill values.

        Args:
            train: Training rows; nothing else may influence a fill value.

        Returns:
            The filler, with ``imputers_`` (one a column) and ``group_fill_`` (a frame or None).

        Raises:
            ValueError: If a column is missing, has no observed value, or is not a number where a
                mean or a median is asked for.
        """
        require_columns(train, self.columns + ([self.group] if self.group else []))
        for column in self.columns:
            if self.strategy in ("mean", "median") and not _is_number(train[column]):
                raise ValueError(
                    f"Column '{column}' is {train[column].dtype}, which has no {self.strategy}; "
                    "use strategy 'mode' or 'constant'."
                )
            if self.strategy != "constant" and train[column].notna().sum() == 0:
                raise ValueError(
                    f"Column '{column}' has no observed value in the training rows; "
                    "drop the column or use strategy 'constant'."
                )
        from sklearn.impute import SimpleImputer  # here: it takes a second that few chapters need

        kind = _SKLEARN.get(self.strategy, self.strategy)
        self.imputers_ = {
            c: SimpleImputer(strategy=kind, fill_value=self.fill_value).fit(_column(train, c))
            for c in self.columns
        }
        self.group_fill_ = self._fit_groups(train)
        return self

    def _fit_groups(self, train):
        if self.group is None or self.strategy == "constant":
            return None
        groups = train.groupby(self.group)[self.columns]
        if self.strategy == "mode":
            return groups.agg(lambda x: x.mode().iloc[0] if x.notna().any() else np.nan)
        return groups.agg(self.strategy)

    def transform(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, Report]:
        """Fill the holes of a frame with the learned values.

        Args:
            frame: Rows of any part of the data, with the columns of the training rows.

        Returns:
            A filled copy, and the report with the number of cells filled in each column.

        Raises:
            ValueError: If the filler is not fitted or a column is missing.
        """
        if not hasattr(self, "imputers_"):
            raise ValueError("The filler knows no fill values yet; call fit(train) first.")
        require_columns(frame, self.columns + ([self.group] if self.group else []))
        out, reasons = frame.copy(), {}
        holes = frame[self.columns].isna()
        for column in self.columns:
            if self.indicator:
                before = frame.get(f"{column}_missing", 0.0)
                out[f"{column}_missing"] = np.maximum(holes[column].astype(float), before)
            if holes[column].any():
                out[column] = self._filled(frame, column)
                reasons[f"filled {column}"] = int(holes[column].sum())
        changed = tuple(frame.index[holes.any(axis=1)])
        name = f"fill ({self.strategy}{', by ' + self.group if self.group else ''})"
        return out, Report(name, len(frame), len(frame), (), reasons, changed)

    __call__ = transform

    def _filled(self, frame, column):
        series = frame[column]
        if self.group_fill_ is not None:
            series = series.fillna(frame[self.group].map(self.group_fill_[column]))
        filled = self.imputers_[column].transform(_column(series.to_frame(), column))
        return pd.Series(filled[:, 0], index=frame.index).astype(frame[column].dtype)


def _is_number(series: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)


def _column(frame: pd.DataFrame, column: str) -> np.ndarray:
    """Return one column as the (n, 1) array that scikit-learn takes, with NaN for every hole."""
    if _is_number(frame[column]):
        return frame[[column]].astype(float).to_numpy()
    values = frame[[column]].astype(object)
    return values.where(values.notna(), np.nan).to_numpy(dtype=object)


def filled_variance(values: np.ndarray) -> float:
    """Variance of a column after its holes are filled with the observed mean.

    Equation: eq-filled-variance

    Args:
        values: (n,) numbers with NaN for holes; at least one number.

    Returns:
        The population variance of the filled column, without filling it.
    """
    values = np.asarray(values, dtype=float)
    observed = ~np.isnan(values)
    return float(observed.mean() * np.var(values[observed]))


def expected_observed_mean(values: np.ndarray, propensity: np.ndarray) -> float:
    """Value around which the mean of the observed entries settles.

    Equation: eq-observed-mean

    Args:
        values: (n,) true values of all entries.
        propensity: (n,) probability in (0, 1] that each entry is observed.

    Returns:
        The true mean plus the covariance of propensity and value over the mean propensity.
    """
    r, p = np.asarray(values, dtype=float), _propensities(propensity)
    covariance = np.mean(p * r) - p.mean() * r.mean()
    return float(r.mean() + covariance / p.mean())


def ips_mean(values: np.ndarray, propensity: np.ndarray, n_entries: int) -> float:
    """Mean over all entries, estimated from the observed ones by inverse propensity weights.

    Equation: eq-ips

    Args:
        values: (m,) observed values.
        propensity: (m,) probability in (0, 1] with which each of them was observed.
        n_entries: Number of all entries, observed or not.

    Returns:
        The estimate; unbiased when the propensities are right.

    Raises:
        ValueError: If a propensity is outside (0, 1].

    Source: Schnabel et al. 2016, "Recommendations as Treatments".
    """
    return float(np.sum(np.asarray(values, dtype=float) / _propensities(propensity)) / n_entries)


def snips_mean(values: np.ndarray, propensity: np.ndarray) -> float:
    """Mean over all entries by weights that are divided by their own sum.

    Equation: eq-snips

    Args:
        values: (m,) observed values.
        propensity: (m,) probability in (0, 1], up to a common factor, of observing each.

    Returns:
        The self-normalised estimate: a weighted mean, so never outside the range of the values.

    Source: Swaminathan and Joachims 2015, "The Self-Normalized Estimator".
    """
    return float(np.average(np.asarray(values, dtype=float), weights=1 / _propensities(propensity)))


def _propensities(propensity: np.ndarray) -> np.ndarray:
    p = np.asarray(propensity, dtype=float)
    bad = ~((p > 0) & (p <= 1))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"Propensity {p.ravel()[row]} in row {row} is not a probability in (0, 1]; "
            "an entry that can never be observed cannot be weighted back in."
        )
    return p
