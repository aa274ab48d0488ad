"""Recommenders: one interface, from a popularity count to a model with two million weights.

Models that need torch, numba or the encoders are imported when they are first asked for, so that a
popularity count does not wait for a deep-learning library.
"""

from importlib import import_module
from typing import Any

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
from recsys_book.recommenders.implicit import (
    BPR,
    SLIM,
    WARP,
    ImplicitALS,
    LogisticMF,
    bpr_loss,
    bpr_step,
    ials_half_step,
    ials_loss,
    ials_objective,
    ials_user,
    ials_user_cg,
    ials_user_from_gram,
    logistic_gradient,
    logistic_loss,
    rank_weight,
    slim_objective,
    slim_weight,
    warp_gradients,
    warp_loss,
)
from recsys_book.recommenders.neighbors import ItemKNN, RP3beta, UserKNN
from recsys_book.recommenders.pipeline import Pipeline, PipelineResult
from recsys_book.recommenders.popularity import (
    DecayedPopularity,
    Popularity,
    Random,
    RecentPopularity,
)
from recsys_book.recommenders.rating_neighbors import RatingKNN
from recsys_book.recommenders.rules import CategoryRule
from recsys_book.recommenders.search import top_k_inner
from recsys_book.recommenders.sequential import FPMC, MarkovChain, SequentialEASE

__all__ = [
    "BPR",
    "BaseRecommender",
    "CategoryRule",
    "DecayedPopularity",
    "EASE",
    "FPMC",
    "GenreProfile",
    "ImplicitALS",
    "ItemBias",
    "ItemKNN",
    "LogisticMF",
    "MarkovChain",
    "NotFittedError",
    "Pipeline",
    "PipelineResult",
    "Popularity",
    "RP3beta",
    "Random",
    "RatingKNN",
    "RecentPopularity",
    "Recommender",
    "SLIM",
    "SequentialEASE",
    "TIE_SEED",
    "UserItemBias",
    "UserKNN",
    "WARP",
    "bpr_loss",
    "bpr_step",
    "damped_mean",
    "ease_objective",
    "ease_weights",
    "genre_matrix",
    "ials_half_step",
    "ials_loss",
    "ials_objective",
    "ials_user",
    "ials_user_cg",
    "ials_user_from_gram",
    "logistic_gradient",
    "logistic_loss",
    "positions_from_end",
    "rank_weight",
    "slim_objective",
    "slim_weight",
    "top_k",
    "top_k_inner",
    "warp_gradients",
    "warp_loss",
]

#: Public name → the module of this room that holds it.
_LAZY: dict[str, str] = {
    "AlphaRec": "language",
    "AutoRec": "neural",
    "BERT4Rec": "sequential",
    "BaggedRecommender": "hybrid",
    "BayesianPMF": "factorization",
    "BiasedALS": "factorization",
    "BiasedMF": "factorization",
    "BoostedEASE": "hybrid",
    "BoostedRecommender": "hybrid",
    "CascadeHybrid": "hybrid",
    "Caser": "sequential",
    "ContentRidge": "hybrid",
    "ContextReweighting": "hybrid",
    "DIN": "features",
    "DeepFM": "features",
    "Design": "features",
    "FactorizationMachine": "features",
    "FeatureAugmentation": "hybrid",
    "FeatureCombination": "hybrid",
    "FeatureFactorization": "features",
    "Field": "features",
    "GRU4Rec": "sequential",
    "HybridSystem": "hybrid",
    "InterestProfile": "language",
    "LightGCN": "graph",
    "MultDAE": "neural",
    "MultVAE": "neural",
    "MultiTask": "features",
    "NMF": "factorization",
    "NeuMF": "neural",
    "PMF": "factorization",
    "PosterCNN": "neural",
    "PureSVD": "factorization",
    "RankFusion": "hybrid",
    "RatingBlend": "factorization",
    "RatingSVD": "factorization",
    "SASRec": "sequential",
    "SVDpp": "factorization",
    "StackedHybrid": "hybrid",
    "StackedRating": "hybrid",
    "SwitchingHybrid": "hybrid",
    "TextBehaviour": "language",
    "TextCNN": "neural",
    "TextEASE": "language",
    "TextHybrid": "language",
    "TextNeighbours": "language",
    "TextPriorMF": "language",
    "TextRating": "language",
    "TwoTower": "neural",
    "UniSRec": "language",
    "UserRegression": "factorization",
    "WeightedHybrid": "hybrid",
    "WideAndDeep": "features",
    "bucket_field": "features",
    "deepfm_logit": "features",
    "din_pooling": "features",
    "esmm_probabilities": "features",
    "field_interactions": "features",
    "fm_double_sum": "features",
    "fm_linear_time": "features",
    "gmf": "neural",
    "half_step": "factorization",
    "identity_field": "features",
    "impute": "factorization",
    "label_field": "features",
    "mf_objective": "factorization",
    "movielens_fields": "features",
    "multiplicative_update": "factorization",
    "normalized_graph": "graph",
    "pmf_log_posterior": "factorization",
    "propagate": "graph",
    "rank_error": "factorization",
    "truncated_svd": "factorization",
    "wide_deep_logit": "features",
}
__all__ += sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return __all__
