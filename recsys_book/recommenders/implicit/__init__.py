"""Models of unary feedback: somebody did something with something, and never said no."""

from recsys_book.recommenders.implicit.als import (
    ImplicitALS,
    ials_half_step,
    ials_loss,
    ials_objective,
    ials_user,
    ials_user_cg,
    ials_user_from_gram,
)
from recsys_book.recommenders.implicit.bpr import BPR, bpr_loss, bpr_step
from recsys_book.recommenders.implicit.logistic import (
    LogisticMF,
    logistic_gradient,
    logistic_loss,
)
from recsys_book.recommenders.implicit.slim import SLIM, slim_objective, slim_weight
from recsys_book.recommenders.implicit.warp import WARP, rank_weight, warp_gradients, warp_loss

__all__ = [
    "BPR",
    "ImplicitALS",
    "LogisticMF",
    "SLIM",
    "WARP",
    "bpr_loss",
    "bpr_step",
    "ials_half_step",
    "ials_loss",
    "ials_objective",
    "ials_user",
    "ials_user_cg",
    "ials_user_from_gram",
    "logistic_gradient",
    "logistic_loss",
    "rank_weight",
    "slim_objective",
    "slim_weight",
    "warp_gradients",
    "warp_loss",
]
