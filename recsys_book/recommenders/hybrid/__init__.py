"""Hybrids and ensembles: several recommenders that answer as one."""

from recsys_book.recommenders.hybrid.bagging import (
    BaggedRecommender,
    ambiguity,
    bootstrap_interactions,
    bootstrap_users,
    variance_of_mean,
)
from recsys_book.recommenders.hybrid.boosting import (
    BoostedEASE,
    BoostedRecommender,
    adaboost_round,
    own_precision,
    with_values,
)
from recsys_book.recommenders.hybrid.cascade import CascadeHybrid
from recsys_book.recommenders.hybrid.combine import WeightedHybrid, choices
from recsys_book.recommenders.hybrid.context import (
    TIME_CONTEXTS,
    ContextReweighting,
    InContext,
    context_lift,
    time_context,
)
from recsys_book.recommenders.hybrid.features import (
    ContentRidge,
    FeatureAugmentation,
    FeatureCombination,
)
from recsys_book.recommenders.hybrid.learners import LEARNERS, MetaLearner, make_learner
from recsys_book.recommenders.hybrid.members import HOLD_BACK, BaseHybrid, held_back
from recsys_book.recommenders.hybrid.ranks import (
    RankFusion,
    borda,
    majority_vote,
    ranks_from_top,
    reciprocal_rank_fusion,
    votes,
)
from recsys_book.recommenders.hybrid.scaling import SCALES, scale_scores
from recsys_book.recommenders.hybrid.stacking import StackedHybrid, StackedRating, out_of_fold
from recsys_book.recommenders.hybrid.switching import SwitchingHybrid
from recsys_book.recommenders.hybrid.system import (
    EpsilonLast,
    HybridSystem,
    Shown,
    mean_of_zscores,
)
from recsys_book.recommenders.hybrid.weights import (
    choice_loss,
    choice_weights,
    least_squares_weights,
    simplex_weights,
    weighted_average,
)

__all__ = [
    "BaggedRecommender",
    "BaseHybrid",
    "BoostedEASE",
    "BoostedRecommender",
    "CascadeHybrid",
    "ContentRidge",
    "ContextReweighting",
    "EpsilonLast",
    "FeatureAugmentation",
    "FeatureCombination",
    "HOLD_BACK",
    "HybridSystem",
    "InContext",
    "LEARNERS",
    "MetaLearner",
    "RankFusion",
    "SCALES",
    "Shown",
    "StackedHybrid",
    "StackedRating",
    "SwitchingHybrid",
    "TIME_CONTEXTS",
    "WeightedHybrid",
    "adaboost_round",
    "ambiguity",
    "bootstrap_interactions",
    "bootstrap_users",
    "borda",
    "choice_loss",
    "choice_weights",
    "choices",
    "context_lift",
    "held_back",
    "least_squares_weights",
    "majority_vote",
    "make_learner",
    "mean_of_zscores",
    "out_of_fold",
    "own_precision",
    "ranks_from_top",
    "reciprocal_rank_fusion",
    "scale_scores",
    "simplex_weights",
    "time_context",
    "variance_of_mean",
    "votes",
    "weighted_average",
    "with_values",
]
