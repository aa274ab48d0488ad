"""Long columns, one row a candidate, laid side by side as tables that NumPy can sort at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsys_book.evaluation.sorting import tie_positions

_CELLS = 1 << 20  # cells of one table: large enough to be fast, small enough to stay in memory


@dataclass(frozen=True, eq=False)
class Groups:
    """Where each user's rows stand.

    Attributes:
        users: Sorted ids, shape (n_users,).
        starts: Position of each user's first row, shape (n_users,).
        sizes: Number of rows of each user, shape (n_users,).
    """

    users: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    def blocks(self) -> Iterator[Block]:
        """Yield users with lists of similar length together.

        Lengths within a factor of two share a block, so padding at most doubles the work.
        """
        classes = np.ceil(np.log2(self.sizes)).astype(np.int64)
        for c in np.unique(classes):
            members = np.flatnonzero(classes == c)
            step = max(1, _CELLS >> int(c))
            for first in range(0, len(members), step):
                rows = members[first : first + step]
                yield Block(rows, self.starts[rows], self.sizes[rows])


@dataclass(frozen=True, eq=False)
class Block:
    """Some users' rows as a table, one line a user.

    Attributes:
        rows: Which users, as positions in ``Groups.users``.
        starts: Position of each one's first row.
        sizes: Number of rows of each.
    """

    rows: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    @cached_property
    def width(self) -> int:
        """Length of the longest list."""
        return int(self.sizes.max())

    @cached_property
    def filled(self) -> np.ndarray:
        """Which cells hold a row, shape (n_rows, width)."""
        return np.arange(self.width) < self.sizes[:, None]

    @cached_property
    def _contiguous(self) -> bool:
        return bool((np.diff(self.starts) == self.width).all() and (self.sizes == self.width).all())

    @cached_property
    def _index(self) -> np.ndarray:
        last = self.starts + self.sizes - 1
        return np.minimum(self.starts[:, None] + np.arange(self.width), last[:, None])

    def table(self, column: np.ndarray, fill: float) -> np.ndarray:
        """Lay a column out as a table.

        Args:
            column: Values in the order of the rows, shape (n,).
            fill: What stands in the cells beyond the end of a list.

        Returns:
            The values, shape (n_rows, width).
        """
        if self._contiguous:
            first = self.starts[0]
            return column[first : first + self.width * len(self.starts)].reshape(-1, self.width)
        values = column[self._index]
        values[~self.filled] = fill
        return values


class ItemTies:
    """The tie-break keys of a column of item ids, computed only when a tie is met."""

    def __init__(self, item: np.ndarray, seed: int) -> None:
        self._item, self._seed = item, seed

    @cached_property
    def _numbered(self) -> tuple[np.ndarray, np.ndarray]:
        return np.unique(self._item, return_inverse=True)

    @cached_property
    def positions(self) -> np.ndarray:
        """Each row's place in the seeded permutation of the sorted item ids, shape (n,)."""
        ids, code = self._numbered
        return tie_positions(len(ids), self._seed)[code]

    @property
    def last(self) -> int:
        """A place behind all items."""
        return len(self._numbered[0])


def group_rows(user: np.ndarray) -> tuple[Groups, np.ndarray | None]:
    """Find each user's rows, sorting only if they do not stand together.

    Args:
        user: Ids, integers, shape (n,).

    Returns:
        The groups, and the order in which the rows must be taken first (None: as they are).
    """
    groups = _runs(user)
    if (groups.users[1:] > groups.users[:-1]).all():
        return groups, None
    by_id = np.argsort(groups.users, kind="stable")
    groups = Groups(groups.users[by_id], groups.starts[by_id], groups.sizes[by_id])
    if (groups.users[1:] > groups.users[:-1]).all():
        return groups, None
    order = stable_order(user)
    return _runs(user[order]), order


def _runs(user: np.ndarray) -> Groups:
    starts = np.r_[0, np.flatnonzero(user[1:] != user[:-1]) + 1]
    return Groups(user[starts], starts, np.diff(np.r_[starts, len(user)]))


def stable_order(ids: np.ndarray) -> np.ndarray:
    """Return the order that sorts integers, equal ones in their old order.

    NumPy sorts 16-bit integers by counting, in linear time. So ids are sorted by their lower 16
    bits first and by the next 16 after that, where 32 bits are enough to hold them.

    Args:
        ids: Integers, shape (n,), n at least 1.

    Returns:
        Positions, shape (n,).
    """
    span = int(ids.max()) - int(ids.min())
    if span >= 1 << 32:
        return np.argsort(ids, kind="stable")
    shifted = (ids - ids.min()).astype(np.uint32)
    order = np.argsort((shifted & 0xFFFF).astype(np.uint16), kind="stable")
    if span >= 1 << 16:
        high = (shifted >> np.uint32(16)).astype(np.uint16)
        order = order[np.argsort(high[order], kind="stable")]
    return order


def refuse_repeats(block: Block, item: np.ndarray, users: np.ndarray) -> None:
    """Refuse a user who has the same item on two rows.

    Args:
        block: Some users' rows.
        item: Item ids in the order of the rows, shape (n,).
        users: All user ids, for the message.

    Raises:
        ValueError: If an item is listed twice.
    """
    items = block.table(item, 0)
    if not block.filled.all():
        # Give the empty cells ids of their own, so that they equal nothing.
        low = int(item.min())
        items = np.where(block.filled, items, low - 1 - np.arange(block.width))
    items = np.sort(items, axis=1)
    twice = items[:, 1:] == items[:, :-1]
    if twice.any():
        line, column = np.argwhere(twice)[0]
        raise ValueError(
            f"item {items[line, column]} stands on more than one row of user "
            f"{users[block.rows[line]]}; keep one row for each user and item."
        )
