"""What the feed's system knows of a post and a user before anybody has opened it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.data.feed import SimulatedFeed
from recsys_book.data.feed_events import FeedEvents


def reduce_vectors(vectors: np.ndarray, fitted_on: np.ndarray, width: int) -> np.ndarray:
    """Project vectors on the principal axes of some of them, each scaled to a variance of one.

    Args:
        vectors: (n, d) sentence vectors.
        fitted_on: Rows that the axes are found from: the posts that were there at launch.
        width: Number of axes kept.

    Returns:
        (n, width), divided by the square root of the width, so that a row has length about one.

    Raises:
        ValueError: If there are fewer rows or columns than axes.
    """
    known = vectors[fitted_on]
    if width > min(known.shape):
        raise ValueError(
            f"width is {width}, but there are {known.shape[0]} known vectors of length"
            f" {known.shape[1]}; keep fewer axes."
        )
    centre = known.mean(axis=0)
    axes = np.linalg.svd(known - centre, full_matrices=False)[2][:width]
    reduced = (vectors - centre) @ axes.T
    return reduced / (reduced[fitted_on].std(axis=0) * np.sqrt(width))


def creator_vectors(feed: SimulatedFeed, width: int, seed: int = 0) -> np.ndarray:
    """Give each post a random vector of its creator: what is known without reading the text.

    Args:
        feed: The feed.
        width: Length of a vector.
        seed: Of the vectors.

    Returns:
        (n_posts, width), rows of length about one.
    """
    rng = np.random.default_rng([seed, 3])
    return (rng.normal(size=(feed.n_creators, width)) / np.sqrt(width))[feed.creator]


@dataclass(frozen=True, eq=False)
class Contexts:
    """The features of a user, a post and a place at an hour.

    In order: a one, the post's vector, whether the user follows the creator, the post's age in
    days, and the logarithm of its place in the list. The system chooses as if every post stood at
    the top; the last feature only keeps a low place from being held against the post.

    Attributes:
        feed: The feed; only what a service sees is read: times, creators, who follows whom.
        vectors: (n_posts, width) what the text, or else the creator, says.
    """

    feed: SimulatedFeed
    vectors: np.ndarray

    @property
    def dim(self) -> int:
        """Length of a row."""
        return self.vectors.shape[1] + 4

    def rows(self, log: FeedEvents) -> np.ndarray:
        """Features of each place that was shown, (n, dim)."""
        shown = log.log
        follows = self.feed.follows[shown.user, self.feed.creator[shown.item]]
        age = (shown.round - self.feed.posted[shown.item]) / 24
        place = np.log(1 + shown.position)
        ones = np.ones(len(shown))
        return np.column_stack([ones, self.vectors[shown.item], follows, age, place])

    def scores(
        self, hour: int, users: np.ndarray, posts: np.ndarray, theta: np.ndarray
    ) -> np.ndarray:
        """Score every post for every user, at the top place.

        Args:
            hour: The hour.
            users: (n,) positions of users.
            posts: (m,) positions of posts.
            theta: (n, dim) weights, one row a user.

        Returns:
            (n, m) scores.
        """
        age = (hour - self.feed.posted[posts]) / 24
        own = np.column_stack([np.ones(len(posts)), self.vectors[posts], age])
        follows = self.feed.follows[np.ix_(users, self.feed.creator[posts])]
        return theta[:, [*range(self.dim - 3), -2]] @ own.T + theta[:, [-3]] * follows
