"""Update rules: one class a rule, each a transcription of its equations."""

from recsys_book.optimizers.rules.adam import Adam, AdamW
from recsys_book.optimizers.rules.base import Rule
from recsys_book.optimizers.rules.descent import SGD, GradientDescent, HeavyBall, Nesterov

__all__ = [
    "Adam",
    "AdamW",
    "GradientDescent",
    "HeavyBall",
    "Nesterov",
    "Rule",
    "SGD",
]
