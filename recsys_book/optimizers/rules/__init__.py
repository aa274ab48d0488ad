"""Update rules: one class a rule, each a transcription of its equations."""

from recsys_book.optimizers.rules.adam import Adam, AdamW
from recsys_book.optimizers.rules.base import Rule

__all__ = ["Adam", "AdamW", "Rule"]
