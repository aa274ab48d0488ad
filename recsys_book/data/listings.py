"""The data files that the source articles' listings read, which the articles do not supply.

Each is written from a simulation, so that a listing can be run as printed and its result compared
with a known truth.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from recsys_book.data.errors import DataError
from recsys_book.data.messy import messy_event_log
from recsys_book.data.simulated import latent_factor_ratings


def review_data(n: int = 1_000, seed: int = 0) -> pd.DataFrame:
    """Reviews and their ratings: text, rating; both with gaps (article S0b §5.2)."""
    log = messy_event_log(max(12 * n, 100), seed=seed).events
    table = log.loc[log["event"] == "buy", ["text", "rating"]].head(n).reset_index(drop=True)
    table["rating"] = table["rating"].mask(table.index % 20 == 19)
    return table


def rating_data(n: int = 15_000, seed: int = 0) -> pd.DataFrame:
    """Ratings from 1 to 5: user_id, item_id, rating (article S1 §4.3.2)."""
    log = latent_factor_ratings(n=n, seed=seed).interactions
    rating = log.value.round().clip(1, 5).astype(int)
    return pd.DataFrame({"user_id": log.user + 1, "item_id": log.item + 1, "rating": rating})


def shopping_data(n: int = 5_000, seed: int = 0) -> pd.DataFrame:
    """A shop's events: user_id, item_id, event, timestamp, rating (article S1 §4.4.1).

    The rating is missing wherever nothing was bought, and repeats and duplicates are left in.
    """
    log = messy_event_log(n, seed=seed).events
    table = log[["user", "item", "event", "timestamp", "rating"]]
    return table.rename(columns={"user": "user_id", "item": "item_id"})


_MAKERS: dict[str, Callable[..., pd.DataFrame]] = {
    "reviews": review_data,
    "ratings": rating_data,
    "shopping": shopping_data,
}


def write_csv(kind: str, path: str | Path, n: int | None = None, seed: int = 0) -> Path:
    """Write one of the files that the articles' listings read.

    Args:
        kind: ``"reviews"`` (text, rating), ``"ratings"`` (user_id, item_id, rating) or
            ``"shopping"`` (user_id, item_id, event, timestamp, rating).
        path: where to write it, for instance ``data.csv`` or ``online_shopping_data.csv``.
        n: about how many rows; ``None`` takes the default of the kind.
        seed: of the simulation.

    Returns:
        The path.

    Raises:
        DataError: there is no such kind, or the file cannot be written.
    """
    if kind not in _MAKERS:
        raise DataError(f"There is no listing data '{kind}'; choose one of {', '.join(_MAKERS)}.")
    table = _MAKERS[kind](seed=seed) if n is None else _MAKERS[kind](n, seed=seed)
    try:
        table.to_csv(path, index=False)
    except OSError as problem:
        reason = problem.strerror or problem
        raise DataError(f"{path} cannot be written ({reason}); choose another path.") from problem
    return Path(path)
