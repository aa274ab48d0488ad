"""Adaptive learning rates, from their equations to real optimizers."""

from recsys_book.optimizers.optimizer import Optimizer
from recsys_book.optimizers.rules import (
    SGD,
    Adam,
    AdamW,
    GradientDescent,
    HeavyBall,
    Nesterov,
    Rule,
)

__all__ = [
    "Adam",
    "AdamW",
    "GradientDescent",
    "HeavyBall",
    "Nesterov",
    "Optimizer",
    "Rule",
    "SGD",
]
