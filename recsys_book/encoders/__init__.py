"""Language models that turn text into vectors."""

from recsys_book.encoders.text_encoder import TextEncoder, title_vectors

__all__ = ["TextEncoder", "title_vectors"]
