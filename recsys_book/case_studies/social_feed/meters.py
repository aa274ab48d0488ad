"""Is anybody put in a bubble, and does anybody starve? Meters for what a feed shows."""

from __future__ import annotations

import numpy as np

from recsys_book.case_studies.social_feed.loop import FeedRun
from recsys_book.data.feed import SimulatedFeed
from recsys_book.data.feed_events import FeedEvents
from recsys_book.evaluation import gini, overlap_between_users
from recsys_book.recommenders.reranking import divergence


def topic_mix(events: FeedEvents, topics: np.ndarray, n_topics: int) -> np.ndarray:
    """Return each user's shares of the topics among what was shown.

    Args:
        events: What was shown.
        topics: (n_posts,) topic of each post.
        n_topics: Number of topics.

    Returns:
        (n_users, n_topics); zeros for a user who was shown nothing.
    """
    mix = np.zeros((events.log.n_users, n_topics))
    np.add.at(mix, (events.log.user, topics[events.log.item]), 1.0)
    return mix / np.maximum(mix.sum(axis=1, keepdims=True), 1)


def entropy(mix: np.ndarray) -> np.ndarray:
    """Entropy of shares in nats, one value a row: 0 for one topic, the logarithm of n for all."""
    logs = np.log(mix, where=mix > 0, out=np.zeros_like(mix))
    return -(mix * logs).sum(axis=1)


def first_impressions(run: FeedRun, feed: SimulatedFeed, n: int = 10) -> np.ndarray:
    """Hours until each new post was shown n times, infinite if it never was.

    Args:
        run: The run.
        feed: The world.
        n: Number of impressions.

    Returns:
        One value a post that was written in the run and at least ``feed.life`` before its end.

    Raises:
        ValueError: If the run is too short for any post to live its life.
    """
    log, stop = run.events.log, run.start + len(run.came)
    new = np.flatnonzero((feed.posted >= run.start) & (feed.posted < stop - feed.life))
    if not len(new):
        raise ValueError("No post was written and gone within the run: let it run longer.")
    order = np.argsort(log.item, kind="stable")  # hours stay sorted within a post
    begin = np.searchsorted(log.item[order], new)
    size = np.bincount(log.item, minlength=feed.n_posts)[new]
    at = order[np.minimum(begin + n - 1, max(len(order) - 1, 0))]
    return np.where(size >= n, log.round[at] - feed.posted[new], np.inf)


def last_lists(events: FeedEvents, k: int) -> np.ndarray:
    """Return the last list of each user, (n_users, k); -1 where a user never came."""
    log = events.log
    lists = np.full((log.n_users, k), -1)
    last = np.full(log.n_users, -1)
    np.maximum.at(last, log.user, log.round)
    rows = log.round == last[log.user]
    lists[log.user[rows], log.position[rows]] = log.item[rows]
    return lists


def read_meters(run: FeedRun, feed: SimulatedFeed, k: int = 8) -> dict[str, float]:
    """Measure breadth, fit and fairness of what was shown.

    Args:
        run: The run.
        feed: The world, for the true topics and interests.
        k: Places in a list.

    Returns:
        ``topics``: the number of topics that a user's feed is as varied as (the exponential of the
        entropy), and ``topics_liked``: the same of the true interests; ``miscalibration``: mean
        divergence of the feed's mix from the interests, in nats; ``creator_gini``: of the creators'
        exposure; ``small_creators``: their share of exposure; ``small_posts``: their share of
        posts; ``overlap``: share of a last list that another user's has too; ``lures``: share of
        shown posts with a lure; ``fresh``: share younger than two hours; ``starved``: share of new
        posts that were never shown ten times.
    """
    events, stop = run.events, run.start + len(run.came)
    item, came = events.log.item, run.came.any(axis=0)
    mix = topic_mix(events, feed.topic, feed.n_topics)[came]
    liked = np.mean([feed.interests(t) for t in range(run.start, stop)], axis=0)[came]
    creators = np.bincount(feed.creator[item], minlength=feed.n_creators)
    written = (feed.posted >= run.start - feed.life) & (feed.posted < stop)
    return {
        "topics": float(np.exp(entropy(mix)).mean()),
        "topics_liked": float(np.exp(entropy(liked)).mean()),
        "miscalibration": float(np.mean([divergence(p, q) for p, q in zip(liked, mix)])),
        "creator_gini": gini(creators),
        "small_creators": float(feed.small[feed.creator[item]].mean()),
        "small_posts": float(feed.small[feed.creator[written]].mean()),
        "overlap": overlap_between_users(last_lists(events, k)[came], feed.n_posts),
        "lures": float(feed.lure[item].mean()),
        "fresh": float((events.log.round - feed.posted[item] < 2).mean()),
        "starved": float(np.isinf(first_impressions(run, feed)).mean()),
    }
