"""A simulated shop whose truth is known: page views, clicks, carts, purchases, ad income.

The logs of the real shop end at the click, and nobody can rerun that week. This shop goes on to
the till, and can be run again with other policies. Whatever is measured here is labelled simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Items of a page, and what their place does to the log-odds of a click.
PLACES = np.array([0.0, -0.2, -0.4])
_BASE, _CART, _BUY = -4.6, 0.3, 0.4


@dataclass(frozen=True, eq=False)
class SimulatedShop:
    """One campaign: who comes, what is on offer, and how likely a click is.

    The log-odds of a click are a base, the item's appeal, the taste of the visitor's type for the
    item's style, and the effect of the place on the page. From ``changes_at`` on, the tastes and
    half of the items' appeals are those of another season.

    Attributes:
        style: (K,) int64, style of each item.
        appeal: (2, K) of each item before and after the change.
        taste: (2, U, C) of each type of visitor for each style, before and after.
        price: (K,) of each item, in the shop's currency.
        sponsored: (K,) bool, whether somebody pays for a click on it.
        changes_at: Share of the views after which the season changes; 1 for never.
    """

    style: np.ndarray
    appeal: np.ndarray
    taste: np.ndarray
    price: np.ndarray
    sponsored: np.ndarray
    changes_at: float = 1.0

    @property
    def n_items(self) -> int:
        """Number of items K."""
        return len(self.style)

    @property
    def n_types(self) -> int:
        """Number of types of visitor U."""
        return self.taste.shape[1]

    @property
    def n_styles(self) -> int:
        """Number of styles C."""
        return self.taste.shape[2]

    def click_rates(self, types: np.ndarray, time: float) -> np.ndarray:
        """Return the click rate of every item in every place.

        Args:
            types: Type of each visitor, shape (n,).
            time: Share of the views so far, 0 to 1.

        Returns:
            Click rates, shape (n, K, places).
        """
        season = int(time >= self.changes_at)
        logits = self.appeal[season] + self.taste[season][types][:, self.style]
        return 1 / (1 + np.exp(-(_BASE + logits[:, :, None] + PLACES)))


def draw_shops(
    n_items: int = 40,
    n_types: int = 8,
    n_styles: int = 5,
    likeness: float = 0.8,
    changes_at: float = 1.0,
    seed: int = 0,
) -> tuple[SimulatedShop, SimulatedShop]:
    """Draw two campaigns of one shop: other items, the same visitors, similar tastes.

    Args:
        n_items: Items of each campaign.
        n_types: Types of visitor.
        n_styles: Styles of item.
        likeness: Correlation of the tastes in the two campaigns, 0 to 1.
        changes_at: Share of the views after which the season of the second campaign changes.
        seed: Of everything.

    Returns:
        The campaign that ran before, and the new one.

    Raises:
        ValueError: If a number is out of range.
    """
    if min(n_types, n_styles) < 1 or n_items < len(PLACES):
        raise ValueError(
            f"The shop has {n_items} items, {n_types} types and {n_styles} styles; a page needs"
            f" {len(PLACES)} items, and there must be one type and one style at least."
        )
    if not (0 <= likeness <= 1 and 0 <= changes_at <= 1):
        raise ValueError(
            f"likeness is {likeness} and changes_at {changes_at}; give both between 0 and 1."
        )
    rng = np.random.default_rng(seed)
    taste = rng.normal(0, 0.8, (n_types, n_styles))
    shops = []
    for like, change in ((1.0, 1.0), (likeness, changes_at)):
        other = rng.normal(0, 0.8, (2, n_types, n_styles))
        here = like * taste + np.sqrt(1 - like**2) * other[0]
        appeal = np.tile(rng.normal(0, 0.6, n_items), (2, 1))
        appeal[1, ::2] = rng.normal(0, 0.6, len(appeal[1, ::2]))
        style, price = np.arange(n_items) % n_styles, rng.lognormal(3.5, 0.5, n_items)
        seasons = np.stack([here, 0.5 * here + np.sqrt(0.75) * other[1]])
        shops.append(
            SimulatedShop(style, appeal, seasons, price, np.arange(n_items) % 5 == 0, change)
        )
    return shops[0], shops[1]


def funnel(shop: SimulatedShop, rates: np.ndarray, items: np.ndarray) -> dict[str, float]:
    """Follow shown items to the till, in expectation.

    A click becomes a cart and a cart a purchase with rates that fall with the price; a click on a
    sponsored item earns a fixed fee, whether or not anything is bought.

    Args:
        shop: The shop.
        rates: Click rates of the items shown, shape (n, places).
        items: The items, shape (n, places).

    Returns:
        Sums over the pages: ``clicks``, ``carts``, ``purchases``, ``sales`` (currency),
        ``ad_income`` (currency) and ``active``, the visitors who click at least once.
    """
    cheap = np.median(shop.price) / shop.price[items]
    carts = rates * _CART * np.minimum(1.5, np.sqrt(cheap))
    purchases = carts * _BUY
    return {
        "clicks": float(rates.sum()),
        "carts": float(carts.sum()),
        "purchases": float(purchases.sum()),
        "sales": float((purchases * shop.price[items]).sum()),
        "ad_income": float((rates * shop.sponsored[items]).sum() * 0.5),
        "active": float((1 - np.prod(1 - rates, axis=1)).sum()),
    }
