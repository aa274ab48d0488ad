"""``Interactions``: the one type in which every room of the package speaks of behaviour.

An interaction log is four columns (who, what, how much, when). Models want the first two as
positions in a matrix, readers want them as the ids of the data set; this type keeps both: integer
codes in ``user`` and ``item``, and the vocabularies ``users`` and ``items`` that decode them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from scipy import sparse

from recsys_book.data import columns
from recsys_book.data.errors import DataError


@dataclass(frozen=True, eq=False)
class Interactions:
    """A log of events, one row an event, in the order in which it was given.

    Attributes:
        user: (n,) int64, positions in ``users``.
        item: (n,) int64, positions in ``items``.
        value: (n,) float64, the rating or the weight of the event.
        timestamp: (n,) int64, seconds since 1970-01-01 UTC.
        users: (n_users,) the original user ids, sorted.
        items: (n_items,) the original item ids, sorted.
    """

    user: np.ndarray
    item: np.ndarray
    value: np.ndarray
    timestamp: np.ndarray
    users: np.ndarray
    items: np.ndarray

    def __post_init__(self) -> None:
        """Give every column its type, and refuse columns that cannot belong together."""
        types = {"user": np.int64, "item": np.int64, "value": np.float64, "timestamp": np.int64}
        for name, dtype in types.items():
            column = np.asarray(getattr(self, name), dtype=dtype)
            if column.ndim != 1 or len(column) != len(self.user):
                raise DataError(
                    f"Interactions: column '{name}' has shape {column.shape} but 'user' has "
                    f"{len(self.user)} rows; give one value a row."
                )
            object.__setattr__(self, name, column)
        for name in ("users", "items"):
            object.__setattr__(self, name, np.asarray(getattr(self, name)))
        for name, vocabulary in (("user", self.users), ("item", self.items)):
            codes = getattr(self, name)
            if len(codes) and (codes.min() < 0 or codes.max() >= len(vocabulary)):
                row = int(np.flatnonzero((codes < 0) | (codes >= len(vocabulary)))[0])
                raise DataError(
                    f"Interactions: column '{name}', row {row}: position {codes[row]} is outside "
                    f"the vocabulary of {len(vocabulary)} ids; use from_frame to encode ids."
                )

    @property
    def n_users(self) -> int:
        """Number of users in the vocabulary, whether or not they have rows here."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of items in the vocabulary, whether or not they have rows here."""
        return len(self.items)

    def __len__(self) -> int:
        """Number of events."""
        return len(self.user)

    def __repr__(self) -> str:
        """One line: the three sizes."""
        return f"Interactions({len(self):,} rows, {self.n_users:,} users, {self.n_items:,} items)"

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        user: str = "user",
        item: str = "item",
        value: str | None = "value",
        timestamp: str | None = "timestamp",
        users: np.ndarray | None = None,
        items: np.ndarray | None = None,
        source: str = "table",
        first_row: int = 0,
    ) -> Self:
        """Validate and encode a table. Nothing is dropped, and the row order is kept.

        Args:
            frame: one row an event.
            user: name of the column of user ids (integers or text).
            item: name of the column of item ids (integers or text).
            value: name of the column of ratings or weights; ``None`` gives every row 1.0.
            timestamp: name of the column of times, in whole seconds since 1970-01-01 UTC or as
                datetimes; ``None`` gives every row 0.
            users: vocabulary to encode the users with; an id outside it is an error.
                ``None`` takes the ids that occur, sorted.
            items: the same for items.
            source: what an error calls the table, for instance the name of its file.
            first_row: the number that an error gives to the first row.

        Returns:
            The encoded log, of ``len(frame)`` rows.

        Raises:
            DataError: a column is missing or occurs twice, an id is missing or unknown, a number is
                text, missing or not finite, or a time is negative; the sentence names the source,
                the column, the row and the value, and says what to do.
        """
        where = columns.Where(source, first_row)
        if not isinstance(frame, pd.DataFrame):
            raise DataError(
                f"{source} is of type {type(frame).__name__}; make it a pandas DataFrame first."
            )
        for name in (user, item, value, timestamp):
            columns.require(frame, name, where)
        user_codes, users = columns.encode(frame[user], users, where)
        item_codes, items = columns.encode(frame[item], items, where)
        n = len(frame)
        return cls(
            user=user_codes,
            item=item_codes,
            value=np.ones(n) if value is None else columns.numbers(frame[value], where),
            timestamp=np.zeros(n, np.int64)
            if timestamp is None
            else columns.seconds(frame[timestamp], where),
            users=users,
            items=items,
        )

    def to_frame(self) -> pd.DataFrame:
        """Decode to a table with the columns user, item, value and timestamp (original ids)."""
        return pd.DataFrame(
            {
                "user": self.users[self.user],
                "item": self.items[self.item],
                "value": self.value,
                "timestamp": self.timestamp,
            }
        )

    def to_csr(self, values: np.ndarray | float | None = None) -> sparse.csr_matrix:
        """Arrange the events as a sparse matrix; repeated (user, item) pairs are summed.

        Args:
            values: what to put in the cells. ``None`` takes ``value``, an array (n,) gives one
                number an event, and a scalar gives every event the same.

        Returns:
            (n_users, n_items) float64 matrix with sorted indices. A cell without an event is
            *unknown*, although the matrix reads as zero there.
        """
        data = self.value if values is None else np.asarray(values, dtype=np.float64)
        data = np.broadcast_to(data, (len(self),))
        shape = (self.n_users, self.n_items)
        matrix = sparse.csr_matrix((data, (self.user, self.item)), shape=shape)
        matrix.sum_duplicates()
        return matrix

    def select(self, index: np.ndarray) -> Self:
        """Keep some rows, and both vocabularies.

        Args:
            index: a boolean mask (n,), or integer positions in the order wanted.

        Returns:
            The chosen rows; codes mean the same users and items as before.
        """
        index = np.asarray(index)
        if index.dtype == bool and index.shape != self.user.shape:
            raise DataError(
                f"Interactions.select: the mask has shape {index.shape} but there are {len(self)} "
                "rows; give one truth value a row."
            )
        if index.size == 0:
            index = index.astype(np.int64)
        return type(self)(
            user=self.user[index],
            item=self.item[index],
            value=self.value[index],
            timestamp=self.timestamp[index],
            users=self.users,
            items=self.items,
        )

    def order_by_time(self, seed: int | None = None) -> np.ndarray:
        """Positions that sort the events by time.

        Args:
            seed: how ties are broken. ``None`` keeps the row order; an integer draws a random
                order among equal timestamps.

        Returns:
            (n,) int64 positions; ``log.select(log.order_by_time())`` is the log in time order.
        """
        if seed is None:
            return np.argsort(self.timestamp, kind="stable")
        tie = np.random.default_rng(seed).permutation(len(self))
        return np.lexsort((tie, self.timestamp))
