"""What the source articles' shop cases say and run, and where it fails.

The functions are the faulty versions. The right ones are in
``recsys_book.case_studies.fashion_shop``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: Lines of the articles' listings, by article and section, with what they need and never make.
LISTINGS = {
    "S0a §5.2": "predictions = model.predict(X_test)",
    "S0b §3.3": "parameters = parameters - 0.01 * gradients",
    "S1 §3.2": "output = model(input_data)",
    "S1 §4.4": "model.fit(X_train, y_train, epochs=10, batch_size=32)",
    "S1 §4.5.1": "model = prune(base_model, **pruning_params)",
    "S1 §5.2": "data = load_data()",
    "S2 项目实战": "inputs = inputs.to(device)",
    "S3 §5.4": "loader = DataLoader(dataset, batch_size=32)",
    "S4 §5.4": "for epoch in range(num_epochs): model.train()",
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


def cod_06_run_listing(where: str) -> None:
    """COD-06: run one line of a listing with nothing but what the listing itself has made.

    None of the articles' programs reaches its printed result: names are used that no line
    defines, such as ``X_test``, ``load_data`` or ``device``.

    Args:
        where: A key of ``LISTINGS``.

    Raises:
        NameError: With every one of them.
    """
    exec(compile(LISTINGS[where], where, "exec"), {"__builtins__": __builtins__})


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
