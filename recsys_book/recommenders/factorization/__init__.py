"""Factor models of ratings, and the singular value decomposition for ranking."""

from recsys_book.recommenders.factorization.als import BiasedALS, half_step
from recsys_book.recommenders.factorization.bayesian import BayesianPMF
from recsys_book.recommenders.factorization.blend import RatingBlend, blend_weights
from recsys_book.recommenders.factorization.nmf import NMF, multiplicative_update
from recsys_book.recommenders.factorization.pmf import PMF, pmf_log_posterior
from recsys_book.recommenders.factorization.ratings import FactorModel, RatingModel
from recsys_book.recommenders.factorization.regression import UserRegression
from recsys_book.recommenders.factorization.sgd import BiasedMF, mf_objective
from recsys_book.recommenders.factorization.svd import (
    PureSVD,
    RatingSVD,
    impute,
    rank_error,
    truncated_svd,
)
from recsys_book.recommenders.factorization.svdpp import SVDpp

__all__ = [
    "BayesianPMF",
    "BiasedALS",
    "BiasedMF",
    "FactorModel",
    "NMF",
    "PMF",
    "PureSVD",
    "RatingBlend",
    "RatingModel",
    "RatingSVD",
    "SVDpp",
    "UserRegression",
    "blend_weights",
    "half_step",
    "impute",
    "mf_objective",
    "multiplicative_update",
    "pmf_log_posterior",
    "rank_error",
    "truncated_svd",
]
