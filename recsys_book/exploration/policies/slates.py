"""Policies that show a list, and learn from where the reader stopped."""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.policies.base import Policy
from recsys_book.exploration.policies.ucb import kl_ucb_index


def cascade_click_probability(attraction: np.ndarray) -> np.ndarray:
    r"""Return the chance of a click on each list, :math:`1-\prod_{i\in L}(1-w_i)`.

    Equation: eq-cascade

    Source: Craswell, Zoeter, Taylor and Ramsey (2008), "An Experimental Comparison of Click
    Position-Bias Models", WSDM.

    Args:
        attraction: Chance that each shown item attracts, shape (..., L).

    Returns:
        Shape (...).
    """
    return 1 - np.prod(1 - attraction, axis=-1)


class CascadePolicy(Policy):
    """A policy that shows an ordered list and is told the position of the first click.

    The reader looks from the top and clicks the first item that attracts: items above the click
    were seen and did not attract, items below were not seen and teach nothing. ``select`` returns
    lists, shape (R, L). ``update`` takes lists (R, L) and positions (R,), counted from 0, with L
    for a list without a click. ``probabilities`` gives the chance of each arm of being *shown*,
    so its rows sum to L.

    Equation: eq-cascade

    Args:
        n_arms: Items K.
        n_positions: Length L of the list, at most K.
        n_runs: Runs R.
        seed: Seed of draws and ties.

    Attributes:
        n: How often each item was seen, shape (R, K).
        clicks: How often it was clicked, shape (R, K).

    Raises:
        ValueError: If the list is longer than there are items.
    """

    def __init__(self, *, n_arms: int, n_positions: int, n_runs: int = 1, seed: int = 0):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed)
        if not 1 <= n_positions <= n_arms:
            raise ValueError(f"n_positions is {n_positions}; use 1 to {n_arms}, the items.")
        self.n_positions = int(n_positions)
        self.n = np.zeros((self.n_runs, self.n_arms))
        self.clicks = np.zeros((self.n_runs, self.n_arms))
        self.t = 0
        self._monte_carlo = np.random.default_rng([seed, 1])

    def index(self, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return a score for each item, shape (R, K), drawn with ``rng`` where it is drawn."""
        raise NotImplementedError

    def _top(self, rng: np.random.Generator) -> np.ndarray:
        """Return the L items with the highest index, best first, ties at random; (R, L)."""
        scores = self.index(rng)
        return np.lexsort((rng.random(scores.shape), -scores), axis=1)[:, : self.n_positions]

    def select(self, contexts: np.ndarray | None = None) -> np.ndarray:
        """Return a list in each run, shape (R, L), best first."""
        return self._top(self.rng)

    def probabilities(self, contexts: np.ndarray | None = None, draws: int = 1000) -> np.ndarray:
        """Estimate by ``draws`` lists how likely each item is to be shown; shape (R, K)."""
        shown = np.zeros((self.n_runs, self.n_arms))
        for _ in range(draws):
            shown[self._rows[:, None], self._top(self._monte_carlo)] += 1
        return shown / draws

    def update(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray | None = None
    ) -> None:
        """Learn from lists (R, L) and the positions of their first clicks (R,)."""
        lists, position = self._check_lists(arms, rewards)
        seen = np.arange(self.n_positions) <= position[:, None]
        rows, columns = np.nonzero(seen)
        self.n[rows, lists[rows, columns]] += 1
        clicked = np.flatnonzero(position < self.n_positions)
        self.clicks[clicked, lists[clicked, position[clicked]]] += 1
        self.t += 1

    def _check_lists(self, lists: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return lists and positions as arrays of whole numbers, or say what is wrong."""
        lists, position = np.asarray(lists), np.asarray(position)
        if lists.shape != (self.n_runs, self.n_positions) or position.shape != (self.n_runs,):
            raise ValueError(
                f"lists has shape {lists.shape} and positions {position.shape};"
                f" give {(self.n_runs, self.n_positions)} and {(self.n_runs,)}."
            )
        if lists.dtype.kind not in "iu" or ((lists < 0) | (lists >= self.n_arms)).any():
            raise ValueError(f"a list has an unknown item; use 0 to {self.n_arms - 1}.")
        if (np.diff(np.sort(lists, axis=1), axis=1) == 0).any():
            raise ValueError("a list shows an item twice; show each item once.")
        if not np.isin(position, np.arange(self.n_positions + 1)).all():
            raise ValueError(
                f"a position is not in 0 to {self.n_positions};"
                f" count from 0 and give {self.n_positions} for no click."
            )
        return lists, position.astype(int)

    def _means(self) -> np.ndarray:
        """Return clicks divided by times seen, 0 where never seen; (R, K)."""
        return self.clicks / np.maximum(self.n, 1)


class CascadeUCB(CascadePolicy):
    """Show the items with the highest upper confidence bounds.

    Source: Kveton, Szepesvari, Wen and Ashkan (2015), "Cascading Bandits: Learning to Rank in the
    Cascade Model", ICML, algorithm 1 (CascadeUCB1: the bonus is sqrt(1.5 ln t / n); CascadeKL-UCB:
    level ln t + 3 ln ln t).

    Args:
        n_arms: Items K.
        n_positions: Length L of the list.
        bound: ``"ucb1"`` or ``"kl"``.
        n_runs: Runs R.
        seed: Seed of the draws between ties.

    Raises:
        ValueError: If ``bound`` is unknown or the list too long.
    """

    def __init__(
        self,
        *,
        n_arms: int,
        n_positions: int,
        bound: str = "ucb1",
        n_runs: int = 1,
        seed: int = 0,
    ):
        super().__init__(n_arms=n_arms, n_positions=n_positions, n_runs=n_runs, seed=seed)
        if bound not in ("ucb1", "kl"):
            raise ValueError(f'bound is {bound!r}; use "ucb1" or "kl".')
        self.bound = bound

    def index(self, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the upper confidence bounds, shape (R, K); infinity where never seen."""
        log_t = np.log(max(self.t, 1))
        if self.bound == "kl":
            level = log_t + 3 * np.log(max(log_t, 1.0))
            return kl_ucb_index(self._means(), self.n, level)
        bonus = np.sqrt(1.5 * log_t / np.maximum(self.n, 1))
        return np.where(self.n > 0, self._means() + bonus, np.inf)


class CascadeThompson(CascadePolicy):
    """Show the items with the highest draws from their Beta posteriors.

    Source: Cheung, Tan and Zhong (2019), "A Thompson Sampling Algorithm for Cascading Bandits",
    AISTATS (there with normal draws of the same counts' means).
    """

    def index(self, rng: np.random.Generator | None = None) -> np.ndarray:
        """Draw an attraction for each item, shape (R, K)."""
        rng = self.rng if rng is None else rng
        return rng.beta(1 + self.clicks, 1 + self.n - self.clicks)


class TopKThompson(CascadeThompson):
    """Thompson sampling of a list whose every position answers, click or not.

    ``update`` takes lists (R, L) and answers (R, L), each 0 or 1. Where readers do not see the
    whole list this counts what was never looked at as refused.
    """

    def update(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray | None = None
    ) -> None:
        """Learn from lists (R, L) and one answer a position (R, L)."""
        lists, _ = self._check_lists(arms, np.zeros(self.n_runs))
        clicks = np.asarray(rewards, dtype=float)
        if clicks.shape != lists.shape or not np.isin(clicks, (0, 1)).all():
            raise ValueError(
                f"the answers have shape {clicks.shape} or a value besides 0 and 1;"
                f" give 0 or 1 for each position, {lists.shape}."
            )
        self.n[self._rows[:, None], lists] += 1
        self.clicks[self._rows[:, None], lists] += clicks
        self.t += 1
