"""A review never describes the rating that it came with."""

import pandas as pd

from recsys_book.data import messy_event_log
from recsys_book.preprocessing import texts_of_others

LOG = pd.DataFrame(
    {
        "user": [1, 2, 3, 1, 2],
        "item": [7, 7, 7, 7, 8],
        "timestamp": [10, 20, 30, 40, 40],
        "text": ["one", " ", "three", "again", None],
    }
)


def test_own_later_and_empty_reviews_are_left_out():
    assert texts_of_others(LOG) == [[], ["one"], ["one"], ["three"], []]


def test_rows_to_be_predicted_and_the_latest_reviews_first():
    pairs = pd.DataFrame({"user": [9, 9, 3], "item": [7, 6, 7], "timestamp": [99, 99, 30]})
    assert texts_of_others(LOG, pairs) == [["again", "three", "one"], [], ["one"]]
    assert texts_of_others(LOG, pairs, most=1) == [["again"], [], ["one"]]


def test_on_a_shop_no_text_is_from_the_same_user_or_the_future():
    log = messy_event_log(2000).events
    log["text"] = [f"{u}/{t}" for u, t in zip(log["user"], log["timestamp"])]
    for (_, row), texts in zip(log.iterrows(), texts_of_others(log)):
        for text in texts:
            who, when = map(int, text.split("/"))
            assert who != row["user"] and when < row["timestamp"]
