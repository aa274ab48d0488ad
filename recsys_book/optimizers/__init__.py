"""Adaptive learning rates, from their equations to real optimizers."""

from recsys_book.optimizers.optimizer import Optimizer
from recsys_book.optimizers.rules import Adam, AdamW, Rule

__all__ = ["Adam", "AdamW", "Optimizer", "Rule"]
