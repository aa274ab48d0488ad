import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_book.data import DataError, Interactions


def frame(**changes):
    columns = {
        "user": [30, 10, 10],
        "item": ["b", "a", "b"],
        "value": [5, 3.5, 1],
        "timestamp": [100, 50, 50],
    }
    return pd.DataFrame(columns | changes)


def test_ids_become_positions_in_sorted_vocabularies_and_rows_keep_their_order():
    log = Interactions.from_frame(frame())
    assert log.users.tolist() == [10, 30] and log.items.tolist() == ["a", "b"]
    assert log.user.tolist() == [1, 0, 0] and log.item.tolist() == [1, 0, 1]
    assert (log.n_users, log.n_items, len(log)) == (2, 2, 3)
    assert [log.user.dtype, log.item.dtype, log.timestamp.dtype] == [np.int64] * 3
    assert log.value.dtype == np.float64
    pd.testing.assert_frame_equal(log.to_frame().astype(object), frame().astype(object))
    assert repr(log) == "Interactions(3 rows, 2 users, 2 items)"


def test_value_and_timestamp_may_be_absent():
    log = Interactions.from_frame(frame()[["user", "item"]], value=None, timestamp=None)
    assert log.value.tolist() == [1, 1, 1] and log.timestamp.tolist() == [0, 0, 0]


def test_other_column_names_and_given_vocabularies():
    other = frame().rename(columns={"user": "who", "item": "what"})
    log = Interactions.from_frame(
        other, user="who", item="what", users=np.array([30, 20, 10]), items=["a", "b", "c"]
    )
    assert log.user.tolist() == [0, 2, 2] and log.item.tolist() == [1, 0, 1] and log.n_items == 3


def test_ids_that_are_whole_floats_and_nullable_columns_are_taken():
    table = frame(user=[3.0, 1.0, 1.0]).astype({"timestamp": "Int64", "value": "Float64"})
    log = Interactions.from_frame(table)
    assert log.users.dtype == np.int64 and log.users.tolist() == [1, 3]


def test_numbers_written_as_text_are_numbers():
    log = Interactions.from_frame(frame(value=["5", " 3.5", "1e0"]))
    assert log.value.tolist() == [5, 3.5, 1]


def test_datetimes_become_seconds_in_utc():
    naive = pd.to_datetime(["1970-01-02", "1970-01-01 00:00:05.9", "1970-01-01"], format="ISO8601")
    assert Interactions.from_frame(frame(timestamp=naive)).timestamp.tolist() == [86400, 5, 0]
    zoned = pd.to_datetime(["1970-01-01 01:00+01:00"] * 3)
    assert Interactions.from_frame(frame(timestamp=zoned)).timestamp.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"user": [1, None, 2]}, "table, column 'user', row 1: the id is missing; fill it in"),
        ({"item": ["a", " ", "b"]}, "table, column 'item', row 1: the id is missing"),
        ({"user": [1, 2.5, 2]}, "row 1: 2.5 is not an id; an id is a whole number or text"),
        ({"user": [1, np.inf, 2]}, "row 1: inf is not an id"),
        ({"item": ["a", 7, "b"]}, "row 1: the id 7 and the id 'a' of row 0 are of two kinds"),
        ({"user": [(1, 2), 3, 4]}, "row 0: (1, 2) is not an id; an id is a whole number or text"),
        ({"user": [[1], 3, 4]}, "row 0: [1] is not an id"),
        ({"user": [True, False, True]}, "row 0: True is not an id"),
        ({"user": [pd.Timestamp("2020-01-01")] * 3}, "is not an id"),
        ({"item": [7, 8, "b"]}, "row 2: the id 'b' and the id 7 of row 0 are of two kinds"),
        (
            {"timestamp": ["2020-01-01", 2, 3]},
            "belongs; give seconds, or convert dates with pandas",
        ),
        ({"value": [5, "good", 1]}, "row 1: the text 'good' stands where a number belongs"),
        ({"value": [5, None, 1]}, "column 'value', row 1: the number is missing"),
        ({"value": [5, 1, np.inf]}, "column 'value', row 2: inf is not a finite number"),
        ({"value": [5, 1, "inf"]}, "column 'value', row 2: the text 'inf' stands"),
        ({"value": [5, "value", 1]}, "row 1: the header stands here a second time"),
        ({"timestamp": [1, -5, 1]}, "column 'timestamp', row 1: the time -5 is negative; give sec"),
        ({"timestamp": [1, 5.5, 1]}, "row 1: the time 5.5 is not a whole number of seconds"),
        ({"timestamp": [1, 2, 1.7e12]}, "row 2: the time 1700000000000 is too large for seconds"),
        ({"timestamp": [1, None, 1]}, "column 'timestamp', row 1: the number is missing"),
        (
            {"timestamp": pd.to_datetime(["2020-01-01", None, "2020-01-01"])},
            "column 'timestamp', row 1: the time is missing",
        ),
        (
            {"timestamp": pd.to_datetime(["1969-01-01"] * 3)},
            "column 'timestamp', row 0: the time -31536000 is negative",
        ),
    ],
)
def test_a_bad_value_is_named_with_its_column_row_and_remedy(changes, says):
    with pytest.raises(DataError) as error:
        Interactions.from_frame(frame(**changes))
    text = str(error.value)
    assert says in text and text.endswith(".") and "\n" not in text and ";" in text


def test_the_source_and_its_own_count_of_rows_are_named():
    with pytest.raises(DataError, match="^ratings.csv, column 'user', row 3: the id is missing"):
        Interactions.from_frame(frame(user=[1, None, 2]), source="ratings.csv", first_row=2)


def test_a_missing_column_and_one_that_is_there_twice():
    with pytest.raises(DataError, match=r"^table has no column 'value' \(its columns: 'user', 'i"):
        Interactions.from_frame(frame().drop(columns="value"))
    with pytest.raises(DataError, match=r"no column 'user' \(its columns: none\)"):
        Interactions.from_frame(pd.DataFrame())
    twice = pd.concat([frame(), frame()[["user"]]], axis=1)
    with pytest.raises(DataError, match="has 2 columns called 'user'; rename or remove all but"):
        Interactions.from_frame(twice)


def test_ids_kept_as_objects_or_categories_are_taken():
    table = frame(user=pd.Series([3, 1, 1], dtype=object), item=pd.Categorical(["b", "a", "b"]))
    log = Interactions.from_frame(table)
    assert log.users.dtype == np.int64 and log.items.tolist() == ["a", "b"]
    assert log.user.tolist() == [1, 0, 0] and log.item.tolist() == [1, 0, 1]


def test_something_that_is_not_a_table():
    with pytest.raises(DataError, match="table is of type dict; make it a pandas DataFrame first"):
        Interactions.from_frame({"user": [1]})


def test_an_id_outside_the_vocabulary_is_an_error():
    with pytest.raises(DataError, match="column 'user', row 0: the id 30 is not in the vocabulary"):
        Interactions.from_frame(frame(), users=[10, 20])
    with pytest.raises(DataError, match="column 'item', row 1: the id 'a' is not in the vocab"):
        Interactions.from_frame(frame(), items=["b"])


def test_a_log_without_rows_is_a_log():
    log = Interactions.from_frame(frame().iloc[:0])
    assert len(log) == 0 and log.n_users == 0 and log.to_csr().shape == (0, 0)
    log = Interactions.from_frame(frame().iloc[:0], users=[1, 2], items=[5])
    assert log.to_csr().shape == (2, 1) and len(log.to_frame()) == 0


def test_columns_that_cannot_belong_together_are_refused():
    with pytest.raises(DataError, match=r"column 'value' has shape \(2,\) but 'user' has 1 rows"):
        Interactions([0], [0], [1.0, 2.0], [0], [7], [8])
    with pytest.raises(DataError, match="column 'item', row 0: position 1 is outside the vocab"):
        Interactions([0], [1], [1.0], [0], [7], [8])
    with pytest.raises(DataError, match="position -1 is outside"):
        Interactions([-1], [0], [1.0], [0], [7], [8])


def test_the_matrix_sums_repeats_and_takes_other_values():
    log = Interactions([0, 0, 1], [1, 1, 0], [2, 3, 4], [0, 0, 0], [7, 8], [1, 2, 3])
    assert log.to_csr().toarray().tolist() == [[0, 5, 0], [4, 0, 0]]
    assert log.to_csr(1.0).toarray().tolist() == [[0, 2, 0], [1, 0, 0]]
    assert log.to_csr(np.array([1, 0, 9])).toarray().tolist() == [[0, 1, 0], [9, 0, 0]]
    assert log.to_csr().has_sorted_indices and log.to_csr().dtype == np.float64


def test_the_matrix_does_not_share_memory_with_the_log():
    log = Interactions([0, 1], [0, 1], [2.0, 3.0], [0, 0], [7, 8], [1, 2])
    matrix = log.to_csr()
    matrix.data[:] = 0
    assert log.value.tolist() == [2, 3]


def test_select_takes_masks_and_positions_and_keeps_the_vocabularies():
    log = Interactions.from_frame(frame())
    assert log.select(np.array([True, False, True])).value.tolist() == [5, 1]
    assert log.select([2, 0]).value.tolist() == [1, 5]
    assert len(log.select([])) == 0
    assert log.select([1]).n_users == 2
    with pytest.raises(DataError, match=r"the mask has shape \(2,\) but there are 3 rows"):
        log.select(np.array([True, False]))


def test_ties_in_time_keep_row_order_or_follow_the_seed():
    log = Interactions([0] * 50, [0] * 50, [1] * 50, [9] * 49 + [1], [7], [8])
    assert log.order_by_time().tolist() == [49, *range(49)]
    one, two = log.order_by_time(seed=1), log.order_by_time(seed=2)
    assert one[0] == two[0] == 49 and one.tolist() != two.tolist()
    assert one.tolist() == log.order_by_time(seed=1).tolist()
    assert sorted(one.tolist()) == list(range(50))


rows = st.lists(
    st.tuples(st.integers(-5, 5), st.text("xyz", min_size=1), st.floats(-9, 9), st.integers(0, 9)),
    max_size=30,
)


@settings(max_examples=50, deadline=None)
@given(rows)
def test_decoding_gives_back_what_was_encoded(data):
    table = pd.DataFrame(data, columns=["user", "item", "value", "timestamp"])
    log = Interactions.from_frame(table)
    assert log.to_frame().to_numpy().tolist() == table.to_numpy().tolist()
    assert log.users.tolist() == sorted(set(table["user"]))
    assert log.items.tolist() == sorted(set(table["item"]))
    assert np.isclose(log.to_csr().sum(), table["value"].sum())
    ordered = log.select(log.order_by_time(seed=3))
    assert (np.diff(ordered.timestamp) >= 0).all() and len(ordered) == len(log)
