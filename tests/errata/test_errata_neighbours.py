"""A cosine has a sign, raw ratings hide taste, a distance is no similarity, content helps items."""

import numpy as np
import pytest

from recsys_book.data import Interactions
from recsys_book.errata import neighbours as errata
from recsys_book.recommenders import GenreProfile, ItemKNN
from recsys_book.recommenders.similarity import (
    cosine_similarity,
    euclidean_similarity,
    pearson,
)


@pytest.mark.erratum("CF-03")
def test_half_of_the_cosines_are_outside_the_claimed_range():
    low, high = errata.CF_03_CLAIMED_RANGE
    a, b = np.random.default_rng(0).normal(size=(2, 1000, 50))
    faulty = errata.cf_03_normalised_to_zero_one(a, b)
    assert 0.4 < np.mean((faulty < low) | (faulty > high)) < 0.6
    # The claim holds where no number is negative, and the package promises -1 to 1.
    positive = errata.cf_03_normalised_to_zero_one(abs(a), abs(b))
    assert (positive >= low).all() and (positive <= high + 1e-12).all()
    ours = [cosine_similarity(x, y) for x, y in zip(a, b)]
    assert -1 <= min(ours) < 0 and cosine_similarity(a[0], -a[0]) == pytest.approx(-1)


@pytest.mark.erratum("CF-04")
def test_opposite_tastes_come_out_as_alike():
    a, b = np.array([5.0, 1.0]), np.array([1.0, 5.0])
    assert errata.cf_04_cosine_of_raw_ratings(a, b) > 0.38
    assert pearson(a, b) == pytest.approx(-1)


@pytest.mark.erratum("CF-04")
def test_raw_cosine_prefers_the_opposite_taste_with_many_films_to_the_same_taste_with_few():
    me = np.array([5.0, 1, 5, 1, 5, 1])
    opposite, friend = 6 - me, np.array([5.0, 1, 0, 0, 0, 0])
    gaps = [np.where(x > 0, x, np.nan) for x in (me, opposite, friend)]
    raw = errata.cf_04_cosine_of_raw_ratings
    assert raw(me, opposite) > 0.38
    assert pearson(gaps[0], gaps[2]) == pytest.approx(1)
    assert pearson(gaps[0], gaps[1]) == pytest.approx(-1)
    longer = np.r_[friend[:2], np.zeros(4)] + np.array([0, 0, 0, 1, 0, 1.0])
    assert raw(me, friend) < 1 > raw(me, longer)


@pytest.mark.erratum("CF-05")
def test_the_largest_distance_is_the_least_similar():
    query, items = np.array([1.0, 0]), np.array([[1.0, 0], [2.0, 0], [9.0, 9.0]])
    assert errata.cf_05_largest_distance_first(query, items).tolist() == [2, 1, 0]
    ours = [euclidean_similarity(query, item) for item in items]
    assert np.argsort(ours)[::-1].tolist() == [0, 1, 2]
    # A long vector in the query's own direction is far, and its cosine is 1.
    assert cosine_similarity(query, items[1]) == 1 > euclidean_similarity(query, items[1])


@pytest.mark.erratum("CF-05")
def test_cosine_and_its_angle_give_one_order():
    rng = np.random.default_rng(1)
    query, items = rng.normal(size=8), rng.normal(size=(40, 8))
    cosine = np.array([cosine_similarity(query, item) for item in items])
    assert np.argsort(-cosine).tolist() == np.argsort(np.arccos(cosine)).tolist()


@pytest.mark.erratum("CF-13")
def test_content_serves_the_new_item_and_not_the_new_user():
    features = np.array([[1.0, 0.1], [0.1, 1.0], [1.0, 0.0]])  # item 2 is new
    ratings = np.array([[5.0, 1, 0], [4, 0, 0], [0, 5, 0]])
    assert not errata.cf_13_content_for_a_new_user(np.zeros(3), features).any()
    known = errata.cf_13_content_for_a_new_user(np.array([1.0, 0, 0]), features)
    assert known[2] > known[1]  # with one film of history content can rank the new one
    assert not errata.cf_13_behaviour_for_a_new_item(ratings)[2].any()


@pytest.mark.erratum("CF-13")
def test_the_packages_models_do_what_they_can():
    user, item = np.array([0, 0, 1, 2, 2, 3]), np.array([0, 1, 0, 1, 3, 3])
    log = Interactions(user, item, np.ones(6), np.arange(6), np.arange(5), np.arange(5))
    features = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1], [0, 1]])  # items 2 and 4 are new
    content = GenreProfile(features).fit(log)
    assert content.score([0])[0, 2] > content.score([0])[0, 4]
    assert (ItemKNN().fit(log).score([0])[0, [2, 4]] == 0).all()
    # A new user gets popularity from both: not personal, but not nothing.
    np.testing.assert_array_equal(content.score([4])[0], np.bincount(item, minlength=5))
