"""Splitting: which events a model may learn from, and which it is judged on.

Every function takes ``Interactions`` and returns a ``Split`` (or yields several). The
vocabularies of the input are kept on both sides, so a matrix built from ``train`` has the same
shape as one built from ``test``. Nothing is dropped silently: ``Split.notes`` counts what a rule
left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from recsys_book.data.interactions import Interactions

__all__ = [
    "Split",
    "ThreeWay",
    "cold_item_split",
    "cold_user_split",
    "leave_one_out",
    "per_user_random_split",
    "random_split",
    "stratified_split",
    "temporal_split",
    "three_way",
    "tie_choices",
]


@dataclass(frozen=True, eq=False)
class Split:
    """Two sets of events that share their vocabularies.

    Attributes:
        train: The events that a model may see.
        test: The events that it is judged on.
        name: The rule that made the split.
        notes: Counts of rows and users: what each side holds and what the rule left out.
    """

    train: Interactions
    test: Interactions
    name: str
    notes: dict[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Name the rule and the two sizes."""
        return f"Split({self.name!r}, train={len(self.train)}, test={len(self.test)})"


@dataclass(frozen=True, eq=False)
class ThreeWay:
    """The same rule applied twice: once to all events, once more to what was left to train on.

    Attributes:
        tuning: Choose hyper-parameters here, as often as you like.
        final: Refit on ``final.train`` and look at ``final.test`` once.
    """

    tuning: Split
    final: Split

    @property
    def train(self) -> Interactions:
        """The events that a model under tuning may see."""
        return self.tuning.train

    @property
    def validation(self) -> Interactions:
        """The events that choose between models."""
        return self.tuning.test

    @property
    def test(self) -> Interactions:
        """The events that are looked at once."""
        return self.final.test


def random_split(interactions: Interactions, test: float = 0.2, seed: int = 0) -> Split:
    """Hold out a random share of all rows, whoever they belong to and whenever they happened.

    Args:
        interactions: n events.
        test: Share of the rows to hold out, strictly between 0 and 1.
        seed: Seed of the permutation.

    Returns:
        A split with ``round(n * test)`` test rows; both sides keep the row order of the input.

    Raises:
        ValueError: If the share is not inside (0, 1) or leaves one side empty.
    """
    n_test = _test_rows(len(interactions), test)
    held = np.zeros(len(interactions), dtype=bool)
    held[np.random.default_rng(seed).permutation(len(interactions))[:n_test]] = True
    return make_split(interactions, np.flatnonzero(~held), np.flatnonzero(held), "random")


def per_user_random_split(interactions: Interactions, test: float = 0.2, seed: int = 0) -> Split:
    """Hold out a random share of each user's rows.

    At least one row of every user with two or more is held out, and at least one is kept; a user
    with a single row stays in train (``notes["users_without_test"]``). Both sides are returned in
    time order.

    Args:
        interactions: n events.
        test: Share of each user's rows to hold out, strictly between 0 and 1.
        seed: Seed of the random order within each user.

    Returns:
        A split in which every test user has training rows.

    Raises:
        ValueError: If the share is not inside (0, 1) or no user has two rows.
    """
    check_share(test)
    key = np.random.default_rng(seed).random(len(interactions))
    order = np.lexsort((key, interactions.user))
    _, start, count = np.unique(interactions.user[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(start, count)
    wanted = np.maximum(1, np.round(count * test).astype(np.int64))
    held = rank < np.repeat(np.minimum(wanted, count - 1), count)
    if not held.any():
        raise ValueError(
            "no user has two events, so none can be held out per user; use random_split instead."
        )
    train, heldout = _by_time(interactions, order[~held]), _by_time(interactions, order[held])
    notes = {"users_without_test": int(np.sum(count < 2))}
    return make_split(interactions, train, heldout, "per_user_random", notes)


def stratified_split(
    interactions: Interactions,
    test: float = 0.2,
    seed: int = 0,
    by: np.ndarray | None = None,
) -> Split:
    """Hold out the same share of every stratum, by default of every rating value.

    The ``round(n * test)`` test rows are shared out among the strata in proportion to their
    sizes; rows left over by rounding go to the largest remainders, so no stratum is off by a
    whole row.

    Args:
        interactions: n events.
        test: Share of the rows to hold out, strictly between 0 and 1.
        seed: Seed of the random order within each stratum.
        by: Labels ``(n,)`` of the strata; ``None`` uses ``interactions.value``.

    Returns:
        A split whose two sides keep the row order of the input.

    Raises:
        ValueError: If the share is not inside (0, 1), or ``by`` has another length than the events.
    """
    n_test = _test_rows(len(interactions), test)
    labels = interactions.value if by is None else np.asarray(by)
    if labels.shape != (len(interactions),):
        raise ValueError(
            f"`by` has shape {labels.shape} but there are {len(interactions)} events; "
            "give one label an event."
        )
    _, stratum, count = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.lexsort((np.random.default_rng(seed).random(len(labels)), stratum))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    held = rank < np.repeat(_apportion(count, n_test), count)
    notes = {"strata": len(count)}
    return make_split(
        interactions, np.sort(order[~held]), np.sort(order[held]), "stratified", notes
    )


def leave_one_out(interactions: Interactions, seed: int | None = None) -> Split:
    """Hold out each user's last event.

    Where several of a user's events share the last timestamp, the data do not say which came last:
    ``seed`` decides (``None``: the order of the rows). ``notes["users_tied"]`` counts these
    users. A user with a single event stays in train (``notes["users_without_test"]``).

    Args:
        interactions: n events.
        seed: Seed of the order of tied timestamps; ``None`` takes the row order.

    Returns:
        A split with at most one test row a user; train is in time order, test in user order.

    Raises:
        ValueError: If no user has two events.
    """
    order = interactions.order_by_time(seed)
    order = order[np.argsort(interactions.user[order], kind="stable")]
    user = interactions.user[order]
    last = np.append(user[1:] != user[:-1], True)[: len(user)]
    alone = last & np.append(True, user[1:] != user[:-1])[: len(user)]
    held = last & ~alone
    if not held.any():
        raise ValueError("no user has two events, so leave-one-out leaves nothing to train on.")
    choices = tie_choices(interactions)
    notes = {
        "users_tied": int(np.sum(choices[user[held]] > 1)),
        "users_without_test": int(alone.sum()),
    }
    train = _by_time(interactions, order[~held])
    return make_split(interactions, train, order[held], "leave_one_out", notes)


def temporal_split(
    interactions: Interactions, test: float = 0.2, drop_cold_users: bool = True
) -> Split:
    """Cut the whole log at one moment: before it train, after it test.

    Rows are put in time order (ties: row order) and the last share is the test side. Test rows of
    users without a training row are dropped by default, because no history means nothing to
    personalise.

    Equation: eq-temporal-cut

    Args:
        interactions: n events.
        test: Share of the rows after the cut, strictly between 0 and 1.
        drop_cold_users: Drop test rows of users that train does not know.

    Returns:
        A split in time order; ``notes`` counts the dropped rows and users.

    Raises:
        ValueError: If the share is not inside (0, 1), all timestamps are equal, or no test row is
            left.
    """
    _test_rows(len(interactions), test)
    order = time_order(interactions)
    cut = int(round(len(order) * (1 - test)))
    return cut_at(interactions, order[:cut], order[cut:], "temporal", drop_cold_users)


def cold_user_split(interactions: Interactions, test: float = 0.2, seed: int = 0) -> Split:
    """Hold out a random share of the users with all their events.

    Args:
        interactions: n events.
        test: Share of the users to hold out, strictly between 0 and 1.
        seed: Seed of the choice; it depends on the users, not on the order of the rows.

    Returns:
        A split in which no test user has a training row; both sides keep the row order.

    Raises:
        ValueError: If the share is not inside (0, 1) or there are fewer than two users.
    """
    held = _held_entities(interactions.user, test, seed, "user")
    return make_split(interactions, np.flatnonzero(~held), np.flatnonzero(held), "cold_user")


def cold_item_split(interactions: Interactions, test: float = 0.2, seed: int = 0) -> Split:
    """Hold out a random share of the items with all their events.

    Args:
        interactions: n events.
        test: Share of the items to hold out, strictly between 0 and 1.
        seed: Seed of the choice; it depends on the items, not on the order of the rows.

    Returns:
        A split in which no test item has a training row; both sides keep the row order.

    Raises:
        ValueError: If the share is not inside (0, 1) or there are fewer than two items.
    """
    held = _held_entities(interactions.item, test, seed, "item")
    return make_split(interactions, np.flatnonzero(~held), np.flatnonzero(held), "cold_item")


def three_way(
    split_function: Callable[..., Split], interactions: Interactions, **settings
) -> ThreeWay:
    """Cut train, validation and test with one rule: apply it to all events, then to its own train.

    Args:
        split_function: Any function of this module that returns one ``Split``.
        interactions: n events.
        **settings: Passed to the function both times.

    Returns:
        The two splits; ``final.train`` is the union of train and validation (and of rows that the
        second cut dropped).

    Raises:
        ValueError: If either cut fails.
    """
    final = split_function(interactions, **settings)
    return ThreeWay(tuning=split_function(final.train, **settings), final=final)


def tie_choices(interactions: Interactions) -> np.ndarray:
    """How many events share each user's last timestamp: the candidates for being the last.

    The number of different leave-one-out test sets is the product of these counts.

    Equation: eq-tie-choices

    Args:
        interactions: n events.

    Returns:
        ``(n_users,)`` counts; 0 for a user without events, 1 where the last event is known.
    """
    latest = np.full(interactions.n_users, -1, dtype=np.int64)
    np.maximum.at(latest, interactions.user, interactions.timestamp)
    at_end = interactions.timestamp == latest[interactions.user]
    return np.bincount(interactions.user[at_end], minlength=interactions.n_users)


def make_split(interactions, train, test, name, notes=None) -> Split:
    """Select both sides and count what every split has: rows, test users, items unseen in train."""
    left, right = interactions.select(train), interactions.select(test)
    known = np.zeros(interactions.n_items, dtype=bool)
    known[left.item] = True
    counts = {
        "rows_train": len(left),
        "rows_test": len(right),
        "rows_dropped": len(interactions) - len(left) - len(right),
        "users_test": len(np.unique(right.user)),
        "rows_test_unseen_items": int(np.sum(~known[right.item])),
    }
    return Split(left, right, name, counts | (notes or {}))


def cut_at(interactions, before, after, name, drop_cold_users) -> Split:
    """Make a temporal split of rows in time order and count what is dropped at the cut."""
    if len(before) == 0 or len(after) == 0:
        raise ValueError(
            f"the {name} cut leaves {len(before)} rows before it and {len(after)} after it; "
            "move the cut or give more events."
        )
    known = np.zeros(interactions.n_users, dtype=bool)
    known[interactions.user[before]] = True
    warm = known[interactions.user[after]]
    kept = after[warm] if drop_cold_users else after
    if len(kept) == 0:
        raise ValueError(
            f"no user after the {name} cut has events before it; move the cut, or keep cold users "
            "with drop_cold_users=False."
        )
    cold = after[~warm]
    tied = interactions.timestamp[before[-1]] == interactions.timestamp[after]
    notes = {
        "cold_rows": len(cold),
        "cold_users": len(np.unique(interactions.user[cold])),
        "rows_tied_at_cut": int(tied.sum()),
    }
    return make_split(interactions, before, kept, name, notes)


def time_order(interactions) -> np.ndarray:
    """Row positions in time order (ties: row order); refuse a log in which time says nothing."""
    if len(interactions) and np.ptp(interactions.timestamp) == 0:
        raise ValueError(
            "all timestamps are equal, so no moment separates past from future; use random_split, "
            "or load the column that holds the time."
        )
    return interactions.order_by_time()


def _by_time(interactions, rows: np.ndarray) -> np.ndarray:
    """Sort row positions by timestamp, keeping the given order among ties."""
    return rows[np.argsort(interactions.timestamp[rows], kind="stable")]


def _held_entities(column: np.ndarray, test: float, seed: int, what: str) -> np.ndarray:
    """Mark the rows of a random share of the users (or items) that occur in the column."""
    present = np.unique(column)
    if len(present) < 2:
        raise ValueError(
            f"a cold-{what} split needs at least two {what}s but the events have {len(present)}."
        )
    check_share(test)
    n_test = min(max(1, int(round(len(present) * test))), len(present) - 1)
    chosen = np.random.default_rng(seed).permutation(present)[:n_test]
    return np.isin(column, chosen)


def _apportion(count: np.ndarray, total: int) -> np.ndarray:
    """Share ``total`` rows out in proportion to ``count`` by largest remainders."""
    exact = count * (total / count.sum())
    share = np.floor(exact).astype(np.int64)
    extra = np.argsort(share - exact, kind="stable")[: total - share.sum()]
    share[extra] += 1
    return share


def check_share(share: float) -> None:
    """Refuse a share outside the open interval (0, 1)."""
    if not 0 < share < 1:
        raise ValueError(f"a share must lie strictly between 0 and 1 but is {share!r}.")


def _test_rows(n: int, test: float) -> int:
    """Number of test rows, at least one on each side."""
    check_share(test)
    if n < 2:
        raise ValueError(f"a split needs at least two events but there are {n}.")
    n_test = int(round(n * test))
    if not 0 < n_test < n:
        raise ValueError(
            f"a test share of {test:g} of {n} events leaves one side empty; give more events or "
            "another share."
        )
    return n_test
