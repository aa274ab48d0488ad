"""The hybrids' lines of the leaderboard, with settings chosen on the tuning splits."""

from recsys_book.recommenders.closed_form import EASE
from recsys_book.recommenders.content import GenreProfile
from recsys_book.recommenders.hybrid import (
    BoostedEASE,
    RankFusion,
    StackedHybrid,
    WeightedHybrid,
)
from recsys_book.recommenders.leaderboard.entry import Entry, Side
from recsys_book.recommenders.popularity import RecentPopularity
from recsys_book.recommenders.sequential import SequentialEASE

CHAPTER = "ch-hybrids"


def temporal_members(side: Side) -> list:
    """EASE on recent history, what is popular now, and the films' text.

    Args:
        side: The data set with its side information.

    Returns:
        Three unfitted members.
    """
    return [
        EASE(400.0, half_life=5),
        RecentPopularity(0.1),
        GenreProfile(side.title_vectors.astype(float)),
    ]


def last_members() -> list:
    """A linear model of sequences and recency-weighted EASE."""
    return [SequentialEASE(), EASE(400.0, half_life=10)]


ENTRIES = (
    Entry(
        "hybrid, learned weights",
        CHAPTER,
        {
            "temporal": lambda side, seed: WeightedHybrid(
                temporal_members(side), scale="normal", seed=seed
            ),
            "last": lambda side, seed: WeightedHybrid(
                last_members(), scale="zscore", validation="last", seed=seed
            ),
        },
        tried=45,
    ),
    Entry(
        "hybrid, equal weights",
        CHAPTER,
        {
            "temporal": lambda side, seed: WeightedHybrid(
                temporal_members(side), [1.0, 1.0, 1.0], scale="normal"
            )
        },
    ),
    Entry(
        "hybrid, reciprocal ranks",
        CHAPTER,
        {
            "temporal": lambda side, seed: RankFusion(temporal_members(side), "rrf"),
            "last": lambda side, seed: RankFusion(last_members(), "rrf"),
        },
    ),
    Entry(
        "stack, logistic regression",
        CHAPTER,
        {
            "temporal": lambda side, seed: StackedHybrid(
                temporal_members(side), "logistic", context=False, seed=seed
            )
        },
        tried=6,
    ),
    Entry(
        "stack, gradient boosting",
        CHAPTER,
        {
            "temporal": lambda side, seed: StackedHybrid(
                temporal_members(side), "boosting", seed=seed
            )
        },
    ),
    Entry(
        "boosted EASE",
        CHAPTER,
        {
            "temporal": lambda side, seed: BoostedEASE(5, 200.0),
            "last": lambda side, seed: BoostedEASE(5, 100.0),
        },
    ),
)
