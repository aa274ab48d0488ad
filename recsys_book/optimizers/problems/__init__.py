"""What the rules are tried on: landscapes to draw, and three problems on MovieLens-100K."""

from recsys_book.optimizers.problems.landscapes import (
    LANDSCAPES,
    Landscape,
    beale,
    descend,
    ravine,
    rosenbrock,
    saddle,
)
from recsys_book.optimizers.problems.ratings import BiasedFactors, RatingProblem
from recsys_book.optimizers.problems.text_head import TextHeadProblem, TextTower
from recsys_book.optimizers.problems.two_tower import TwoTower, TwoTowerProblem, in_batch_softmax

__all__ = [
    "LANDSCAPES",
    "BiasedFactors",
    "Landscape",
    "RatingProblem",
    "TextHeadProblem",
    "TextTower",
    "TwoTower",
    "TwoTowerProblem",
    "beale",
    "descend",
    "in_batch_softmax",
    "ravine",
    "rosenbrock",
    "saddle",
]
