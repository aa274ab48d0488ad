"""Profiles hold what was declared, and only the past that was agreed to."""

import pandas as pd
import pytest

from recsys_book.preprocessing import keep_consented, user_profiles

USERS = pd.DataFrame(
    {
        "user": [1, 2, 3, 4],
        "consent": [True, False, None, True],
        "language": ["zh", "en", "en", "zh"],
    }
)
LOG = pd.DataFrame(
    {
        "user": [1, 1, 1, 2, 3, 1, 9],
        "item": [10, 11, None, 12, 13, 14, 15],
        "query": [None, None, "tea", None, None, None, None],
        "timestamp": [5, 20, 30, 6, 7, 100, 8],
    }
)


def test_without_an_answer_nothing_is_used():
    kept, report = keep_consented(LOG, USERS)
    assert kept.index.tolist() == [0, 1, 2, 5]
    assert report.reasons == {"no consent": 3} and report.removed == (3, 4, 6)


def test_profile_of_the_past_only():
    table = user_profiles(USERS, LOG, as_of=100, recent=1, query="query").set_index("user")
    assert table["language"].tolist() == ["zh", "en", "en", "zh"]
    assert table["events"].tolist() == [3, 0, 0, 0]
    assert table.loc[1, "last_seen"] == 30 and table["last_seen"].isna().sum() == 3
    assert table["recent_items"].tolist() == [[11], [], [], []]
    assert table["recent_queries"].tolist() == [["tea"], [], [], []]


def test_latest_first_and_no_queries_column_if_there_is_none():
    table = user_profiles(USERS, LOG, as_of=1000)
    assert table.loc[0, "recent_items"] == [14, 11, 10]
    assert "recent_queries" not in table and list(USERS) == ["user", "consent", "language"]


def test_the_future_does_not_change_a_profile():
    before = user_profiles(USERS, LOG[LOG["timestamp"] < 30], as_of=30)
    pd.testing.assert_frame_equal(before, user_profiles(USERS, LOG, as_of=30))


def test_one_answer_a_user():
    with pytest.raises(ValueError, match="User 1 has two rows"):
        keep_consented(LOG, pd.concat([USERS, USERS.iloc[:1]], ignore_index=True))
