"""Language models: from counting words to an encoder that reads items and behaviour."""

from recsys_book.encoders.cold_items import AmongCold, LinearProbe, ridge
from recsys_book.encoders.text_encoder import TextEncoder, masked_mean, title_texts, title_vectors

__all__ = [
    "AmongCold",
    "LinearProbe",
    "TextEncoder",
    "masked_mean",
    "ridge",
    "title_texts",
    "title_vectors",
]
