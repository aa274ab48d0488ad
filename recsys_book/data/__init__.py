"""Data: the one type every room speaks, verified fetching, MovieLens, and simulated logs."""

from recsys_book.data.errors import DataError
from recsys_book.data.fetch import cache_dir, catalog, encoder_path, fetch, fetch_all
from recsys_book.data.interactions import Interactions
from recsys_book.data.movielens import MovieLens, load_movielens

__all__ = [
    "DataError",
    "Interactions",
    "MovieLens",
    "cache_dir",
    "catalog",
    "encoder_path",
    "fetch",
    "fetch_all",
    "load_movielens",
]
