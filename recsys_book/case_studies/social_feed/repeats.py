"""Music is heard again, news is not: a simulated log of plays, and rules that know it or not."""

from __future__ import annotations

import numpy as np

from recsys_book.data import DataError, Interactions, Simulated


def simulated_plays(
    n_users: int = 100,
    n_songs: int = 400,
    n_plays: int = 120,
    repeat: float = 0.6,
    fade: float = 20.0,
    seed: int = 0,
) -> Simulated:
    r"""Plays of people who mostly play again what they played lately. Simulated.

    With probability ``repeat`` a play is one of the user's own past plays, drawn with probability
    proportional to :math:`e^{-a/\tau}`, where :math:`a` counts the plays since then; otherwise it
    is a song drawn by popularity.

    Args:
        n_users: Number of users.
        n_songs: Number of songs.
        n_plays: Plays a user.
        repeat: Share of plays drawn from the past, 0 to 1.
        fade: The constant :math:`\tau`, in plays.
        seed: Of everything.

    Returns:
        The log, user by user in the order of play, a play a minute; the truth: ``again``, (n,),
        whether a play was drawn from the past.

    Raises:
        DataError: A size or a share is out of range.
    """
    if min(n_users, n_songs, n_plays) < 1 or not 0 <= repeat <= 1 or not fade > 0:
        raise DataError(
            f"The plays got n_users = {n_users}, n_songs = {n_songs}, n_plays = {n_plays}, repeat ="
            f" {repeat} and fade = {fade}; give sizes from 1, a share from 0 to 1, a time above 0."
        )
    rng = np.random.default_rng([seed, 21])
    fame = 1 / (1 + np.arange(n_songs)) ** 0.8
    song = rng.choice(n_songs, size=(n_users, n_plays), p=fame / fame.sum())
    again = rng.random((n_users, n_plays)) < repeat
    again[:, 0] = False
    for t in range(1, n_plays):
        weight = np.exp(-np.arange(t, 0, -1) / fade)
        back = rng.choice(t, size=n_users, p=weight / weight.sum())
        song[:, t] = np.where(again[:, t], song[np.arange(n_users), back], song[:, t])
    user = np.repeat(np.arange(n_users), n_plays)
    when = np.tile(60 * np.arange(n_plays), n_users)
    log = Interactions(
        user, song.ravel(), np.ones(song.size), when, np.arange(n_users), np.arange(n_songs)
    )
    return Simulated("simulated_plays", log, {"again": again.ravel()})


def repeat_share(log: Interactions) -> float:
    """Share of the events whose user has had the item before, earlier in the log."""
    pair = log.user * log.n_items + log.item
    return float(1 - len(np.unique(pair)) / len(pair))


def recent_scores(log: Interactions, fade: float = 20.0) -> np.ndarray:
    """Score each item for each user by the user's own events, old ones for less.

    Args:
        log: Events in time order within each user.
        fade: Events after which one counts a factor e less.

    Returns:
        (n_users, n_items).
    """
    scores = np.zeros((log.n_users, log.n_items))
    for user in range(log.n_users):
        items = log.item[log.user == user]
        weight = np.exp(-np.arange(len(items) - 1, -1, -1) / fade)
        np.add.at(scores[user], items, weight)
    return scores
