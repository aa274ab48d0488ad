"""What the source articles do with train and test, in code, and where it misleads.

Each function is the faulty version. The right versions are in ``recsys_book.preprocessing``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def pre_10_random_split(n: int, test: float = 0.2, seed: int = 42) -> tuple[np.ndarray, np.ndarray]:
    """PRE-10: split events that have an order as if they had none.

    Articles S0a and S0b §5.2, S1 §4.3.2 (``train_test_split(..., random_state=42)``), S0b §3.1.3
    (70/20/10), S3 §3.2.2. Training then holds events later than those it is tested on.

    Args:
        n: Number of events.
        test: Share of the events to hold out.
        seed: The articles' ``random_state``.

    Returns:
        Row positions of train and of test.
    """
    shuffled = np.random.default_rng(seed).permutation(n)
    cut = int(round(n * test))
    return np.sort(shuffled[cut:]), np.sort(shuffled[:cut])


def pre_10_trend_hits(
    item: np.ndarray,
    time: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    *,
    window: int = 2,
    k: int = 20,
    past_only: bool = False,
) -> np.ndarray:
    """PRE-10: recommend what is popular around the tested event, the days after it included.

    With a random split "the days around it" are all in train, so nothing stops a trend feature from
    reading the future. ``past_only=True`` is the honest feature: the window ends before the event.

    Args:
        item: (n,) item positions.
        time: (n,) days.
        train: Row positions that may be counted.
        test: Row positions to recommend for.
        window: Number of days on each side of the event (before it only, with ``past_only``).
        k: Length of the list.
        past_only: Count the ``window`` days before the event only.

    Returns:
        (len(test),) whether each tested item is in the list.
    """
    item, time = np.asarray(item), np.asarray(time)
    n_items = int(item.max()) + 1
    lists = {}
    for day in np.unique(time[test]):
        age = day - time[train]
        near = (age > 0) & (age <= window) if past_only else np.abs(age) <= window
        count = np.bincount(item[train[near]], minlength=n_items)
        lists[int(day)] = np.argsort(-count, kind="stable")[:k]
    return np.array([item[row] in lists[int(time[row])] for row in test])


def met_13_best_on_test(predictions: np.ndarray, truth: np.ndarray) -> tuple[int, float]:
    """MET-13: choose among models on the test set, and report that score.

    Articles S0b §5.2 (``train_model(model, X_train, y_train, X_test, y_test)``) and S0a §3.5
    ("test, adjust the learning rate, repeat until the performance is as expected").

    Args:
        predictions: (models, rows) predicted labels.
        truth: (rows,) labels of the test set.

    Returns:
        The best model and its accuracy on the very rows that chose it.
    """
    accuracy = np.mean(np.asarray(predictions) == np.asarray(truth), axis=1)
    best = int(np.argmax(accuracy))
    return best, float(accuracy[best])


def met_14_score_on_train(
    fit: Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]],
    X: np.ndarray,
    y: np.ndarray,
) -> float:
    """MET-14: evaluate on the training rows and call them the test set.

    Articles S1 §5.2.1 and §5.2.2 (``model.evaluate(x_train, y_train)``), S2 appendix C.

    Args:
        fit: Maps ``(X, y)`` to a function that predicts.
        X: (n, d) features.
        y: (n,) labels.

    Returns:
        The accuracy on the rows that were learned.
    """
    return float(np.mean(fit(X, y)(X) == y))


def met_20_fit_after_cross_validation(
    fit: Callable[[np.ndarray, np.ndarray], np.ndarray],
    X: np.ndarray,
    y: np.ndarray,
    k: int = 5,
) -> np.ndarray:
    """MET-20: cross-validate "to avoid overfitting", then fit on everything.

    Article S1 §3.2.3, §3.3.2, §4.6.2. The folds are fitted and thrown away, so what is returned is
    what would have been returned without them.

    Args:
        fit: Maps ``(X, y)`` to coefficients.
        X: (n, d) features.
        y: (n,) targets.
        k: Number of folds.

    Returns:
        (d,) coefficients of the final model.
    """
    fold = np.arange(len(y)) % k
    for held in range(k):
        fit(X[fold != held], y[fold != held])
    return fit(X, y)
