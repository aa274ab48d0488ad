"""The factorisation chapter's lines of the leaderboard."""

import numpy as np

from recsys_book.recommenders import (
    NMF,
    PMF,
    BayesianPMF,
    BiasedALS,
    BiasedMF,
    PureSVD,
    RatingBlend,
    RatingKNN,
    RatingSVD,
    SVDpp,
    UserRegression,
)
from recsys_book.recommenders.leaderboard.entry import Entry, Side

CHAPTER = "ch-factorisation"


def user_table(side: Side) -> np.ndarray:
    """Gender and occupation as ones and zeros, age, and the square of age in tens of years.

    Args:
        side: The data set with its side information.

    Returns:
        Shape (n_users, d).
    """
    users = side.movielens.users
    age = users["age"].to_numpy(float)
    columns = [age, (age / 10) ** 2]
    for name in ("gender", "occupation"):
        values = users[name].to_numpy(str)
        columns += [(values == level).astype(float) for level in np.unique(values)]
    return np.column_stack(columns)


def item_table(side: Side) -> np.ndarray:
    """Genres as ones and zeros, year, and its squared distance from the mean; no year, the mean.

    Args:
        side: The data set with its side information.

    Returns:
        Shape (n_items, d).
    """
    year = side.movielens.items["year"].to_numpy(float, na_value=np.nan)
    year = np.where(np.isnan(year), np.nanmean(year), year) - np.nanmean(year)
    return np.column_stack([side.genres, year, (year / 10) ** 2])


def _with_everything(side: Side, seed: int) -> BayesianPMF:
    return BayesianPMF(
        factors=16,
        samples=160,
        burn_in=60,
        implicit=16,
        user_features=user_table(side),
        item_features=item_table(side),
        seed=seed,
    )


ENTRIES = (
    Entry(
        "pure SVD",
        CHAPTER,
        {"temporal": lambda side, seed: PureSVD(32), "last": lambda side, seed: PureSVD(32)},
        tried=6,
    ),
    Entry(
        "SVD, soft-impute",
        CHAPTER,
        {"ratings": lambda side, seed: RatingSVD(30, "soft", shrink=15.0, iterations=30)},
        tried=5,
    ),
    Entry(
        "user regression on genres",
        CHAPTER,
        {"ratings": lambda side, seed: UserRegression(item_table(side), l2=10.0)},
    ),
    Entry("non-negative factors", CHAPTER, {"ratings": lambda side, seed: NMF(seed=seed)}),
    Entry("PMF", CHAPTER, {"ratings": lambda side, seed: PMF(seed=seed)}),
    Entry(
        "factors by SGD",
        CHAPTER,
        {
            "ratings": lambda side, seed: BiasedMF(100, 0.01, 0.1, 60, seed),
            "temporal": lambda side, seed: BiasedMF(100, 0.01, 0.1, 60, seed),
            "last": lambda side, seed: BiasedMF(100, 0.01, 0.1, 60, seed),
        },
        tried=4,
    ),
    Entry(
        "factors by ALS",
        CHAPTER,
        {"ratings": lambda side, seed: BiasedALS(40, 15.0, 15, seed)},
        tried=6,
    ),
    Entry(
        "SVD++",
        CHAPTER,
        {"ratings": lambda side, seed: SVDpp(100, 0.007, 0.1, 60, seed)},
        tried=7,
    ),
    Entry(
        "Bayesian factors",
        CHAPTER,
        {"ratings": lambda side, seed: BayesianPMF(16, samples=160, burn_in=60, seed=seed)},
        tried=3,
    ),
    Entry(
        "Bayesian factors and who rated what",
        CHAPTER,
        {
            "ratings": lambda side, seed: BayesianPMF(
                16, samples=160, burn_in=60, implicit=16, seed=seed
            )
        },
        tried=2,
    ),
    Entry(
        "Bayesian factors and features",
        CHAPTER,
        {"ratings": _with_everything},
        tried=12,
    ),
    Entry(
        "blend of rating models",
        CHAPTER,
        {
            "ratings": lambda side, seed: RatingBlend(
                [
                    _with_everything(side, seed),
                    SVDpp(100, 0.007, 0.1, 60, seed),
                    RatingKNN(40, shrinkage=200.0, l2_user=1.0, l2_item=3.0),
                ],
                seed=seed,
            )
        },
        tried=1,
    ),
)
