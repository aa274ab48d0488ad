"""Simulated behaviour with a known truth, for what no real log can tell.

Nothing here is data about people. Each generator takes a seed, says in its docstring what is true
of what it makes, and returns that truth beside the log; a chapter that uses one says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys_book.data.errors import DataError
from recsys_book.data.interactions import Interactions

DAY = 86_400


@dataclass(frozen=True)
class Simulated:
    """A simulated log, and what is true of it.

    Attributes:
        name: which generator made it.
        interactions: the log; its vocabularies hold every simulated user and item.
        truth: the quantities behind the log, by name; each generator documents its own.
    """

    name: str
    interactions: Interactions
    truth: dict[str, Any]


def _log(
    user: np.ndarray,
    item: np.ndarray,
    value: np.ndarray,
    timestamp: np.ndarray,
    n_users: int,
    n_items: int,
) -> Interactions:
    users, items = np.arange(n_users), np.arange(n_items)
    return Interactions(user, item, value, timestamp, users, items)


def _positive(**sizes: float) -> None:
    for name, size in sizes.items():
        if not size > 0:
            raise DataError(f"The simulation got {name} = {size}; give a number above 0.")


def dice_ratings(
    n_users: int = 500, n_items: int = 10_000, n: int = 20_000, levels: int = 5, seed: int = 0
) -> Simulated:
    """Ratings thrown like dice: independent of user, item and time, so nothing can be learnt.

    Whatever predicts them better than their mean does so by a leak (erratum PRE-07).

    Args:
        n_users: number of users, drawn uniformly.
        n_items: number of items, drawn uniformly.
        n: number of rows; pairs may repeat.
        levels: ratings are 1 to ``levels``, equally likely.
        seed: of the generator.

    Returns:
        The log, and the truth: ``mean``, the best constant prediction, and ``rmse``, the least
        root mean squared error that any honest predictor can expect.
    """
    _positive(n_users=n_users, n_items=n_items, n=n, levels=levels)
    rng = np.random.default_rng(seed)
    item = rng.integers(0, n_items, n)
    value = rng.integers(1, levels + 1, n)
    user = rng.integers(0, n_users, n)
    timestamp = np.sort(rng.integers(0, 365 * DAY, n))
    truth = {"mean": (levels + 1) / 2, "rmse": float(np.sqrt((levels**2 - 1) / 12))}
    return Simulated("dice_ratings", _log(user, item, value, timestamp, n_users, n_items), truth)


def item_life_cycle(
    n_users: int = 400,
    n_items: int = 500,
    n_days: int = 60,
    n: int = 8_000,
    fade_days: float = 6.0,
    seed: int = 0,
) -> Simulated:
    r"""Items are born, trend and fade: what is popular today was not there last month.

    On day :math:`d` an item born on day :math:`b_i \le d` is chosen with probability proportional
    to :math:`\exp(-(d - b_i)/\tau)`, an unborn one never. Users are all alike, so everything that
    can be known is *when* an item was born; a split that ignores time lets a popularity count see
    the future (erratum PRE-10).

    Args:
        n_users: number of users, drawn uniformly.
        n_items: number of items; a quarter or so are born before the log begins.
        n_days: length of the log in days.
        n: number of events.
        fade_days: the time constant :math:`\tau` of fading, in days.
        seed: of the generator.

    Returns:
        The log in time order, every value 1, and the truth: ``birth`` (n_items,), the day of birth
        (negative before the log), ``day`` (n,), the day of each event, and ``probability``
        (n_days, n_items), the chance of each item on each day.
    """
    _positive(n_users=n_users, n_items=n_items, n_days=n_days, n=n, fade_days=fade_days)
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, n_days, n))
    birth = rng.integers(-20, n_days, n_items)
    age = np.arange(n_days)[:, None] - birth
    weight = np.where(age >= 0, np.exp(-np.maximum(age, 0) / fade_days), 0.0)
    weight[weight.sum(axis=1) == 0] = 1.0  # a day on which nothing is born yet: any item
    probability = weight / weight.sum(axis=1, keepdims=True)
    item = np.array([rng.choice(n_items, p=probability[d]) for d in day])
    user = rng.integers(0, n_users, n)
    timestamp = np.sort(day * DAY + rng.integers(0, DAY, n))
    log = _log(user, item, np.ones(n), timestamp, n_users, n_items)
    truth = {"birth": birth, "day": day, "probability": probability}
    return Simulated("item_life_cycle", log, truth)


def latent_factor_ratings(
    n_users: int = 300,
    n_items: int = 200,
    n: int = 15_000,
    rank: int = 4,
    noise: float = 0.3,
    seed: int = 0,
) -> Simulated:
    r"""Ratings that are exactly what matrix factorisation assumes, plus noise.

    :math:`r = 3.5 + b_u + b_i + 0.35\, p_u^\top q_i + \varepsilon`, with
    :math:`b_u \sim N(0, 0.4^2)`, :math:`b_i \sim N(0, 0.5^2)`, standard normal factors and
    :math:`\varepsilon \sim N(0, \sigma^2)`. Values are not rounded or clipped. Ids carry no
    meaning: renumbering users or items changes nothing (erratum PRE-06).

    Args:
        n_users: number of users.
        n_items: number of items.
        n: number of ratings, at pairs drawn uniformly; pairs may repeat.
        rank: length of the factors.
        noise: the standard deviation :math:`\sigma` of the noise.
        seed: of the generator.

    Returns:
        The log, and the truth: ``mean``, ``user_bias``, ``item_bias``, ``user_factors`` and
        ``item_factors`` (already scaled, so that their products add to the biases), ``expected``
        (n,), each rating without its noise, and ``rmse``, the least error that can be expected.
    """
    _positive(n_users=n_users, n_items=n_items, n=n, rank=rank)
    rng = np.random.default_rng(seed)
    p, q = rng.normal(size=(n_users, rank)), rng.normal(size=(n_items, rank))
    b_user, b_item = rng.normal(size=n_users) * 0.4, rng.normal(size=n_items) * 0.5
    user, item = rng.integers(0, n_users, n), rng.integers(0, n_items, n)
    expected = 3.5 + b_user[user] + b_item[item] + 0.35 * (p[user] * q[item]).sum(axis=1)
    value = expected + noise * rng.normal(size=n)
    timestamp = np.sort(rng.integers(0, 365 * DAY, n))
    truth = {
        "mean": 3.5,
        "user_bias": b_user,
        "item_bias": b_item,
        "user_factors": 0.35 * p,
        "item_factors": q,
        "expected": expected,
        "rmse": noise,
    }
    log = _log(user, item, value, timestamp, n_users, n_items)
    return Simulated("latent_factor_ratings", log, truth)
