"""Models of unary feedback: somebody did something with something, and never said no."""

from recsys_book.recommenders.implicit.als import (
    ImplicitALS,
    ials_loss,
    ials_objective,
    ials_user,
    ials_user_cg,
    ials_user_from_gram,
)
from recsys_book.recommenders.implicit.bpr import BPR, bpr_loss, bpr_step

__all__ = [
    "BPR",
    "ImplicitALS",
    "bpr_loss",
    "bpr_step",
    "ials_loss",
    "ials_objective",
    "ials_user",
    "ials_user_cg",
    "ials_user_from_gram",
]
