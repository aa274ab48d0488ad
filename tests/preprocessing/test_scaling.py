"""Scaling against scikit-learn, fitted on train only, and refusing ids."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from recsys_book.preprocessing import Scaler


@pytest.fixture
def frames():
    g = np.random.default_rng(0)
    frame = pd.DataFrame({"age": g.integers(10, 70, 50), "price": g.lognormal(2, 1, 50)})
    return frame[:30], frame[30:]


@pytest.mark.parametrize(
    ("kind", "peer"),
    [("zscore", StandardScaler()), ("minmax", MinMaxScaler()), ("robust", RobustScaler())],
)
def test_equals_scikit_learn_on_train_and_test(frames, kind, peer):
    train, test = frames
    ours = Scaler(kind).fit(train)
    peer.fit(train)
    for part in frames:
        np.testing.assert_allclose(ours.transform(part), peer.transform(part), atol=1e-12)
    assert ours.transform(test).index.equals(test.index)


@pytest.mark.parametrize("kind", ["zscore", "minmax", "robust", "log"])
def test_inverse_returns_the_units(frames, kind):
    train, test = frames
    scaler = Scaler(kind).fit(train)
    back = scaler.inverse_transform(scaler.transform(test[["price", "age"]]))
    np.testing.assert_allclose(back, test[["age", "price"]].astype(float))


def test_log_is_log1p(frames):
    train, _ = frames
    np.testing.assert_allclose(Scaler("log").fit(train).transform(train), np.log1p(train))


def test_constant_column_is_only_shifted_and_missing_stays_missing():
    frame = pd.DataFrame({"same": [3.0, 3.0, 3.0], "hole": [1.0, np.nan, 3.0]})
    scaled = Scaler().fit(frame).transform(frame)
    assert scaled["same"].tolist() == [0, 0, 0]
    assert np.isnan(scaled["hole"][1])
    np.testing.assert_allclose(scaled["hole"].dropna(), [-1, 1])


@pytest.mark.erratum("PRE-06")
@pytest.mark.parametrize("column", ["user", "item_id", "user_id", "itemId", "UserID", "uid", "ID"])
@pytest.mark.parametrize("kind", ["zscore", "minmax"])
def test_refuses_columns_of_ids(kind, column):
    with pytest.raises(ValueError, match="identifiers, which are names and not quantities"):
        Scaler(kind).fit(pd.DataFrame({column: [1, 2, 3]}))


@pytest.mark.parametrize(
    ("frame", "kind", "message"),
    [
        (pd.DataFrame({"a": [1.0]}), "unit", "Unknown scaling 'unit'"),
        (pd.DataFrame({"a": []}), "zscore", "is empty"),
        (pd.DataFrame(index=[0]), "zscore", "is empty"),
        (pd.DataFrame({"a": ["x"]}), "zscore", "'a' is not numeric"),
        (pd.DataFrame({"b": [1.0], "a": [-2.0]}), "log", "'a' is negative in row 0"),
    ],
)
def test_bad_input(frame, kind, message):
    with pytest.raises(ValueError, match=message):
        Scaler(kind).fit(frame)


def test_missing_column_in_transform():
    scaler = Scaler().fit(pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="'b' was there in fit"):
        scaler.transform(pd.DataFrame({"a": [1.0]}))


def test_words_that_only_contain_id_are_quantities():
    Scaler().fit(pd.DataFrame({"width": [1.0, 2.0], "user_count": [3.0, 4.0], "humid": [0.0, 1.0]}))
