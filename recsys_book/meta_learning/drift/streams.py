"""Simulated streams whose tastes change on known dates. Nothing here is data about people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys_book.data import Interactions
from recsys_book.data.simulated import Simulated

KINDS = ("none", "abrupt", "gradual", "recurring", "personal", "walk")
_START = 1_700_000_000  # seconds since 1970; events are a minute apart
_MINUTE = 60


@dataclass(frozen=True)
class TasteLaw:
    """Where the tastes of a season come from: weights on item features, mean plus few directions.

    Attributes:
        mean: Mean weights, shape (n_features,).
        basis: Directions in which seasons differ, shape (n_features, rank).
    """

    mean: np.ndarray
    basis: np.ndarray

    @classmethod
    def draw(
        cls, n_features: int = 16, rank: int = 2, strength: float = 1.0, seed: int = 0
    ) -> TasteLaw:
        """Draw a law: orthonormal directions, and a mean of a third of their strength.

        Args:
            n_features: Features of an item.
            rank: Directions in which seasons differ.
            strength: Standard deviation of a season's taste, in stars.
            seed: Of the generator.

        Returns:
            The law.
        """
        rng = np.random.default_rng(seed)
        basis, _ = np.linalg.qr(rng.normal(size=(n_features, rank)))
        mean = rng.normal(size=n_features)
        mean *= strength / 3 / np.linalg.norm(mean)
        return cls(mean, basis * strength / np.sqrt(rank))

    def season(self, rng: np.random.Generator) -> np.ndarray:
        """Draw the weights of one season, shape (n_features,)."""
        return self.mean + self.basis @ rng.normal(size=self.basis.shape[1])

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the seasons' weights, shape (n_features, n_features)."""
        return self.basis @ self.basis.T


def past_seasons(
    law: TasteLaw, n_seasons: int, n: int, noise: float = 0.7, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return earlier seasons of the same law, each with its item features and ratings.

    Args:
        law: Where seasons come from.
        n_seasons: How many.
        n: Ratings in each.
        noise: Standard deviation of a rating about its expectation.
        seed: Of the generator.

    Returns:
        Pairs of features (n, n_features) and ratings about 3.5 (n,).
    """
    rng = np.random.default_rng([seed, 1])
    seasons = []
    for _ in range(n_seasons):
        x = rng.normal(size=(n, len(law.mean)))
        seasons.append((x, 3.5 + x @ law.season(rng) + noise * rng.normal(size=n)))
    return seasons


def drifting_tastes(
    kind: str = "abrupt",
    n: int = 4000,
    *,
    law: TasteLaw | None = None,
    n_users: int = 50,
    n_items: int = 300,
    change: float | Sequence[float] = 0.5,
    width: int = 500,
    rate: float = 0.01,
    share: float = 0.5,
    noise: float = 0.7,
    seed: int = 0,
) -> Simulated:
    r"""Return a log of ratings whose taste changes on a known date.

    A rating is :math:`3.5+w_t^\top x_i+\varepsilon`, not rounded or clipped. ``"none"`` keeps one
    season's :math:`w`; ``"abrupt"`` goes to a new season's at each change; ``"gradual"`` walks
    there in a straight line over ``width`` events; ``"recurring"`` returns to the first season
    half-way between the change and the end; ``"personal"`` lets a share of the users change and
    the others not; ``"walk"`` adds an independent step of length ``rate``, on average, at every
    event.

    Args:
        kind: One of ``KINDS``.
        n: Events, a minute apart.
        law: Where seasons come from; ``None`` draws one from the seed.
        n_users: Users, drawn uniformly.
        n_items: Items, drawn uniformly; their features are standard normal.
        change: When, as a share of the stream; several, increasing, for ``"abrupt"``.
        width: Events of a gradual change.
        rate: Root mean squared length of a step of the walk.
        share: Share of the users whose taste changes, for ``"personal"``.
        noise: Standard deviation of a rating about its expectation.
        seed: Of the generator.

    Returns:
        The log in time order and the truth: ``change``, the rows at which a law begins to change;
        ``date``, their timestamps; ``features`` (n_items, n_features); ``expected`` (n,), each
        rating without its noise; ``weights`` (n, n_features), the taste at each event.

    Raises:
        ValueError: If the kind is unknown, or the change is not inside the stream.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; use one of {', '.join(KINDS)}.")
    shares = np.atleast_1d(np.asarray(change, dtype=np.float64))
    if not (np.diff(shares, prepend=0.0, append=1.0) > 0).all() or n < 10:
        raise ValueError(f"change is {change} and n is {n}; put changes inside ten events or more.")
    if len(shares) > 1 and kind != "abrupt":
        raise ValueError(f"{len(shares)} changes were given for kind {kind!r}; give one.")
    law = TasteLaw.draw(seed=seed) if law is None else law
    rng = np.random.default_rng([seed, 2])
    features = rng.normal(size=(n_items, len(law.mean)))
    user, item = rng.integers(0, n_users, n), rng.integers(0, n_items, n)
    seasons = np.array([law.season(rng) for _ in range(len(shares) + 1)])
    mixed, rows = _mixture(kind, n, (n * shares).astype(np.int64), width)
    if kind == "personal":
        mixed = mixed * (rng.permutation(n_users) < share * n_users)[user]
    before = np.floor(mixed).astype(np.int64)
    after = np.minimum(before + 1, len(shares))
    weights = seasons[before] + (mixed - before)[:, None] * (seasons[after] - seasons[before])
    if kind == "walk":
        steps = rng.normal(size=weights.shape) * rate / np.sqrt(weights.shape[1])
        weights = weights + np.cumsum(steps, axis=0)
    expected = 3.5 + (weights * features[item]).sum(axis=1)
    value = expected + noise * rng.normal(size=n)
    time = _START + _MINUTE * np.arange(n)
    log = Interactions(user, item, value, time, np.arange(n_users), np.arange(n_items))
    truth = {
        "change": rows,
        "date": time[rows],
        "features": features,
        "expected": expected,
        "weights": weights,
    }
    return Simulated(f"drifting_tastes({kind})", log, truth)


def _mixture(kind: str, n: int, changes: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Season at each event, fractions between two, and the rows at which a law begins to change."""
    t = np.arange(n)
    if kind in ("none", "walk"):
        return np.zeros(n), np.array([], dtype=np.int64)
    if kind == "gradual":
        return np.clip((t - changes[0]) / width, 0, 1), changes
    if kind == "recurring":
        back = (changes[0] + n) // 2
        return ((t >= changes[0]) & (t < back)).astype(float), np.array([changes[0], back])
    return np.searchsorted(changes, t, side="right").astype(float), changes


def recovery_time(losses: np.ndarray, change: int, window: int = 100, slack: float = 1.25) -> int:
    """Return how many events after a change the loss is back at what it was before.

    Args:
        losses: One loss an event, shape (n,).
        change: Row of the change.
        window: Events over which the loss is averaged.
        slack: How many times the mean loss of the ``10 * window`` events before the change counts
            as recovered.

    Returns:
        Events from the change to the end of the first window, wholly after it, whose mean is at
        most ``slack`` times the mean before; the rest of the stream's length if there is none.

    Raises:
        ValueError: If no whole window fits before or after the change.
    """
    losses = np.asarray(losses, dtype=np.float64)
    if not window <= change <= len(losses) - window:
        raise ValueError(
            f"the change at row {change} of {len(losses)} leaves no window of {window} events on"
            " both sides; take a shorter window."
        )
    usual = losses[max(0, change - 10 * window) : change].mean()
    after = np.cumsum(np.concatenate([[0.0], losses[change:]]))
    means = (after[window:] - after[:-window]) / window
    good = np.flatnonzero(means <= slack * usual)
    return int(good[0]) + window if len(good) else len(losses) - change
