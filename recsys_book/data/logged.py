"""The log of a policy: what was seen, what was shown, with which probability, and what came back.

Source: Dudík, Langford & Li (2011), Doubly Robust Policy Evaluation and Learning, ICML, §2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.data.errors import DataError


@dataclass(frozen=True, eq=False)
class BanditLog:
    """Decisions of one policy with their propensities and rewards; checked when it is built.

    Row ``j`` says: in a place described by ``context[j]``, in slot ``position[j]``, the policy
    showed ``action[j]``, which it did with probability ``propensity[j]``, and ``reward[j]`` came
    back. Nothing is known of the reward of another action in that row.

    Attributes:
        context: (n, d) float.
        action: (n,) int64, from 0 to ``n_actions - 1``.
        reward: (n,) float, in any unit (a click is 0 or 1).
        propensity: (n,) float in (0, 1]: the probability of the logged action in its position.
        position: (n,) int64, from 0 to ``n_positions - 1``.
        n_actions: how many actions there are, logged or not.
        n_positions: how many slots a page has; 1 where there are no slots.
        action_context: (n_actions, d_a) float that describe the actions, or ``None``.
        timestamp: (n,) times, not decreasing where the log is in order of time, or ``None``.

    Raises:
        DataError: a column has the wrong shape, a number is missing, a propensity is not in
            (0, 1], or an action or a position is unknown. The sentence names the row.
    """

    context: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    propensity: np.ndarray
    position: np.ndarray
    n_actions: int
    n_positions: int = 1
    action_context: np.ndarray | None = None
    timestamp: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Convert the columns and check them."""
        n = len(np.atleast_1d(self.action))
        if n == 0:
            raise DataError("A bandit log needs at least one row; this one has none.")
        self._set("context", _matrix(self.context, n, "context", "rows of the log"))
        self._set("action", _codes(self.action, n, "action", self.n_actions))
        self._set("position", _codes(self.position, n, "position", self.n_positions))
        self._set("reward", _numbers(self.reward, n, "reward"))
        self._set("propensity", _propensities(self.propensity, n))
        if self.action_context is not None:
            described = _matrix(self.action_context, self.n_actions, "action_context", "actions")
            self._set("action_context", described)
        if self.timestamp is not None and np.shape(self.timestamp) != (n,):
            raise DataError(
                f"The column timestamp has shape {np.shape(self.timestamp)} in a log of {n} rows; "
                "give one time a row, or None."
            )

    def _set(self, name: str, value: np.ndarray) -> None:
        object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.action)

    def take(self, rows: np.ndarray) -> BanditLog:
        """Keep some rows, in the order given.

        Args:
            rows: (m,) row numbers, or (n,) bool.

        Returns:
            A log of the same actions and positions.
        """
        rows = np.asarray(rows)
        time = None if self.timestamp is None else np.asarray(self.timestamp)[rows]
        columns = (self.context, self.action, self.reward, self.propensity, self.position)
        return BanditLog(
            *(column[rows] for column in columns),
            n_actions=self.n_actions,
            n_positions=self.n_positions,
            action_context=self.action_context,
            timestamp=time,
        )

    def counts(self) -> np.ndarray:
        """Count how often each action was shown in each position: (n_positions, n_actions)."""
        counts = np.zeros((self.n_positions, self.n_actions), dtype=np.int64)
        np.add.at(counts, (self.position, self.action), 1)
        return counts


def _as_float(values: object, name: str) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"The column {name} of the log holds something that is not a number; convert it first."
        ) from None


def _matrix(values: object, n: int, name: str, what: str) -> np.ndarray:
    matrix = _as_float(values, name)
    if matrix.ndim != 2 or len(matrix) != n:
        raise DataError(
            f"{name} has shape {matrix.shape} where there are {n} {what}; give one row of "
            "features to each (an array with no column where there is nothing to say)."
        )
    bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(bad):
        raise DataError(
            f"{name}, row {bad[0]}: a feature is missing or infinite; fill it in or remove the row."
        )
    return matrix


def _column(values: object, n: int, name: str) -> np.ndarray:
    column = _as_float(values, name)
    if column.shape != (n,):
        raise DataError(
            f"The column {name} has shape {column.shape} in a log of {n} rows; give one number "
            "a row."
        )
    return column


def _numbers(values: object, n: int, name: str) -> np.ndarray:
    column = _column(values, n, name)
    bad = np.flatnonzero(~np.isfinite(column))
    if len(bad):
        raise DataError(
            f"Row {bad[0]}: the {name} is {column[bad[0]]}; write what was observed or remove "
            "the row."
        )
    return column


def _codes(values: object, n: int, name: str, count: int) -> np.ndarray:
    column = _column(values, n, name)
    known = np.isin(column, np.arange(count))
    bad = np.flatnonzero(~known)
    if len(bad):
        raise DataError(
            f"Row {bad[0]}: the {name} {column[bad[0]]:g} is unknown, there are {count} from 0 to "
            f"{count - 1}; correct the row or raise n_{name}s."
        )
    return column.astype(np.int64)


def _propensities(values: object, n: int) -> np.ndarray:
    column = _column(values, n, "propensity")
    bad = np.flatnonzero(~((column > 0) & (column <= 1)))
    if not len(bad):
        return column
    row, value = bad[0], column[bad[0]]
    if np.isnan(value):
        problem = "is missing; estimate it (estimate_propensities) or leave the row out"
    elif value == 0:
        problem = (
            "is 0, yet the action was shown; the log is wrong there, so correct it or leave the "
            "row out"
        )
    else:
        problem = f"is {value:g}, which is no probability; it must lie above 0 and at most at 1"
    raise DataError(f"Row {row}: the propensity {problem}.")
