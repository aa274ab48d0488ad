"""Recommenders that read the order of a history: chains, regressions and networks."""

from recsys_book._lazy import lazy_names
from recsys_book.recommenders.sequential.fpmc import FPMC
from recsys_book.recommenders.sequential.histories import Histories, next_item_pieces, shuffled
from recsys_book.recommenders.sequential.linear import SequentialEASE
from recsys_book.recommenders.sequential.markov import MarkovChain

#: Public names that need torch → the module of this room that holds each.
_LAZY = {"BERT4Rec": "bert4rec", "Caser": "caser", "GRU4Rec": "gru4rec", "SASRec": "sasrec"}

__all__ = [
    "BERT4Rec",
    "Caser",
    "FPMC",
    "GRU4Rec",
    "Histories",
    "MarkovChain",
    "SASRec",
    "SequentialEASE",
    "next_item_pieces",
    "shuffled",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
