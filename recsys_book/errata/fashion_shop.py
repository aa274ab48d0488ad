"""What the source articles' shop cases say and run, and where it fails.

The functions are the faulty versions. The right ones are in
``recsys_book.case_studies.fashion_shop``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: Names that the articles' listings use and never make, by article and section (one of several).
MISSING = {
    "S0a §5.2": "X_test",
    "S0b §3.3": "gradients",
    "S1 §3.2": "input_data",
    "S1 §4.4": "X_train",
    "S1 §4.5.1": "base_model",
    "S1 §5.2": "load_data",
    "S2 project": "device",
    "S3 §5.4": "dataset",
    "S3 §9.1": "train_dataset",
    "S4 §5.4": "num_epochs",
}


def ada_07_case_study(model: Any, x_train: Any, y_train: Any) -> Any:
    """ADA-07: a case "by online learning, transfer and reinforcement" that is one offline fit.

    Article S1 §5.2.1 (and §5.2.2) names three adaptive methods and reports their success. The
    listing has one ``compile``, one ``fit`` and one ``evaluate``, on the rows that it was fitted
    on (MET-14). Nothing is updated, nothing comes from another population, nothing is rewarded.

    Args:
        model: Has ``compile``, ``fit`` and ``evaluate``, as a Keras model has.
        x_train: Inputs.
        y_train: Labels.

    Returns:
        Whatever ``evaluate`` returns.
    """
    model.compile(optimizer="adam", loss="mse", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=10, batch_size=32)
    return model.evaluate(x_train, y_train)


def cod_06_run_listing(where: str) -> object:
    """COD-06: names that do not exist.

    None of the articles' programs reaches its printed result: names are used that no line of the
    listing defines. This looks one of them up in a fresh interpreter's names.

    Args:
        where: A key of ``MISSING``.

    Returns:
        Never.

    Raises:
        NameError: With every one of them.
    """
    return eval(compile(MISSING[where], where, "eval"), {})


def cod_16_features_as_labels(X: np.ndarray, Y: np.ndarray, seed: int = 0) -> tuple:
    """COD-16: users' behaviour as inputs, and the features of the items as their labels.

    Article S0a §5.2: ``X = [...]  # 用户行为数据``, ``Y = [...]  # 项目特征数据``, then
    ``train_test_split(X_normalize, Y, test_size=0.2)``. X has a row a user and Y a row an item.
    The target of a recommender is neither; it is what happened between the two.

    Args:
        X: (m, d) behaviour of m users.
        Y: (n, f) features of n items.
        seed: Of the split.

    Returns:
        The four parts, where there happen to be as many users as items.

    Raises:
        ValueError: If m and n differ.
    """
    from sklearn.model_selection import train_test_split

    return tuple(train_test_split(X, Y, test_size=0.2, random_state=seed))
