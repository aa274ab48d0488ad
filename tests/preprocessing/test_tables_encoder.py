"""Item, user and context tables become matrices by what the training rows said."""

import numpy as np
import pandas as pd
import pytest

from recsys_book.preprocessing import TableEncoder, calendar

SHOP = pd.DataFrame(
    {
        "price": [1.0, 3.0, np.nan, 8.0],
        "stock": [5, 5, 7, 7],
        "brand": ["a", "b", "a", None],
        "tags": ["red|old", "", "old| red", "blue"],
        "hour": [0, 6, 12, 23],
    }
)


def test_every_kind_of_column():
    encoder = TableEncoder(["price", "stock"], ["brand"], ["tags"], {"hour": 24}).fit(SHOP)
    x = pd.DataFrame(encoder.transform(SHOP).toarray(), columns=encoder.names_)
    assert encoder.names_ == [
        "price", "stock", "price missing", "brand=a", "brand=b",
        "tags=blue", "tags=old", "tags=red", "sin hour", "cos hour",
    ]  # fmt: skip
    known = SHOP["price"].dropna()
    np.testing.assert_allclose(x["price"], (SHOP["price"] - 4).fillna(0) / known.std(ddof=0))
    np.testing.assert_allclose(x["stock"], [-1, -1, 1, 1])
    assert x["price missing"].tolist() == [0, 0, 1, 0]
    assert x["brand=a"].tolist() == [1, 0, 1, 0] and x["brand=b"].tolist() == [0, 1, 0, 0]
    assert x["tags=red"].tolist() == [1, 0, 1, 0] and x["tags=blue"].tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(x["sin hour"][:3], [0, 1, 0], atol=1e-12)


def test_new_rows_are_judged_by_the_training_rows():
    encoder = TableEncoder(["stock"], ["brand"], ["tags"]).fit(SHOP)
    new = pd.DataFrame({"stock": [6.0], "brand": ["zz"], "tags": ["green|red"], "extra": [1]})
    x = dict(zip(encoder.names_, encoder.transform(new).toarray()[0]))
    assert x.pop("tags=red") == 1 and set(x.values()) == {0}


def test_parts_can_be_used_alone():
    assert TableEncoder(["stock"]).fit(SHOP).transform(SHOP).shape == (4, 1)
    assert TableEncoder(categories=["brand"]).fit(SHOP).transform(SHOP).shape == (4, 2)
    assert TableEncoder(cycles={"hour": 24}).fit(SHOP).transform(SHOP).shape == (4, 2)
    assert TableEncoder(tags=["tags"]).fit(SHOP.iloc[[1]]).transform(SHOP).shape == (4, 0)


def test_films_and_the_context_of_their_ratings(ml100k):
    films = TableEncoder(["year"], tags=["genres"]).fit(ml100k.items)
    y = films.transform(ml100k.items)
    assert y.shape == (1682, len(films.names_)) and films.names_[1] == "year missing"
    genres = ml100k.items["genres"].str.count(r"\|") + 1
    ones = y[:, 2:].sum(axis=1)
    np.testing.assert_array_equal(np.asarray(ones).ravel(), genres)
    moments = calendar(ml100k.interactions.timestamp[:100])
    context = TableEncoder(categories=["month"], cycles={"hour": 24, "weekday": 7}).fit(moments)
    assert context.transform(moments).shape[0] == 100


def test_errors_name_what_to_do():
    with pytest.raises(ValueError, match="name some numeric"):
        TableEncoder().fit(SHOP)
    with pytest.raises(ValueError, match="call fit"):
        TableEncoder(["stock"]).transform(SHOP)
    with pytest.raises(ValueError, match="no column 'weight'"):
        TableEncoder(["weight"]).fit(SHOP)
    with pytest.raises(ValueError, match="identifiers"):
        TableEncoder(["item_id"]).fit(SHOP.assign(item_id=1))
    with pytest.raises(ValueError, match="no column 'brand'"):
        TableEncoder(categories=["brand"]).fit(SHOP).transform(SHOP[["price"]])
