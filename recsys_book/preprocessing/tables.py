"""Tables that describe items, users or moments, as numbers that a model can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.sparse as sp

from recsys_book.preprocessing.cleaning import require_columns
from recsys_book.preprocessing.encoding import one_hot
from recsys_book.preprocessing.events import IdMap
from recsys_book.preprocessing.scaling import Scaler
from recsys_book.preprocessing.time_features import cyclical

__all__ = ["TableEncoder"]


class TableEncoder:
    """Turn a table into a matrix, with everything learned from the training rows.

    One encoder serves item tables (price, brand, tags), user tables, and the context of events
    (hour, device, place). Quantities become z-scores; a missing one becomes 0, the training mean,
    and is marked in a column of its own if the training rows had holes. Categories become one
    column each, tags one column a tag, positions in a cycle a sine and a cosine. What the training
    rows did not know is a row of zeros in its columns.

    Args:
        numeric: Columns of quantities.
        categories: Columns with one category a row.
        tags: Columns with several tags a row, joined by ``separator``.
        cycles: Columns with a position in a cycle, and the length of the cycle:
            ``{"hour": 24, "weekday": 7}``.
        separator: What stands between two tags.
    """

    def __init__(
        self,
        numeric: Sequence[str] = (),
        categories: Sequence[str] = (),
        tags: Sequence[str] = (),
        cycles: Mapping[str, float] | None = None,
        separator: str = "|",
    ):
        self.numeric = list(numeric)
        self.categories = list(categories)
        self.tags = list(tags)
        self.cycles = dict(cycles or {})
        self.separator = separator

    def fit(self, train: pd.DataFrame) -> TableEncoder:
        """Learn means, spreads, categories and tags.

        Args:
            train: Training rows.

        Returns:
            The encoder, with ``names_``, the names of the columns of the matrix.

        Raises:
            ValueError: If no column is named, one is missing, or a quantity is not a number.
        """
        columns = [*self.numeric, *self.categories, *self.tags, *self.cycles]
        if not columns:
            raise ValueError("The encoder has no columns; name some numeric, categories or tags.")
        require_columns(train, columns)
        self.scaler_ = Scaler().fit(train[self.numeric]) if self.numeric else None
        self.holes_ = [name for name in self.numeric if train[name].isna().any()]
        self.maps_ = {name: IdMap.fit(train, name) for name in self.categories}
        for name in self.tags:
            self.maps_[name] = IdMap([tag for row in self._tags(train[name]) for tag in row])
        self.names_ = [*self.numeric, *(f"{name} missing" for name in self.holes_)]
        self.names_ += [f"{name}={x}" for name, ids in self.maps_.items() for x in ids.ids]
        self.names_ += [f"{part} {name}" for name in self.cycles for part in ("sin", "cos")]
        return self

    def transform(self, table: pd.DataFrame) -> sp.csr_matrix:
        """Encode any rows.

        Args:
            table: n rows with the columns of the training rows.

        Returns:
            (n, d) sparse matrix, its columns in the order of ``names_``.

        Raises:
            ValueError: If the encoder is not fitted, or a column is missing.
        """
        if not hasattr(self, "names_"):
            raise ValueError("The encoder knows no categories yet; call fit(train) first.")
        require_columns(table, [*self.numeric, *self.maps_, *self.cycles])
        blocks = []
        if self.numeric:
            blocks.append(self.scaler_.transform(table[self.numeric]).fillna(0.0).to_numpy())
        blocks += [table[[name]].isna().to_numpy(dtype=float) for name in self.holes_]
        for name, ids in self.maps_.items():
            block = self._many_hot if name in self.tags else self._one_hot
            blocks.append(block(table[name], ids))
        blocks += [cyclical(table[name], period) for name, period in self.cycles.items()]
        return sp.csr_matrix(sp.hstack([sp.csr_matrix(b) for b in blocks]))

    def _one_hot(self, column: pd.Series, ids: IdMap) -> sp.csr_matrix:
        return one_hot(ids.encode(column), len(ids))

    def _many_hot(self, column: pd.Series, ids: IdMap) -> sp.csr_matrix:
        rows = self._tags(column)
        row = np.repeat(np.arange(len(rows)), [len(tags) for tags in rows])
        code = ids.encode(np.array([tag for tags in rows for tag in tags], dtype=object))
        known = code >= 0
        ones = np.ones(known.sum())
        return sp.csr_matrix((ones, (row[known], code[known])), shape=(len(rows), len(ids)))

    def _tags(self, column: Iterable) -> list[list[str]]:
        texts = pd.Series(column).fillna("").astype(str)
        split = (text.split(self.separator) for text in texts)
        return [sorted({tag.strip() for tag in tags} - {""}) for tags in split]
