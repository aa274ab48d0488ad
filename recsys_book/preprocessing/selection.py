"""Feature selection: keep some of the columns. Every function looks at training rows only.

scikit-learn is imported where it is used: loading it takes longer than splitting a data set does.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def _correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = x - x.mean(axis=0), y - y.mean()
    length = np.sqrt((x**2).sum(axis=0) * (y**2).sum())
    return np.divide(x.T @ y, length, out=np.zeros(x.shape[1]), where=length > 0)


def filter_scores(features: pd.DataFrame, target: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """Score each column alone against the target.

    Args:
        features: (n, d) numeric columns of the training rows, without missing values.
        target: (n,).
        seed: of the small noise that the mutual-information estimate adds to break ties.

    Returns:
        A frame of d rows (index: column names) with ``pearson`` and ``spearman`` in [-1, 1]
        (0 for a constant column) and ``mutual_information`` in nats.
    """
    from scipy.stats import rankdata
    from sklearn.feature_selection import mutual_info_regression

    x, y = features.to_numpy(dtype=float), np.asarray(target, dtype=float)
    ranks = np.apply_along_axis(rankdata, 0, x)
    return pd.DataFrame(
        {
            "pearson": _correlation(x, y),
            "spearman": _correlation(ranks, rankdata(y)),
            "mutual_information": mutual_info_regression(x, y, random_state=seed),
        },
        index=features.columns,
    )


def embedded_scores(features: pd.DataFrame, target: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """Score the columns by models that choose while they fit.

    The rows are cut in two: models learn from 70 % and permutation importance is taken on the
    other 30 %, because on its own rows a forest finds importance in noise.

    Args:
        features: (n, d) numeric columns of the training rows.
        target: (n,).
        seed: of the cut, the forest and the permutations.

    Returns:
        A frame of d rows with ``lasso`` (coefficient of the standardised column, 0 if dropped),
        ``impurity`` (share of the forest's variance reduction) and ``permutation`` (loss of R²
        when the column is shuffled).
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.linear_model import LassoCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = features.to_numpy(dtype=float), np.asarray(target, dtype=float)
    order = np.random.default_rng(seed).permutation(len(y))
    fit, held = order[: int(0.7 * len(y))], order[int(0.7 * len(y)) :]
    lasso = make_pipeline(StandardScaler(), LassoCV(cv=5, random_state=seed)).fit(x[fit], y[fit])
    forest = RandomForestRegressor(100, min_samples_leaf=5, random_state=seed).fit(x[fit], y[fit])
    shuffled = permutation_importance(forest, x[held], y[held], n_repeats=5, random_state=seed)
    return pd.DataFrame(
        {
            "lasso": lasso[-1].coef_,
            "impurity": forest.feature_importances_,
            "permutation": shuffled.importances_mean,
        },
        index=features.columns,
    )


def eliminate(
    features: pd.DataFrame, target: np.ndarray, keep: int, folds: int = 5, seed: int = 0
) -> tuple[list[str], float]:
    """Drop the weakest column of a ridge regression again and again until ``keep`` are left.

    The score repeats the whole elimination inside each fold, so it is not flattered by a choice
    made with the held-out rows in view.

    Args:
        features: (n, d) numeric columns of the training rows.
        target: (n,).
        keep: columns to keep.
        folds: of the cross-validation.
        seed: of the folds.

    Returns:
        The columns kept when all rows are used, and the cross-validated R² of the procedure.

    Raises:
        ValueError: if ``keep`` is not between 1 and the number of columns.

    Source: Guyon et al. 2002.
    """
    from sklearn.feature_selection import RFE
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not 1 <= keep <= features.shape[1]:
        raise ValueError(f"keep={keep} is not between 1 and the {features.shape[1]} columns.")
    x, y = features.to_numpy(dtype=float), np.asarray(target, dtype=float)
    steps = make_pipeline(StandardScaler(), RFE(Ridge(1.0), n_features_to_select=keep), Ridge(1.0))
    cv = KFold(folds, shuffle=True, random_state=seed)
    score = float(cross_val_score(steps, x, y, cv=cv, scoring="r2").mean())
    support = steps.fit(x, y)[1].support_
    return features.columns[support].tolist(), score
