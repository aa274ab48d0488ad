"""Genre profiles and the category rule."""

import numpy as np
import pytest

from recsys_book.data import Interactions
from recsys_book.recommenders import CategoryRule, GenreProfile, genre_matrix

GENRES = ["Comedy", "Comedy|Romance", "Horror", "Horror", "", "Comedy"]


@pytest.fixture
def log():
    user = np.array([0, 0, 1, 1, 2])
    item = np.array([0, 1, 2, 0, 3])
    return Interactions(user, item, np.ones(5), np.arange(5), np.arange(4), np.arange(6))


def test_genre_matrix():
    table, names = genre_matrix(GENRES)
    assert names == ["Comedy", "Horror", "Romance"]
    assert table.tolist() == [
        [1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0],
    ]  # fmt: skip


def test_a_profile_finds_items_of_the_same_kind_even_those_nobody_has_seen(log):
    model = GenreProfile(genre_matrix(GENRES)[0]).fit(log)
    assert model.recommend([0], 1)[0][0, 0] == 5  # a comedy without a single event
    assert model.recommend([2], 1)[0][0, 0] == 2


def test_an_item_without_features_has_an_own_vector_only_if_centring_gives_it_one(log):
    constant = GenreProfile(np.ones((6, 2))).fit(log)
    assert (constant.score([0]) == 0).all()


def test_the_rule_puts_the_favourite_category_first_and_the_rest_by_popularity(log):
    model = CategoryRule(genre_matrix(GENRES)[0]).fit(log)
    assert model.favorite_.tolist()[:3] == [0, 0, 1]  # user 1 is level: the lower column
    order = model.recommend([0], 6, exclude_seen=False)[0][0]
    assert order[0] == 0 and set(order[:3]) == {0, 1, 5} and order[2] == 5
    scores = model.score([0])[0]
    assert scores[[2, 3]].tolist() == [1, 1] and scores[4] == 0


@pytest.mark.parametrize("model", [GenreProfile, CategoryRule])
@pytest.mark.parametrize("shape", [(5, 2), (6,)])
def test_features_of_another_catalogue_are_refused(model, shape, log):
    with pytest.raises(ValueError, match="the log has 6 items"):
        model(np.ones(shape)).fit(log)
