"""The tested package beneath the book *Adaptive Recommenders with Language Models*."""

__version__ = "0.1.0"
