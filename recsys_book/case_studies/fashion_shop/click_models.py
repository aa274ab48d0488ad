"""Click models of one interface: ``fit(rows)``, ``predict(rows)`` gives click rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from recsys_book.case_studies.fashion_shop.impressions import Impressions

#: A click rate that no model of these logs has reason to go below.
LOWEST = 1e-4
_OF_ITEM = ("item", "item_feature_0", "item_feature_1", "item_feature_2", "item_feature_3")


class ClickModel(Protocol):
    """What the case study asks of a click model."""

    def fit(self, rows: Impressions) -> ClickModel:
        """Learn from rows."""
        ...

    def predict(self, rows: Impressions) -> np.ndarray:
        """Return click rates, shape (n,)."""
        ...


class ShrunkenRate:
    """The click rate of each level of one field, drawn towards the rate of all rows.

    A level with c clicks in v views gets (c + s m) / (v + s), where m is the rate of all rows and
    s is ``strength``: the mean of a Beta posterior.

    Args:
        field: Name of the field; ``"intercept"`` gives the rate of all rows.
        strength: Views that the common rate is worth.

    Attributes:
        rates_: (width,) click rates.
    """

    def __init__(self, field: str = "intercept", strength: float = 500.0):
        if strength <= 0:
            raise ValueError(f"strength is {strength}; use a number of views above 0.")
        self.field, self.strength = field, strength

    def fit(self, rows: Impressions) -> ShrunkenRate:
        """Count clicks and views."""
        codes, width = rows.field(self.field), rows.width(self.field)
        clicks, views = np.bincount(codes, rows.click, width), np.bincount(codes, minlength=width)
        common = (rows.click.sum() + 0.5) / (len(rows) + 1)
        self.rates_ = (clicks + self.strength * common) / (views + self.strength)
        return self

    def predict(self, rows: Impressions) -> np.ndarray:
        """Return the rate of each row's level, shape (n,)."""
        return self.rates_[rows.field(self.field)]


class MachineRate:
    """A factorisation machine on the same fields: a vector for every hashed feature.

    The vectors are the learned embeddings of the features. The book's machine minimises the
    squared error, whose best answer is the click rate; answers below ``LOWEST`` are raised to it.

    Args:
        item_ids: Whether the item's own number is a field beside its features.
        factors: Length of the vectors.
        l2: Penalty.
        epochs: Passes over the rows.
        seed: Of the first vectors and the order of the rows.
    """

    def __init__(
        self,
        item_ids: bool = True,
        factors: int = 4,
        l2: float = 0.05,
        epochs: int = 3,
        seed: int = 0,
    ):
        self.item_ids, self.factors, self.l2 = item_ids, factors, l2
        self.epochs, self.seed = epochs, seed

    def fit(self, rows: Impressions) -> MachineRate:
        """Learn weights and vectors."""
        from recsys_book.data import Interactions
        from recsys_book.recommenders.features import FactorizationMachine, Field

        left, right, items = _split(rows, self.item_ids)
        contexts, user = np.unique(left, axis=0, return_inverse=True)
        fields = [Field("context", "user", _ones(contexts, rows.n_columns))]
        fields.append(Field("features", "item", _ones(items, rows.n_columns)))
        log = Interactions(
            user=user.ravel().astype(np.int64),
            item=right,
            value=rows.click,
            timestamp=np.arange(len(rows)),
            users=np.arange(len(contexts)),
            items=np.arange(len(items)),
        )
        self.machine_ = FactorizationMachine(
            fields,
            factors=self.factors,
            l2=self.l2,
            epochs=self.epochs,
            rate=0.01,
            init=0.01,
            seed=self.seed,
        ).fit(log)
        return self

    def predict(self, rows: Impressions) -> np.ndarray:
        """Return click rates, shape (n,)."""
        from recsys_book.recommenders.features import fm_linear_time

        left, right, items = _split(rows, self.item_ids)
        table = sp.hstack([_ones(left, rows.n_columns), _ones(items, rows.n_columns)[right]])
        machine = self.machine_
        scores = fm_linear_time(sp.csr_matrix(table), machine.w0_, machine.w_, machine.V_)
        return np.clip(scores, LOWEST, 1.0)


class BoostedRate:
    """Gradient-boosted trees on the codes of the fields, from scikit-learn.

    Args:
        trees: Number of trees.
        rate: Learning rate.
        leaf: Fewest rows in a leaf.
        seed: Of the library.
    """

    def __init__(self, trees: int = 20, rate: float = 0.05, leaf: int = 500, seed: int = 0):
        self.trees, self.rate, self.leaf, self.seed = trees, rate, leaf, seed

    def fit(self, rows: Impressions) -> BoostedRate:
        """Grow the trees."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        codes = rows.columns - rows.offsets[:-1]
        self.trees_ = HistGradientBoostingClassifier(
            max_iter=self.trees,
            learning_rate=self.rate,
            max_leaf_nodes=8,
            min_samples_leaf=self.leaf,
            l2_regularization=10.0,
            categorical_features=list(range(1, codes.shape[1])),
            early_stopping=False,
            random_state=self.seed,
        ).fit(codes, rows.click)
        return self

    def predict(self, rows: Impressions) -> np.ndarray:
        """Return click rates, shape (n,)."""
        return self.trees_.predict_proba(rows.columns - rows.offsets[:-1])[:, 1]


def day_forward(
    make: Mapping[str, Callable[[], ClickModel]], rows: Impressions, first: int = 1
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Predict every day by models that have seen the days before it, and nothing else.

    Args:
        make: A function without arguments for each model's name, called anew for each day.
        rows: Impressions of one campaign, earliest first.
        first: First day that is predicted.

    Returns:
        Which rows were predicted, (n,) bool, and each model's click rates of those rows.

    Raises:
        ValueError: If there is no day to learn from or none to predict.
    """
    days = np.unique(rows.day)
    judged = days[days >= first]
    if not len(judged) or judged[0] == days[0]:
        raise ValueError(
            f"The rows have the days {days[0]} to {days[-1]}; choose a first day above the"
            " earliest and not past the latest."
        )
    predicted = {name: np.empty(len(rows)) for name in make}
    for day in judged:
        before, today = rows.take(rows.day < day), np.flatnonzero(rows.day == day)
        for name, new in make.items():
            predicted[name][today] = new().fit(before).predict(rows.take(today))
    chosen = rows.day >= first
    return chosen, {name: values[chosen] for name, values in predicted.items()}


def _split(rows: Impressions, item_ids: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns of the context (n, c), the item of each row (n,), columns of each item (K, d)."""
    of_item = [name in _OF_ITEM for name in rows.names]
    wanted = [name in _OF_ITEM[0 if item_ids else 1 :] for name in rows.names]
    left = rows.columns[:, ~np.array(of_item) & (np.arange(len(of_item)) > 0)]
    table = np.zeros((rows.width("item"), sum(wanted)), dtype=np.int64)
    table[rows.item] = rows.columns[:, wanted]
    return left, rows.item, table


def _ones(columns: np.ndarray, width: int) -> sp.csr_matrix:
    rows = np.repeat(np.arange(len(columns)), columns.shape[1])
    return sp.csr_matrix((np.ones(columns.size), (rows, columns.ravel())), (len(columns), width))
