"""Scaling: put quantities on one footing, with numbers taken from the training rows only."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

_ID = re.compile(
    r"(?:^|_)(?:ids?|users?|items?|[ui]id)$|(?<=[a-z])I[Dd]s?$|^(?:ID|User|Item|UID|IID)s?$"
)
KINDS = ("zscore", "minmax", "robust", "log")


class Scaler:
    """Scale the columns of a frame; the statistics come from ``fit`` and nowhere else.

    ``zscore`` subtracts the mean and divides by the standard deviation; ``minmax`` maps the range
    of the training rows to [0, 1]; ``robust`` subtracts the median and divides by the
    interquartile range; ``log`` takes ``log(1 + x)`` of a quantity that cannot be negative.
    A constant column is only shifted. Missing values stay missing.

    Args:
        kind: one of ``zscore``, ``minmax``, ``robust``, ``log``.
    """

    def __init__(self, kind: str = "zscore"):
        self.kind = kind

    def fit(self, frame: pd.DataFrame) -> Scaler:
        """Learn location and scale of each column.

        Args:
            frame: the training rows, numeric columns that are quantities.

        Returns:
            self, with ``columns_``, ``location_`` and ``scale_``.

        Raises:
            ValueError: for an unknown kind, an empty frame, a column that is not numeric, or a
                column that names users or items: identifiers are names, not quantities.
        """
        values = self._check(frame)
        if self.kind == "zscore":
            location, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        elif self.kind == "minmax":
            location = np.nanmin(values, axis=0)
            scale = np.nanmax(values, axis=0) - location
        elif self.kind == "robust":
            low, location, high = np.nanpercentile(values, [25, 50, 75], axis=0)
            scale = high - low
        else:
            location, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
        self.columns_ = list(frame.columns)
        self.location_ = location
        self.scale_ = np.where(scale > 0, scale, 1.0)
        return self

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Scale any rows with the statistics of the training rows.

        Args:
            frame: the columns seen in ``fit``, in any order.

        Returns:
            A frame of floats with the columns of ``fit``, same index.

        Raises:
            ValueError: if a column is missing, or a value is negative with ``log``.
        """
        missing = [c for c in self.columns_ if c not in frame]
        if missing:
            raise ValueError(f"Column {missing[0]!r} was there in fit and is missing now; add it.")
        values = self._check(frame[self.columns_])
        if self.kind == "log":
            values = np.log1p(values)
        scaled = (values - self.location_) / self.scale_
        return pd.DataFrame(scaled, columns=self.columns_, index=frame.index)

    def inverse_transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return scaled rows to the original units.

        Args:
            frame: a result of ``transform``.

        Returns:
            The same rows in the original units.
        """
        values = frame[self.columns_].to_numpy(dtype=float) * self.scale_ + self.location_
        if self.kind == "log":
            values = np.expm1(values)
        return pd.DataFrame(values, columns=self.columns_, index=frame.index)

    def _check(self, frame: pd.DataFrame) -> np.ndarray:
        if self.kind not in KINDS:
            raise ValueError(f"Unknown scaling {self.kind!r}; use one of {', '.join(KINDS)}.")
        if not len(frame) or not len(frame.columns):
            raise ValueError(
                "The frame to scale is empty; give it at least one row and one column."
            )
        for column in frame.columns:
            if _ID.search(str(column)):
                raise ValueError(
                    f"Column {column!r} holds identifiers, which are names and not quantities; "
                    "encode it (one-hot, target encoding or an embedding) instead of scaling it."
                )
            if not pd.api.types.is_numeric_dtype(frame[column]):
                raise ValueError(f"Column {column!r} is not numeric; encode it before scaling.")
        values = frame.to_numpy(dtype=float, na_value=np.nan)
        if self.kind == "log" and (values < 0).any():
            row, column = np.argwhere(values < 0)[0]
            raise ValueError(
                f"Column {frame.columns[column]!r} is negative in row {row}; "
                "log scaling needs values of at least 0, so use 'robust' here."
            )
        return values
