"""The schema: each violation is one sentence with column, row, value and remedy."""

import numpy as np
import pandas as pd
import pytest

from recsys_book.preprocessing import drop_invalid, event_log_schema, schema_failures, validate_log

SCHEMA = event_log_schema(value_range=(1, 5), events=["play", "like"], event_id="id")
GOOD = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "user": ["a", "b", "c"],
        "item": [1, 2, 3],
        "event": ["play", "like", "play"],
        "value": [1.0, 5.0, 3.0],
        "timestamp": [0, 10, 20],
    },
    index=[10, 20, 30],
)


def test_a_good_log_passes_unchanged():
    assert validate_log(GOOD, SCHEMA) is GOOD and len(schema_failures(GOOD, SCHEMA)) == 0
    assert drop_invalid(GOOD, SCHEMA)[1].removed == ()
    assert validate_log(GOOD.iloc[:0], SCHEMA).empty
    only_ids = GOOD[["user", "item", "timestamp"]]
    assert validate_log(only_ids, event_log_schema()) is only_ids


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("value", 7.0, "Column 'value', row 20: the value 7.0 is outside 1 to 5; correct it"),
        ("value", "good", "Column 'value', row 20: the value 'good' is not a number; repair"),
        ("user", None, "Column 'user', row 20: the value is missing; drop the row"),
        ("timestamp", -1, "Column 'timestamp', row 20: the value -1 is negative; correct it"),
        ("timestamp", np.nan, "Column 'timestamp', row 20: the value is missing"),
        ("event", "paly", "Column 'event', row 20: the value 'paly' is not a known event; correct"),
        ("id", 1, "Column 'id', row 20: the value 1 occurs twice; drop the copy"),
    ],
)
def test_each_violation_is_one_sentence(column, value, sentence):
    values = GOOD[column].astype(object)
    values[20] = value
    bad = GOOD.assign(**{column: values})
    with pytest.raises(ValueError) as error:
        validate_log(bad, SCHEMA)
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)
    kept, report = drop_invalid(bad, SCHEMA)
    assert kept.index.tolist() == [10, 30] and report.removed == (20,)
    assert validate_log(kept, SCHEMA) is kept


def test_violations_are_counted_and_sorted_by_row():
    bad = GOOD.assign(value=[9.0, 2.0, 9.0], user=["a", None, None])
    failures = schema_failures(bad, SCHEMA)
    assert failures.row.tolist() == [10, 20, 30, 30]
    with pytest.raises(ValueError, match=r"row 10: the value 9.0 is outside 1 to 5 \(3 more\)"):
        validate_log(bad, SCHEMA)
    kept, report = drop_invalid(bad, SCHEMA)
    assert len(kept) == 0 and sum(report.reasons.values()) == 3


def test_an_absent_column_cannot_be_dropped_away():
    bad = GOOD.drop(columns="item")
    for function in (validate_log, drop_invalid):
        with pytest.raises(ValueError, match="Column 'item' is absent; rename a column"):
            function(bad, SCHEMA)
