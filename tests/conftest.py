"""Fixtures shared by every room."""

import pytest

from recsys_book.data import load_movielens


@pytest.fixture(scope="session")
def ml100k():
    """MovieLens-100K, loaded once a session."""
    return load_movielens("100k")
