"""A simulated market with a shared stock, where one user's treatment is another's shortage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Market", "MarketLog", "global_effect", "switchback", "user_split"]


@dataclass(frozen=True, eq=False)
class MarketLog:
    """What happened in a number of separate regions, period by period.

    Attributes:
        visitors: Visitors by arm, shape (periods, regions, 2).
        orders: Orders by arm, shape (periods, regions, 2).
        treated: Share of visitors that were treated, shape (periods, regions).
    """

    visitors: np.ndarray
    orders: np.ndarray
    treated: np.ndarray

    def rate(self, arm: int, periods: slice = slice(None)) -> np.ndarray:
        """Return orders per visitor of an arm by region, NaN without visitors, (regions,)."""
        orders, visitors = (x[periods, :, arm].sum(axis=0) for x in (self.orders, self.visitors))
        return np.divide(orders, visitors, out=np.full(len(orders), np.nan), where=visitors > 0)


@dataclass(frozen=True)
class Market:
    """Listings that are away for a while once they are ordered: flats, couriers, copies.

    A visitor looks at one listing at random. If it is free, he orders with the chance of his arm.
    An ordered listing comes back with a fixed chance in each period. Simulated.

    Source: after Johari, Li, Liskovich & Weintraub (2022), "Experimental Design in Two-Sided
    Platforms: An Analysis of Bias", Management Science 68(10).

    Attributes:
        listings: Listings in each region.
        visitors: Mean number of visitors of a region in a period.
        orders: Chance of an order on a free listing, control and treatment.
        comes_back: Chance that an ordered listing is free again after a period.
    """

    listings: int = 200
    visitors: float = 100.0
    orders: tuple[float, float] = (0.3, 0.375)
    comes_back: float = 0.1

    def __post_init__(self) -> None:
        """Refuse numbers that make no market."""
        if self.listings < 1 or not self.visitors > 0:
            raise ValueError("listings and visitors must be positive; a market needs both.")
        if not all(0 < p <= 1 for p in (*self.orders, self.comes_back)):
            raise ValueError("orders and comes_back must be chances above 0 and at most 1.")

    def run(self, treated: np.ndarray, seed: int = 0) -> MarketLog:
        """Let the market run under a plan of treatment.

        Args:
            treated: Share of the visitors to treat, 0 to 1, shape (periods, regions).
            seed: Seed of the simulation.

        Returns:
            Visitors and orders by arm.

        Raises:
            ValueError: If the plan is no table of shares.
        """
        plan = np.asarray(treated, dtype=np.float64)
        if plan.ndim != 2 or plan.size == 0 or not ((plan >= 0) & (plan <= 1)).all():
            raise ValueError("treated must be a table of shares from 0 to 1, periods by regions.")
        rng = np.random.default_rng(seed)
        visitors, orders = (np.zeros((*plan.shape, 2)) for _ in range(2))
        free = np.full(plan.shape[1], self.listings)
        for t, share in enumerate(plan):
            came = rng.poisson(self.visitors, len(share))
            new = rng.binomial(came, share)
            visitors[t] = np.stack([came - new, new], axis=1)
            chance = np.minimum(1.0, free / self.listings)[:, None] * np.asarray(self.orders)
            wanted = rng.binomial(visitors[t].astype(np.int64), chance)
            orders[t] = _at_most(wanted, free, rng)
            free = free - orders[t].sum(axis=1).astype(np.int64)
            free = free + rng.binomial(self.listings - free, self.comes_back)
        return MarketLog(visitors, orders, plan)


def user_split(market: Market, periods: int, regions: int, seed: int = 0) -> np.ndarray:
    """Return the naive estimate: half of the visitors of every period are treated.

    Args:
        market: The market.
        periods: Length of the experiment.
        regions: Number of separate repetitions.
        seed: Seed.

    Returns:
        Difference of orders per visitor, treated minus control, shape (regions,).
    """
    log = market.run(np.full((periods, regions), 0.5), seed)
    return log.rate(1) - log.rate(0)


def switchback(
    market: Market, periods: int, regions: int, block: int, burn_in: int = 0, seed: int = 0
) -> np.ndarray:
    """Return the estimate of a test in which whole blocks of time are treated, or not.

    Blocks come in pairs; a coin decides which of the two is treated. The first periods of each
    block, which still feel the block before, can be left out.

    Source: Bojinov, Simchi-Levi & Zhao (2023), "Design and Analysis of Switchback Experiments",
    Management Science 69(7).

    Args:
        market: The market.
        periods: Length of the experiment, a multiple of twice the block.
        regions: Number of separate repetitions.
        block: Periods of a block.
        burn_in: Periods at the start of each block that are not counted, below ``block``.
        seed: Seed of the plan and of the market.

    Returns:
        Difference of orders per visitor, treated minus control, shape (regions,).

    Raises:
        ValueError: If the blocks do not fit.
    """
    if block < 1 or periods % (2 * block) or not 0 <= burn_in < block:
        raise ValueError(
            f"{periods} periods, block {block} and burn_in {burn_in} do not fit; use a multiple of"
            " twice the block, and a burn-in below it."
        )
    rng = np.random.default_rng([seed, 1])
    first = rng.integers(0, 2, (periods // (2 * block), regions))
    plan = np.repeat(np.stack([first, 1 - first], axis=1).reshape(-1, regions), block, axis=0)
    log = market.run(plan, seed)
    counted = (np.arange(periods) % block >= burn_in)[:, None, None]
    orders, visitors = (x * counted for x in (log.orders, log.visitors))
    rates = orders.sum(axis=0) / visitors.sum(axis=0)
    return rates[:, 1] - rates[:, 0]


def global_effect(market: Market, periods: int = 2000, regions: int = 20, seed: int = 0) -> float:
    """Return the effect of treating everybody instead of nobody, by running both.

    Args:
        market: The market.
        periods: Length of each run; its first tenth is left out.
        regions: Number of regions.
        seed: Seed.

    Returns:
        Difference of orders per visitor.
    """
    late = slice(periods // 10, None)
    rates = [
        market.run(np.full((periods, regions), share), [seed, 9]).rate(arm, late).mean()
        for arm, share in ((0, 0.0), (1, 1.0))
    ]
    return float(rates[1] - rates[0])


def _at_most(wanted: np.ndarray, free: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cut the orders of a period to the free listings, by lot between the arms."""
    total = wanted.sum(axis=1)
    served = np.minimum(total, free)
    treated = rng.hypergeometric(wanted[:, 1], wanted[:, 0], served)
    return np.stack([served - treated, treated], axis=1)
