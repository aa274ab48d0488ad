"""A toy auction in which a wrong click rate costs money, though the ranking stays the same.

Source: Vickrey (1961), "Counterspeculation, Auctions, and Competitive Sealed Tenders".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def second_price_loss(worth: np.ndarray, bid: np.ndarray, ceiling: float) -> np.ndarray:
    r"""Return what a wrong bid costs on average, where the highest rival is uniform.

    A view is worth v and the highest rival's bid is uniform between 0 and c. Bidding b wins with
    probability b/c and pays b/2 on average, which leaves :math:`(vb-b^2/2)/c`; the best bid is v.
    The loss against it is :math:`(b-v)^2/2c` for bids up to c.

    Equation: eq-second-price-loss

    Args:
        worth: What the views are worth, shape (n,).
        bid: The bids, shape (n,); those above the ceiling count as the ceiling.
        ceiling: The highest bid that a rival can make.

    Returns:
        The loss of each view in the unit of the bids, shape (n,).

    Raises:
        ValueError: If the ceiling is not above 0, or a worth is above it or below 0.
    """
    worth, bid = np.asarray(worth, dtype=np.float64), np.asarray(bid, dtype=np.float64)
    if ceiling <= 0 or worth.min() < 0 or worth.max() > ceiling:
        raise ValueError(
            f"The worths reach from {worth.min():g} to {worth.max():g} and the ceiling is"
            f" {ceiling:g}; choose a ceiling above 0 and not below any worth."
        )
    return (np.clip(bid, 0, ceiling) - worth) ** 2 / (2 * ceiling)


@dataclass(frozen=True)
class AuctionResult:
    """What a buyer of views got.

    Attributes:
        won: Share of the auctions won.
        paid: Spent for each view on offer.
        earned: Value of the clicks for each view on offer.
        surplus: Earned less paid, for each view on offer.
    """

    won: float
    paid: float
    earned: float
    surplus: float


def run_auctions(
    rates: np.ndarray,
    believed: np.ndarray,
    value: float = 1.0,
    rivals: int = 3,
    seed: int = 0,
) -> AuctionResult:
    """Buy views by bidding what they are believed to be worth; the highest rival's bid is paid.

    Each rival bids its value times the true rate times a factor of its own, which is log-normal
    around 1: rivals know the rates as well as anybody. Clicks are taken at their expectation.

    Args:
        rates: True click rates of the views, shape (n,).
        believed: The buyer's click rates, shape (n,).
        value: What a click is worth to the buyer and, at the median, to a rival.
        rivals: Number of rivals.
        seed: Of the rivals' factors.

    Returns:
        Means over the views.

    Raises:
        ValueError: If the shapes differ, a rate is outside 0 to 1, or there is no rival.
    """
    rates, believed = np.asarray(rates, dtype=float), np.asarray(believed, dtype=float)
    if rates.shape != believed.shape or rates.ndim != 1:
        raise ValueError(
            f"The rates have shape {rates.shape} and the believed ones {believed.shape}; give two"
            " rows of the same length."
        )
    if min(rates.min(), believed.min()) < 0 or max(rates.max(), believed.max()) > 1:
        raise ValueError("A click rate is outside 0 to 1; bid with probabilities.")
    if rivals < 1:
        raise ValueError(f"rivals is {rivals}; an auction needs at least one.")
    rng = np.random.default_rng(seed)
    factors = rng.lognormal(-0.5, 0.5, (len(rates), rivals)).max(axis=1)
    price = value * rates * factors
    won = value * believed > price
    paid, earned = np.where(won, price, 0.0).mean(), np.where(won, value * rates, 0.0).mean()
    return AuctionResult(float(won.mean()), float(paid), float(earned), float(earned - paid))
