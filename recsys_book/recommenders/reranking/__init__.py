"""Re-ranking: variety, calibration, exposure, and people served alike."""

from recsys_book.recommenders.content import unit_rows
from recsys_book.recommenders.reranking.calibration import calibrate, divergence, group_shares
from recsys_book.recommenders.reranking.dpp import dpp_kernel, greedy_dpp
from recsys_book.recommenders.reranking.exposure import (
    discount_popularity,
    exposure_shares,
    with_minimum_share,
)
from recsys_book.recommenders.reranking.groups import (
    WeightedEASE,
    balancing_weights,
    chance_gap,
    group_gap,
)
from recsys_book.recommenders.reranking.mmr import mmr
from recsys_book.recommenders.reranking.relevance import unit_range
from recsys_book.recommenders.reranking.rules import (
    Calibrated,
    Candidates,
    Determinantal,
    Diverse,
    LessPopular,
    MinimumShare,
    Reranked,
    Rule,
)

__all__ = [
    "Calibrated",
    "Candidates",
    "Determinantal",
    "Diverse",
    "LessPopular",
    "MinimumShare",
    "Reranked",
    "Rule",
    "WeightedEASE",
    "balancing_weights",
    "calibrate",
    "chance_gap",
    "discount_popularity",
    "divergence",
    "dpp_kernel",
    "exposure_shares",
    "greedy_dpp",
    "group_gap",
    "group_shares",
    "mmr",
    "unit_range",
    "unit_rows",
    "with_minimum_share",
]
