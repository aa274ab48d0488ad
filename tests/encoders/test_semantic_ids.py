"""Ids of digits: unique, readable, counted; what their digits share with a label."""

import numpy as np
import pytest

from recsys_book.encoders.semantic_ids import (
    SemanticIds,
    digit_vocabulary,
    expected_collisions,
    mutual_information,
    purity,
)

CODES = np.array([[0, 1], [2, 0], [0, 1], [0, 1], [2, 0], [1, 1]])


def test_a_last_digit_counts_the_items_of_a_code():
    ids = SemanticIds.from_codes(CODES)
    assert ids.digits.tolist() == [[0, 1, 0], [2, 0, 0], [0, 1, 1], [0, 1, 2], [2, 0, 1], [1, 1, 0]]
    assert ids.sizes == (3, 2, 3) and ids.length == 3
    assert ids.vocabulary == 4 + 8
    assert SemanticIds.from_codes(CODES, size=5).sizes == (5, 5, 3)


def test_places_have_their_own_tokens():
    ids = SemanticIds.from_codes(CODES)
    assert ids.write([1, 0]).tolist() == [4 + 2, 7 + 0, 9 + 0, 4 + 0, 7 + 1, 9 + 0]
    places = [set(ids.tokens[:, place]) for place in range(3)]
    assert not (places[0] & places[1] or places[1] & places[2] or places[0] & places[2])


def test_reading_undoes_writing():
    ids = SemanticIds.from_codes(CODES)
    assert ids.read(ids.write(np.arange(6)).reshape(-1, 3)).tolist() == list(range(6))
    assert ids.read(np.array([[6, 8, 9], [4, 8, 9]])).tolist() == [-1, 0]


def test_plain_ids_have_one_digit():
    ids = SemanticIds.plain(7)
    assert ids.length == 1 and ids.write([3, 6]).tolist() == [7, 10]


def test_shuffled_ids_keep_the_tree_and_lose_the_items():
    codes = np.random.default_rng(0).integers(4, size=(200, 2))
    ids = SemanticIds.from_codes(codes)
    control = ids.shuffled(seed=1)
    assert control.sizes == ids.sizes
    assert sorted(map(tuple, control.digits)) == sorted(map(tuple, ids.digits))
    assert (control.digits[:, 0] == ids.digits[:, 0]).mean() < 0.5
    assert control.colliding_pairs == ids.colliding_pairs


def test_collisions_are_counted():
    ids = SemanticIds.from_codes(CODES)
    assert ids.shared.tolist() == [3, 2, 3, 3, 2, 1]
    assert ids.colliding_pairs == 3 + 1


@pytest.mark.equation("eq-collision")
def test_expected_collisions_match_drawing():
    rng = np.random.default_rng(0)
    shares = np.array([0.4, 0.3, 0.2, 0.05, 0.05])
    found = []
    for _ in range(3000):
        count = np.bincount(rng.choice(5, size=12, p=shares), minlength=5)
        found.append((count * (count - 1) // 2).sum())
    error = np.std(found) / np.sqrt(3000)
    assert abs(np.mean(found) - expected_collisions(12, shares)) < 4 * error
    even = np.full(365, 1 / 365)
    assert expected_collisions(23, even) == pytest.approx(253 / 365)
    assert expected_collisions(12, shares) > expected_collisions(12, np.full(5, 0.2))


@pytest.mark.equation("eq-digit-vocabulary")
def test_the_smallest_alphabet_that_names_all_items():
    assert digit_vocabulary(1682, 1) == 1682
    assert digit_vocabulary(1682, 2) == 2 * 42  # 41² = 1681 is one too few
    assert digit_vocabulary(1681, 2) == 2 * 41
    assert digit_vocabulary(1000, 3) == 3 * 10
    assert digit_vocabulary(1, 4) == 4
    # The minimum over the lengths lies near e ln n, at ln n digits.
    best = min(range(1, 12), key=lambda length: digit_vocabulary(10**6, length))
    assert 10 <= best <= 15 or digit_vocabulary(10**6, best) < 3.1 * np.log(10**6)


def test_mutual_information_of_equal_and_of_independent_labels():
    a = np.repeat([0, 1, 2, 3], 25)
    assert mutual_information(a, 10 - a) == pytest.approx(np.log(4))
    assert mutual_information(a, np.tile(np.arange(5), 20)) == pytest.approx(0, abs=1e-12)
    assert mutual_information(a, np.minimum(a, 1)) == pytest.approx(
        -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    )


def test_purity():
    digit = np.array([0, 0, 0, 1, 1])
    label = np.array(["x", "x", "y", "y", "y"])
    assert purity(digit, label) == 4 / 5
    assert purity(np.zeros(5), label) == 3 / 5


@pytest.mark.parametrize(
    ("digits", "sizes", "hint"),
    [
        (np.zeros((2, 2), dtype=int), (1, 1), "same id"),
        (np.array([[0], [3]]), (2,), "alphabet"),
        (np.array([[-1], [0]]), (2,), "alphabet"),
        (np.array([0, 1]), (2,), "one row an item"),
        (np.array([[0, 1]]), (2,), "one row an item"),
    ],
)
def test_bad_ids_are_refused(digits, sizes, hint):
    with pytest.raises(ValueError, match=hint):
        SemanticIds(digits, sizes)
