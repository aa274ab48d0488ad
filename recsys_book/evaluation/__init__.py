"""Evaluation: what a number about a recommender means, and how sure it is."""

from recsys_book.evaluation.inference import (
    PairedTest,
    benjamini_hochberg,
    bootstrap_interval,
    cohens_dz,
    holm,
    paired_test,
    probability_of_superiority,
    seeds_and_users_interval,
    variance_of_difference,
)
from recsys_book.evaluation.metrics import (
    GAINS,
    Mean,
    average_precision_at_k,
    discounts,
    f1_at_k,
    hit_rate_at_k,
    mean_over_users,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank,
)
from recsys_book.evaluation.protocol import (
    RankingReport,
    RatingPredictor,
    RatingReport,
    Scorer,
    evaluate_ranking,
    evaluate_ratings,
    rank_items,
)
from recsys_book.evaluation.ranked import (
    Ranked,
)
from recsys_book.evaluation.ratings import (
    errors_by_user,
    mae,
    mse,
    rmse,
    tolerance_rate,
)
from recsys_book.evaluation.sorting import (
    TIE_SEED,
)

__all__ = [
    "GAINS",
    "Mean",
    "PairedTest",
    "Ranked",
    "RankingReport",
    "RatingPredictor",
    "RatingReport",
    "Scorer",
    "TIE_SEED",
    "average_precision_at_k",
    "benjamini_hochberg",
    "bootstrap_interval",
    "cohens_dz",
    "discounts",
    "errors_by_user",
    "evaluate_ranking",
    "evaluate_ratings",
    "f1_at_k",
    "hit_rate_at_k",
    "holm",
    "mae",
    "mean_over_users",
    "mse",
    "ndcg_at_k",
    "paired_test",
    "precision_at_k",
    "probability_of_superiority",
    "rank_items",
    "recall_at_k",
    "reciprocal_rank",
    "rmse",
    "seeds_and_users_interval",
    "tolerance_rate",
    "variance_of_difference",
]
