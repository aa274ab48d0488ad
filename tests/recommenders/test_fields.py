"""Fields: what is known about an event, as one long row."""

import numpy as np
import pytest
import scipy.sparse as sp
from contract import checkerboard

from recsys_book.recommenders.features import (
    Design,
    FactorizationMachine,
    Field,
    bucket_field,
    identity_field,
    label_field,
    movielens_fields,
)
from recsys_book.recommenders.features.fields import clock
from recsys_book.recommenders.features.sampling import UnseenItems


def test_labels_of_a_row_share_one_unit_and_a_missing_label_leaves_it_empty():
    field = label_field("genre", "item", ["b|a", "a", None, ""])
    np.testing.assert_array_equal(field.table.toarray(), [[0.5, 0.5], [1, 0], [0, 0], [0, 0]])
    assert label_field("none", "item", ["", ""]).width == 1


def test_a_value_at_an_edge_belongs_above_it_and_a_missing_one_nowhere():
    table = bucket_field("age", "user", [9.9, 10, 20, np.nan], (10, 20)).table.toarray()
    np.testing.assert_array_equal(table, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]])


def test_the_clock_reads_known_moments():
    # 1998-01-01 was a Thursday; the second moment is 23 hours later, the third on Monday the 5th.
    moments = 883612800 + 3600 * np.array([0, 23, 24 * 4 + 1])
    np.testing.assert_array_equal(clock("hour", moments), [0, 23, 1])
    np.testing.assert_array_equal(clock("weekday", moments), [3, 3, 0])


def test_a_row_is_the_user_the_item_and_the_time_side_by_side():
    fields = identity_field("user", 2), Field("hour", "time"), identity_field("item", 3)
    design = Design(fields, 2, 3)
    rows = design.rows(np.array([1, -1]), np.array([2, 0]), np.array([3600, 7200])).toarray()
    assert [np.flatnonzero(row).tolist() for row in rows] == [[1, 3, 28], [4, 26]]
    without_time = design.rows(np.array([1]), np.array([-1])).toarray()
    assert np.flatnonzero(without_time[0]).tolist() == [1]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((), "no fields"),
        ((identity_field("user", 3),), "3 rows"),
        ((Field("user", "user", sp.csr_matrix([[np.nan]] * 20)),), "not finite"),
        ((Field("month", "time"),), "hour"),
        ((Field("user", "user"),), "table"),
    ],
)
def test_fields_that_cannot_describe_the_log_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        FactorizationMachine(fields).fit(checkerboard()[0])


def test_movielens_has_its_fields(ml100k):
    names = ("user", "item", "genre", "year", "age", "gender", "occupation", "hour", "weekday")
    fields = movielens_fields(ml100k, names)
    assert [field.name for field in fields] == list(names)
    log = ml100k.interactions
    assert Design(fields, log.n_users, log.n_items).n_columns == sum(f.width for f in fields)
    widths = {field.name: field.width for field in fields}
    assert widths["gender"] == 2 and widths["occupation"] == 21 and widths["hour"] == 24
    toy_story = fields[2].table[0]
    assert toy_story.nnz == 3 and toy_story.sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="no field 'mood'"):
        movielens_fields(ml100k, ("mood",))


def test_unseen_items_are_unseen_and_uniform():
    seen = sp.csr_matrix(np.array([[1, 0, 0, 1], [0, 0, 0, 0]]))
    draws = UnseenItems(seen).draw(np.array([0, 1]), 4000, np.random.default_rng(0))
    assert set(draws[0]) == {1, 2} and set(draws[1]) == {0, 1, 2, 3}
    np.testing.assert_allclose(np.bincount(draws[1]) / 4000, 0.25, atol=0.03)


def test_somebody_who_has_seen_everything_still_gets_items():
    everything = UnseenItems(sp.csr_matrix(np.ones((1, 3))))
    assert everything.draw(np.array([0]), 2, np.random.default_rng(0)).shape == (1, 2)
