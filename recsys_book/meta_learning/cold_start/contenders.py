"""The simple models of the cold-user table, with the settings that the tuning split chose."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.meta_learning.cold_start.baselines import (
    BiasesWithUserRidge,
    GlobalMean,
    ItemBiasOnly,
    ItemMean,
    TextRidge,
    UserMean,
)
from recsys_book.meta_learning.cold_start.bayes import BayesianFactors
from recsys_book.meta_learning.cold_start.draws import DrawnFactors, profiles
from recsys_book.meta_learning.cold_start.fold_in import FactorFoldIn
from recsys_book.meta_learning.cold_start.gaussian_process import ItemGP
from recsys_book.meta_learning.cold_start.neighbours import NewcomerKNN
from recsys_book.meta_learning.cold_start.protocol import ColdUserModel

if TYPE_CHECKING:
    from recsys_book.data import MovieLens

#: How many settings of each model were compared on the tuning split; 0 where there was nothing.
TRIED = {
    "user mean": 3,
    "item bias + user ridge": 4,
    "ridge on text": 24,
    "fold-in": 18,
    "user kNN": 9,
    "GP over items": 18,
    "GP over items and text": 72,
    "Bayesian factors": 36,
    "factors over draws": 2,
    "factors over draws, with features": 22,
}


def simple_models(movielens: MovieLens) -> dict[str, Callable[[], ColdUserModel]]:
    """Return what makes each simple model, from the plainest on.

    The settings of the models up to the Bayesian factors are those of one grid search a model on
    the tuning split (random support); they are the defaults of the classes.

    Args:
        movielens: The release with titles, genres, years and what is known of the users.

    Returns:
        From name to a maker without arguments. Titles are encoded when the first model that reads
        them is made.
    """

    @cache
    def vectors() -> np.ndarray:
        from recsys_book.encoders import title_vectors

        return title_vectors(movielens)

    @cache
    def features() -> dict[str, np.ndarray]:
        return dict(zip(("user_features", "item_features"), profiles(movielens)))

    return {
        "global mean": GlobalMean,
        "user mean": UserMean,
        "item mean": ItemMean,
        "item bias": ItemBiasOnly,
        "item bias + user ridge": BiasesWithUserRidge,
        "ridge on text": lambda: TextRidge(vectors()),
        "fold-in": FactorFoldIn,
        "user kNN": NewcomerKNN,
        "GP over items": ItemGP,
        "GP over items and text": lambda: ItemGP(vectors=vectors()),
        "Bayesian factors": BayesianFactors,
        "factors over draws": DrawnFactors,
        "factors over draws, with features": lambda: DrawnFactors(**features(), rated=10),
    }
