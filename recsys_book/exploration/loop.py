"""A shop that learns only from what it showed, with exploring and shrinking as switches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.evaluation.beyond_accuracy import gini


@dataclass(frozen=True)
class LoopResult:
    """What a feedback loop led to.

    Attributes:
        shown: How often each item was shown, shape (K,).
        gini: Concentration of all showings so far after each round, shape (rounds,).
        train_error: Mean squared error of the last fit on the clicks that it was fitted to.
        fresh_error: Its expected squared error on new clicks of the same people on the same items.
        click_rate: Expected click rate of new visitors when the last fit chooses, greedily.
        best_rate: The same when the truth chooses.
    """

    shown: np.ndarray
    gini: np.ndarray
    train_error: float
    fresh_error: float
    click_rate: float
    best_rate: float

    @property
    def gap(self) -> float:
        """Overfitting: the error on new clicks less the error on those fitted."""
        return self.fresh_error - self.train_error


class _Shop:
    """Visitors with known features, and items whose click rate is linear in two of them."""

    def __init__(self, n_items: int, dim: int, seed: int):
        self.rng = np.random.default_rng(seed)
        self.theta = np.zeros((n_items, dim))
        self.theta[:, 0] = self.rng.uniform(0.05, 0.35, n_items)
        self.theta[:, 1:3] = 0.06 * self.rng.standard_normal((n_items, 2))

    def visitors(self, n: int) -> np.ndarray:
        """Draw features, shape (n, d); the first is 1."""
        x = self.rng.standard_normal((n, self.theta.shape[1]))
        x[:, 0] = 1
        return x

    def rates(self, x: np.ndarray) -> np.ndarray:
        """Return the click rate of every visitor on every item, shape (n, K)."""
        return np.clip(x @ self.theta.T, 0.01, 0.95)


class ItemRidge:
    """A ridge regression of the clicks on each item, the intercept unpenalised.

    Args:
        n_items: K.
        dim: Features d, the first of which is always 1.
        penalty: Ridge penalty. With 0 a trace remains, so that an item with fewer clicks than
            features has a fit (nearly that of least norm).

    Attributes:
        n: How often each item was shown, shape (K,).
    """

    def __init__(self, n_items: int, dim: int, penalty: float):
        self.n = np.zeros(n_items, dtype=int)
        self._gram = np.zeros((n_items, dim, dim))
        self._moment = np.zeros((n_items, dim, 1))
        self._ridge = np.diag([1e-8] + [max(penalty, 1e-8)] * (dim - 1))

    def add(self, x: np.ndarray, item: np.ndarray, clicks: np.ndarray) -> None:
        """Add showings: features (n, d), items (n,) and clicks (n,)."""
        n_items, d = self._moment.shape[:2]
        one_hot = (item == np.arange(n_items)[:, None]).astype(float)
        self.n += one_hot.sum(axis=1).astype(int)
        outer = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
        self._gram += (one_hot @ outer).reshape(n_items, d, d)
        self._moment += (one_hot @ (x * clicks[:, None]))[:, :, None]

    def weights(self) -> np.ndarray:
        """Fit, and return the weights, shape (K, d)."""
        return np.linalg.solve(self._gram + self._ridge, self._moment)[:, :, 0]

    def choose(self, x: np.ndarray) -> np.ndarray:
        """Return the item of the highest prediction for each row, among those ever shown."""
        return np.where(self.n > 0, x @ self.weights().T, -np.inf).argmax(axis=1)


def feedback_loop(
    *,
    explore: float = 0.0,
    penalty: float = 0.0,
    n_items: int = 40,
    launched: int = 8,
    dim: int = 16,
    visitors: int = 120,
    rounds: int = 25,
    seed: int = 0,
) -> LoopResult:
    """Run a simulated shop whose model decides what it will learn from.

    The first visitors see random items among those ``launched``. Then, round by round, the model is
    fitted to all clicks so far and shows each visitor its best item, or with chance ``explore`` a
    random one of all. An item without data has no score and is shown by exploring alone. Two of
    the visitors' features matter, the others are there to be overfitted.

    Args:
        explore: Chance that a visitor gets a random item.
        penalty: Ridge penalty of the fit.
        n_items: Items K.
        launched: Items that have data from the start, at most K.
        dim: Features d, at least 3.
        visitors: Visitors a round.
        rounds: Rounds after the first.
        seed: Seed of truth, visitors, clicks and coins.

    Returns:
        What the loop led to.

    Raises:
        ValueError: If a setting is out of range.
    """
    if not 0 <= explore <= 1 or not penalty >= 0:
        raise ValueError(f"explore is {explore} and penalty {penalty}; use 0 to 1, and 0 or more.")
    if not 1 <= launched <= n_items or dim < 3 or min(visitors, rounds) < 1:
        raise ValueError(
            f"launched is {launched} of {n_items} items, dim {dim}, visitors {visitors} and rounds"
            f" {rounds}; use 1 to {n_items}, at least 3, 1 and 1."
        )
    shop, model = _Shop(n_items, dim, seed), ItemRidge(n_items, dim, penalty)
    rng, log, concentration = shop.rng, [], []
    for r in range(rounds + 1):
        x = shop.visitors(visitors)
        item = model.choose(x) if r else rng.integers(0, launched, visitors)
        chance, anything = rng.random(visitors), rng.integers(0, n_items, visitors)
        item = np.where((chance < explore) & (r > 0), anything, item)
        rate = shop.rates(x)[np.arange(visitors), item]
        clicks = (rng.random(visitors) < rate).astype(float)
        model.add(x, item, clicks)
        log.append((x, item, rate, clicks))
        concentration.append(gini(model.n))
    return _judge(shop, model, log, np.array(concentration[1:]))


def _judge(shop: _Shop, model: ItemRidge, log: list, concentration: np.ndarray) -> LoopResult:
    """Compare the last fit with its own clicks, with new ones, and with the truth."""
    x, item, rate, clicks = (np.concatenate(column) for column in zip(*log))
    fitted = (x * model.weights()[item]).sum(axis=1)
    new = shop.visitors(4000)
    rates = shop.rates(new)
    return LoopResult(
        shown=model.n,
        gini=concentration,
        train_error=float(np.mean((clicks - fitted) ** 2)),
        fresh_error=float(np.mean(rate * (1 - rate) + (rate - fitted) ** 2)),
        click_rate=float(rates[np.arange(4000), model.choose(new)].mean()),
        best_rate=float(rates.max(axis=1).mean()),
    )
