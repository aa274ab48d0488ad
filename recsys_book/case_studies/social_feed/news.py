"""News in MIND's format: a file made from the simulated feed, and scores of lists by time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from recsys_book.data.feed import SimulatedFeed
from recsys_book.data.feed_events import HOUR, FeedEvents
from recsys_book.data.feed_texts import TOPICS
from recsys_book.data.mind import NEWS_COLUMNS, Mind, write_mind
from recsys_book.evaluation import Ranked, auc_by_user, ndcg_at_k, reciprocal_rank

#: What the simulated feed's first hour is called in the file.
_FIRST = 1_573_430_400  # 11 November 2019, midnight


def feed_as_mind(feed: SimulatedFeed, events: FeedEvents, folder: str | Path) -> Path:
    """Write a simulated log in MIND's format. It is made up, like the feed.

    Args:
        feed: The world; a post is a piece of news, its topic the category.
        events: What was shown; each list becomes an impression.
        folder: Where the files go.

    Returns:
        The folder.
    """
    ids = np.array([f"N{j + 1}" for j in range(feed.n_posts)], dtype=object)
    empty = [[] for _ in ids]
    cells = (
        ids,
        np.array(TOPICS, dtype=object)[feed.topic],
        np.where(feed.lure, "lure", "plain"),
        feed.text,
        [""] * len(ids),
        [""] * len(ids),
        empty,
        empty,
    )
    frame, past = events.to_frame(), {}
    rows = []
    for (hour, user), part in frame.groupby(["hour", "user"], sort=True):
        shown = list(zip(ids[part["post"]], part["view"].astype(int)))
        rows.append((len(rows) + 1, f"U{user}", _FIRST + HOUR * hour, past.get(user, []), shown))
        past[user] = past.get(user, []) + [name for name, view in shown if view]
    names = ["impression", "user", "time", "history", "impressions"]
    news = pd.DataFrame(dict(zip(NEWS_COLUMNS, cells)))
    return write_mind(folder, news, pd.DataFrame(rows, columns=names))


def fading_views(mind: Mind, half_life: float = np.inf) -> np.ndarray:
    """Count, for each news in each list, the views in earlier lists, old ones for less.

    Args:
        mind: The data.
        half_life: Hours after which a view counts half; infinite for all alike.

    Returns:
        One score a shown place, (m,); lists of one and the same second do not see each other.
    """
    shown = mind.impressions
    order = np.argsort(shown.timestamp, kind="stable")
    scores, views = np.zeros(len(shown.item)), np.zeros(len(mind.news))
    now, waiting = None, []
    for j in order:
        if shown.timestamp[j] != now:
            for items in waiting:
                np.add.at(views, items, 1.0)
            if now is not None:
                views *= 0.5 ** ((shown.timestamp[j] - now) / HOUR / half_life)
            now, waiting = shown.timestamp[j], []
        items, clicked = shown.shown(j)
        scores[shown.start[j] : shown.start[j + 1]] = views[items]
        waiting.append(items[clicked == 1])
    return scores


def profile_scores(mind: Mind, vectors: np.ndarray) -> np.ndarray:
    """Compare each shown news with the mean of what the user had read, (m,); 0 without a history.

    Args:
        mind: The data.
        vectors: (n_news, d) sentence vectors.
    """
    shown, scores = mind.impressions, np.zeros(len(mind.impressions.item))
    for j in range(len(shown)):
        past = shown.read_before(j)
        if len(past):
            items, _ = shown.shown(j)
            part = slice(shown.start[j], shown.start[j + 1])
            scores[part] = vectors[items] @ vectors[past].mean(axis=0)
    return scores


def impression_metrics(mind: Mind, scores: np.ndarray, since: int = 0) -> pd.DataFrame:
    """The four figures of the MIND competition, list by list.

    Args:
        mind: The data, with marks.
        scores: (m,) one score a shown place.
        since: Lists before this time are left out.

    Returns:
        One row a list with something read and something not read: ``auc``, ``mrr``, ``ndcg_5``,
        ``ndcg_10``.

    Raises:
        ValueError: If there is not one score a place.
    """
    shown = mind.impressions
    if np.shape(scores) != shown.item.shape:
        raise ValueError(
            f"There are {np.shape(scores)} scores for {len(shown.item)} shown places; give one"
            " each, in the order of the file."
        )
    size = np.diff(shown.start)
    row = np.repeat(np.arange(len(shown)), size)
    reads = np.bincount(row, shown.clicked == 1, minlength=len(shown))
    keep = (reads > 0) & (reads < size) & (shown.timestamp >= since)
    wide = np.full((len(shown), max(size.max(), 10)), -np.inf)
    relevance = np.zeros_like(wide)
    column = np.arange(len(row)) - shown.start[row]
    wide[row, column], relevance[row, column] = scores, shown.clicked == 1
    ranked = Ranked.from_arrays(wide[keep], relevance[keep])
    chosen = keep[row]
    auc = auc_by_user(row[chosen], (shown.clicked == 1)[chosen].astype(int), scores[chosen])[1]
    return pd.DataFrame(
        {
            "auc": auc,
            "mrr": reciprocal_rank(ranked),
            "ndcg_5": ndcg_at_k(ranked, 5),
            "ndcg_10": ndcg_at_k(ranked, 10),
        }
    )
