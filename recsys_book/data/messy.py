"""A simulated shop's event log with every common fault, and a record of where each one is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys_book.data.errors import DataError
from recsys_book.data.simulated import DAY

EVENTS = ("view", "cart", "buy")
START = 1_700_006_400  # 2023-11-15 00:00 UTC
BOT = "bot"
_PRAISE = (
    "Warm and light, I wear it every day.",
    "Good value &amp; quick delivery.",
    "<p>Fits <b>perfectly</b>, even after ten washes.</p>",
    "很好看，质量也不错，值得购买。",
    "穿着舒服，<br/>下次还会买！",
    "Exactly as described 👍 see https://shop.example/review",
)
_COMPLAINT = (
    "The zip broke after two days.",
    "<div>Too small;&nbsp;sent it back.</div>",
    "颜色和图片不一样，有点失望。",
    "质量一般，<i>线头很多</i>。",
    "Arrived late, and in the WRONG colour!!!",
)
_TYPICAL_DWELL = {"phone": 20.0, "desktop": 60.0, "tablet": 35.0}


@dataclass(frozen=True)
class MessyLog:
    """A simulated event log and the truth about each of its rows.

    Attributes:
        events: one row an event, in the order in which the rows arrived: event_id, user, item,
            event ("view", "cart" or "buy"), timestamp (seconds), session, device ("phone",
            "desktop" or "tablet"), dwell_seconds (missing in places), rating (1 to 5, only after a
            purchase), text (a review, only after a purchase; HTML, English and Chinese).
        truth: the same index as ``events``: fault ("none", "exact duplicate",
            "technical duplicate", "missing value", "outlier" or "bot"), repeat (whether a person
            really came back for the same item: not a fault), original (the index of the row that
            a duplicate repeats, ``<NA>`` elsewhere) and dwell_seconds (the value before it was
            lost or spoilt).
    """

    events: pd.DataFrame
    truth: pd.DataFrame


def messy_event_log(
    n: int = 5_000, n_users: int = 200, n_items: int = 100, seed: int = 0
) -> MessyLog:
    """Simulate a shop's log in which about one row in five has something wrong with it.

    People visit in sessions of five events or so, view items in proportion to 1 / rank, put some
    into the cart and buy some; a quarter of what they buy they buy again weeks later. Dwell times
    are log-normal, and three times longer on a desktop than on a phone. Then the faults are added,
    one a row at most:

    - *bot*: two further users view one item after another every two seconds (5 % of ``n`` rows);
    - *missing value*: the dwell time is lost in 9 % of the views on a phone and 2 % of the others,
      so that the mean of what is left is too high, and filling by device is right;
    - *outlier*: 1 % of the dwell times are in milliseconds instead of seconds;
    - *exact duplicate*: rows that arrive twice, every field the same (4 % of ``n``);
    - *technical duplicate*: rows sent again one second later under a new event_id (4 % of ``n``);
      people themselves need two seconds or more between two events.

    Args:
        n: number of events before repeat purchases, bots and duplicates; at least 100.
        n_users: number of people; the two users after the last are the bots.
        n_items: number of items.
        seed: of the generator.

    Returns:
        The log, in order of arrival, and its truth.
    """
    if n < 100 or n_users < 1 or n_items < 2:
        raise DataError(
            f"The messy log got n = {n}, n_users = {n_users} and n_items = {n_items}; it needs at "
            "least 100 events, one user and two items."
        )
    rng = np.random.default_rng(seed)
    people = _people(n, n_users, n_items, rng)
    people = pd.concat([people, _second_purchases(people, rng)])
    events = pd.concat([people, _bots(n, n_users, n_items, rng)])
    events = events.sort_values("timestamp", kind="stable").reset_index(drop=True)
    events.insert(0, "event_id", np.arange(1, len(events) + 1))
    truth = pd.DataFrame(
        {
            "fault": np.where(events["user"] >= n_users, "bot", "none"),
            "repeat": events.duplicated(["user", "item", "event"]),
            "original": pd.array([pd.NA] * len(events), dtype="Int64"),
            "dwell_seconds": events["dwell_seconds"],
        }
    )
    truth.loc[truth["fault"] == "bot", "repeat"] = False
    _spoil_dwell(events, truth, rng)
    return _send_twice(events, truth, round(0.04 * n), rng)


def _people(n: int, n_users: int, n_items: int, rng: np.random.Generator) -> pd.DataFrame:
    session = np.sort(rng.integers(0, n // 5, n))
    n_sessions = n // 5
    begin = START + np.sort(rng.integers(0, 60 * DAY, n_sessions))
    popularity = 1 / np.arange(1, n_items + 1)
    rating = np.clip(np.round(3.6 + 1.1 * rng.normal(size=n)), 1, 5)
    words = np.where(rating >= 3, rng.choice(_PRAISE, n), rng.choice(_COMPLAINT, n))
    events = pd.DataFrame(
        {
            "user": rng.integers(0, n_users, n_sessions)[session],
            "item": rng.choice(n_items, n, p=popularity / popularity.sum()),
            "event": rng.choice(EVENTS, n, p=[0.8, 0.12, 0.08]),
            "timestamp": begin[session],
            "session": session,
            "device": rng.choice(list(_TYPICAL_DWELL), n_sessions, p=[0.6, 0.3, 0.1])[session],
        }
    )
    typical = events["device"].map(_TYPICAL_DWELL)
    events["dwell_seconds"] = (typical * np.exp(0.5 * rng.normal(size=n))).round(1)
    stay = np.ceil(events["dwell_seconds"]).astype(np.int64) + 1
    events["timestamp"] += stay.groupby(events["session"]).cumsum() - stay
    bought = events["event"] == "buy"
    events["rating"] = np.where(bought, rating, np.nan)
    events["text"] = pd.Series(np.where(bought, words, ""), dtype="str")
    return events


def _second_purchases(people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """People who come back for the same item: repeats that cleaning must keep."""
    bought = people[people["event"] == "buy"]
    again = bought[rng.random(len(bought)) < 0.25].copy()
    again["timestamp"] += rng.integers(14 * DAY, 28 * DAY, len(again))
    again["session"] = people["session"].max() + 1 + np.arange(len(again))
    return again


def _bots(n: int, n_users: int, n_items: int, rng: np.random.Generator) -> pd.DataFrame:
    size = max(round(0.025 * n), 2)
    crawls = []
    for bot in (n_users, n_users + 1):
        begin = START + int(rng.integers(0, 60 * DAY))
        crawls.append(
            pd.DataFrame(
                {
                    "user": bot,
                    "item": np.arange(size) % n_items,
                    "event": "view",
                    "timestamp": begin + 2 * np.arange(size),
                    "session": n + bot,
                    "device": "desktop",
                    "dwell_seconds": 2.0,
                    "rating": np.nan,
                    "text": pd.Series([""] * size, dtype="str"),
                }
            )
        )
    return pd.concat(crawls)


def _spoil_dwell(events: pd.DataFrame, truth: pd.DataFrame, rng: np.random.Generator) -> None:
    clean = truth["fault"] == "none"
    chance = np.where(events["device"] == "phone", 0.09, 0.02)
    lost = clean & (rng.random(len(events)) < chance)
    far = clean & ~lost & (rng.random(len(events)) < 0.01)
    events.loc[lost, "dwell_seconds"] = np.nan
    events.loc[far, "dwell_seconds"] *= 1_000
    truth.loc[lost, "fault"] = "missing value"
    truth.loc[far, "fault"] = "outlier"


def _send_twice(
    events: pd.DataFrame, truth: pd.DataFrame, size: int, rng: np.random.Generator
) -> MessyLog:
    chosen = rng.choice(np.flatnonzero(truth["fault"] == "none"), 2 * size, replace=False)
    exact, resent = np.sort(chosen[:size]), np.sort(chosen[size:])
    copies = events.iloc[np.r_[exact, resent]].copy()
    copies.iloc[size:, copies.columns.get_loc("event_id")] = len(events) + 1 + np.arange(size)
    copies.iloc[size:, copies.columns.get_loc("timestamp")] += 1
    notes = truth.iloc[np.r_[exact, resent]].copy()
    notes["fault"] = ["exact duplicate"] * size + ["technical duplicate"] * size
    notes["repeat"] = False
    notes["original"] = pd.array(copies.index, dtype="Int64")
    log = pd.concat([events, copies], ignore_index=True)
    notes = pd.concat([truth, notes], ignore_index=True)
    arrival = log["timestamp"].argsort(kind="stable").to_numpy()
    place = np.empty(len(log), np.int64)
    place[arrival] = np.arange(len(log))
    log, notes = (t.iloc[arrival].reset_index(drop=True) for t in (log, notes))
    known = notes["original"].notna()
    notes.loc[known, "original"] = place[notes.loc[known, "original"].astype(np.int64)]
    return MessyLog(log, notes)
