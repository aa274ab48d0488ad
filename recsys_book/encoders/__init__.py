"""Language models: from counting words to an encoder that reads items and behaviour."""

from recsys_book.encoders.cold_items import AmongCold, LinearProbe, ridge
from recsys_book.encoders.corpora import Corpus, behaviour_corpus, pad, split_corpus, title_corpus
from recsys_book.encoders.language_modeling import (
    LanguageModel,
    NextTokenProblem,
    next_item_ranks,
    next_token_loss,
    perplexity,
    token_log_probs,
    windows,
)
from recsys_book.encoders.text_encoder import TextEncoder, masked_mean, title_texts, title_vectors

__all__ = [
    "AmongCold",
    "Corpus",
    "LanguageModel",
    "LinearProbe",
    "NextTokenProblem",
    "TextEncoder",
    "behaviour_corpus",
    "masked_mean",
    "next_item_ranks",
    "next_token_loss",
    "pad",
    "perplexity",
    "ridge",
    "split_corpus",
    "title_corpus",
    "title_texts",
    "title_vectors",
    "token_log_probs",
    "windows",
]
