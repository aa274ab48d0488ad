"""The lines that every table of the book must hold."""

from recsys_book.recommenders.biases import ItemBias, UserItemBias
from recsys_book.recommenders.closed_form import EASE
from recsys_book.recommenders.leaderboard.entry import Entry
from recsys_book.recommenders.popularity import Popularity, Random, RecentPopularity

ENTRIES = (
    Entry(
        "random",
        "ch-measuring",
        {"temporal": lambda side, seed: Random(seed), "last": lambda side, seed: Random(seed)},
    ),
    Entry(
        "popularity",
        "ch-introduction",
        {"temporal": lambda side, seed: Popularity(), "last": lambda side, seed: Popularity()},
    ),
    Entry(
        "recent popularity",
        "ch-introduction",
        {
            "temporal": lambda side, seed: RecentPopularity(0.05),
            "last": lambda side, seed: RecentPopularity(0.5),
        },
        tried=7,
    ),
    Entry(
        "EASE",
        "ch-introduction",
        {"temporal": lambda side, seed: EASE(200.0), "last": lambda side, seed: EASE(100.0)},
        tried=6,
    ),
    Entry(
        "EASE, recent history",
        "ch-introduction",
        {
            "temporal": lambda side, seed: EASE(200.0, half_life=10),
            "last": lambda side, seed: EASE(400.0, half_life=10),
        },
        tried=26,
    ),
    Entry("item mean", "ch-introduction", {"ratings": lambda side, seed: ItemBias(damping=0.0)}),
    Entry(
        "user and item biases",
        "ch-introduction",
        {"ratings": lambda side, seed: UserItemBias(l2_user=5.0, l2_item=3.0)},
        tried=9,
    ),
)
