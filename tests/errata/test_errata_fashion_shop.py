"""The shop cases: adaptation that is not there, names that are not there, labels of nothing."""

import inspect

import numpy as np
import pytest

from recsys_book.case_studies import fashion_shop as shop
from recsys_book.errata import fashion_shop as errata


class Witness:
    """Notes which methods are called, and with which rows."""

    def __init__(self):
        self.calls = []

    def compile(self, **options):
        self.calls.append(("compile", None))

    def fit(self, x, y, **options):
        self.calls.append(("fit", x))

    def evaluate(self, x, y):
        self.calls.append(("evaluate", x))
        return 0.85


@pytest.mark.erratum("ADA-07")
def test_listing_fits_once_and_judges_on_the_same_rows():
    model, x = Witness(), object()
    assert errata.ada_07_case_study(model, x, object()) == 0.85
    assert [name for name, _ in model.calls] == ["compile", "fit", "evaluate"]
    assert model.calls[1][1] is x and model.calls[2][1] is x


@pytest.mark.erratum("ADA-07")
def test_each_switch_of_the_package_changes_what_is_served():
    pair = shop.draw_shops(seed=1)

    def served(**flags):
        return shop.run_shop(*pair, batches=8, seed=1, **flags)["clicks"].to_numpy()

    static = served()
    for name in shop.SWITCHES:
        assert not np.allclose(static, served(**{name: True})), name
    names = set(inspect.signature(shop.run_shop).parameters)
    assert set(shop.SWITCHES) <= names


@pytest.mark.erratum("COD-06")
@pytest.mark.parametrize("where", errata.MISSING)
def test_name_is_made_nowhere(where):
    with pytest.raises(NameError, match=errata.MISSING[where]):
        errata.cod_06_run_listing(where)


@pytest.mark.erratum("COD-06")
def test_every_name_of_the_package_exists():
    for name in shop.__all__:
        assert getattr(shop, name) is not None


@pytest.mark.erratum("COD-16")
def test_users_and_items_cannot_be_split_together():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        errata.cod_16_features_as_labels(np.zeros((30, 20)), np.zeros((20, 8)))


@pytest.mark.erratum("COD-16")
def test_where_it_runs_the_label_is_an_items_features():
    users, items = np.arange(20.0)[:, None], 100 + np.arange(40.0).reshape(20, 2)
    x_train, x_test, y_train, y_test = errata.cod_16_features_as_labels(users, items)
    assert y_train.shape == (16, 2) and len(x_test) == len(y_test) == 4
    assert y_train.min() >= 100  # nothing that a user did
