"""Recommenders: one interface, from a popularity count to a model with two million weights."""

from recsys_book.recommenders.base import (
    TIE_SEED,
    BaseRecommender,
    NotFittedError,
    Recommender,
    top_k,
)
from recsys_book.recommenders.biases import ItemBias, UserItemBias, damped_mean
from recsys_book.recommenders.closed_form import (
    EASE,
    ease_objective,
    ease_weights,
    positions_from_end,
)
from recsys_book.recommenders.content import GenreProfile, genre_matrix
from recsys_book.recommenders.pipeline import Pipeline, PipelineResult
from recsys_book.recommenders.popularity import (
    DecayedPopularity,
    Popularity,
    Random,
    RecentPopularity,
)
from recsys_book.recommenders.rules import CategoryRule

__all__ = [
    "BaseRecommender",
    "CategoryRule",
    "DecayedPopularity",
    "EASE",
    "GenreProfile",
    "ItemBias",
    "NotFittedError",
    "Pipeline",
    "PipelineResult",
    "Popularity",
    "Random",
    "RecentPopularity",
    "Recommender",
    "TIE_SEED",
    "UserItemBias",
    "damped_mean",
    "ease_objective",
    "ease_weights",
    "genre_matrix",
    "positions_from_end",
    "top_k",
]
