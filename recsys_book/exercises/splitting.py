"""Checkers for the exercises of the chapter *Splitting without leaking*."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from recsys_book.data import Interactions
from recsys_book.evaluation import evaluate_ranking
from recsys_book.preprocessing import (
    LeakageError,
    assert_features_as_of,
    cold_item_split,
    cold_user_split,
    expected_items_kept,
)
from recsys_book.recommenders import GenreProfile, Popularity, genre_matrix

DAY = 86_400


def check_last_k(answer: Callable[[Interactions, int], np.ndarray]) -> None:
    """Exercise 1: hold out each user's last k events, and always leave one to train on.

    Args:
        answer: Maps a log and k to the row positions of the test events.
    """
    for seed in range(5):
        log = _small_log(seed)
        for k in (1, 2, 5):
            rows = np.sort(np.asarray(answer(log, k), dtype=np.int64))
            assert len(np.unique(rows)) == len(rows), "a row is held out twice."
            for user in np.unique(log.user):
                own = np.flatnonzero(log.user == user)
                held = own[np.isin(own, rows)]
                wanted = min(k, len(own) - 1)
                assert len(held) == wanted, (
                    f"with k = {k}, user {user} has {len(own)} events and should lose {wanted}, "
                    f"but loses {len(held)}; every user keeps one."
                )
                kept = own[~np.isin(own, rows)]
                assert not len(held) or log.timestamp[kept].max() <= log.timestamp[held].min(), (
                    f"user {user} is tested on an event that is older than a kept one."
                )


def check_user_history(answer: Callable[[Interactions], np.ndarray]) -> None:
    """Exercise 2: the two features of article S1 §4.4.1, computed as of each event.

    Args:
        answer: Maps a log to ``(n, 2)``: number and mean value of the user's earlier events.
    """
    for seed in range(3):
        log = _small_log(seed)
        features = np.asarray(answer(log), dtype=np.float64)
        assert features.shape == (len(log), 2), (
            f"the features have shape {features.shape}; give two columns, one row an event."
        )
        try:
            assert_features_as_of(answer, log, rows=len(log))
        except LeakageError as error:
            raise AssertionError(str(error)) from None
        wanted = _history(log)
        assert np.allclose(features[:, 0], wanted[:, 0]), (
            "the first column should count the user's events with a smaller timestamp."
        )
        assert np.allclose(features[:, 1], wanted[:, 1]), (
            "the second column should be the mean value of those events, 0 where there are none."
        )


def check_cold_claims(
    answer: Callable[[Interactions, pd.DataFrame], dict[str, float]],
) -> None:
    """Exercise 3 (CLM-06): does a content model help new items, new users, both or neither?

    Args:
        answer: Maps a log and its item table to the difference in mean nDCG@10, genre profile minus
            popularity, under ``"new items"`` and ``"new users"`` (seed 0).
    """
    log, items = _genre_log()
    found = answer(log, items)
    assert isinstance(found, dict) and set(found) == {"new items", "new users"}, (
        "return a dict with the keys 'new items' and 'new users'."
    )
    for name, split in (("new items", cold_item_split(log)), ("new users", cold_user_split(log))):
        scores = [
            evaluate_ranking(model.fit(split.train), split).mean()["ndcg"]
            for model in (GenreProfile(genre_matrix(items["genres"])[0]), Popularity())
        ]
        assert abs(found[name] - (scores[0] - scores[1])) < 1e-9, (
            f"the difference for {name} is not the one of the default split with seed 0; fit both "
            "models on its train and take mean nDCG@10, content minus popularity."
        )


def check_items_kept(answer: Callable[[np.ndarray, float], float]) -> None:
    """Exercise 4: the expected number of items that survive sampling of events.

    Args:
        answer: Maps ``(n_items,)`` event counts and the share kept to an expected number.
    """
    rng = np.random.default_rng(0)
    assert abs(answer(np.array([1]), 0.25) - 0.25) < 1e-9, (
        "an item with one event survives with the probability that this event is kept."
    )
    assert abs(answer(np.array([2]), 0.5) - 0.75) < 1e-9, (
        "an item with two events vanishes only if both are dropped."
    )
    for share in (0.1, 0.5, 0.9):
        count = rng.geometric(0.05, size=50)
        assert abs(answer(count, share) - expected_items_kept(count, share)) < 1e-6, (
            "the expectation of a sum is the sum over the items, whatever the dependence."
        )


def _small_log(seed: int) -> Interactions:
    """A seeded log of eight users with ties, single events and unsorted rows."""
    rng = np.random.default_rng(seed)
    user = np.append(rng.integers(0, 7, 60), 7)
    n = len(user)
    item = rng.integers(0, 20, n)
    time = rng.integers(0, 30, n) * DAY
    value = rng.integers(1, 6, n)
    return Interactions(user, item, value, time, np.arange(8), np.arange(20))


def _history(log: Interactions) -> np.ndarray:
    """Count and mean value of each event's strictly earlier events of the same user."""
    earlier = (log.user[None] == log.user[:, None]) & (log.timestamp[None] < log.timestamp[:, None])
    count = earlier.sum(axis=1)
    return np.column_stack([count, earlier @ log.value / np.maximum(count, 1)])


def _genre_log() -> tuple[Interactions, pd.DataFrame]:
    """Users who each like one of four genres, and the table of item genres."""
    rng = np.random.default_rng(0)
    genre = np.arange(80) % 4
    user = np.repeat(np.arange(60), 12)
    liked = np.concatenate(
        [rng.choice(np.flatnonzero(genre == u % 4), 12, replace=False) for u in range(60)]
    )
    log = Interactions(
        user, liked, np.ones(len(user)), np.arange(len(user)), np.arange(60), np.arange(80)
    )
    names = np.array(["Comedy", "Drama", "Horror", "Western"])
    return log, pd.DataFrame({"item": np.arange(80), "genres": names[genre]})
