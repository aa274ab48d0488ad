"""The meta-learners of a stack, all from libraries, behind one small interface."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

#: Names of the meta-learners.
LEARNERS = ("logistic", "svm", "forest", "boosting", "xgboost")


class MetaLearner:
    """A classifier after standardised features, fitted on rows of several users.

    Args:
        model: A scikit-learn classifier, or an XGBoost ranker.
        ranks: Whether the model learns the order within each user, not picked against not picked.
    """

    def __init__(self, model: Any, ranks: bool = False):
        self.model = model
        self.ranks = ranks

    def fit(self, X: np.ndarray, y: np.ndarray, user: np.ndarray) -> MetaLearner:
        """Standardise the features and fit the model.

        Args:
            X: Features, shape (n, n_features).
            y: 1 for picked, 0 for not picked, shape (n,).
            user: Which user a row belongs to; rows of one user weigh one together, shape (n,).

        Returns:
            The learner itself.
        """
        order = np.argsort(user, kind="stable")
        X, y, user = X[order], y[order], user[order]
        self.mean_, self.spread_ = X.mean(axis=0), np.maximum(X.std(axis=0), 1e-12)
        X = (X - self.mean_) / self.spread_
        _, group, size = np.unique(user, return_inverse=True, return_counts=True)
        if self.ranks:
            self.model.fit(X, y, qid=group)
        else:
            self.model.fit(X, y, sample_weight=(1.0 / size)[group] * len(y) / len(size))
        return self

    def score(self, X: np.ndarray) -> np.ndarray:
        """Return one number a row, the higher the likelier the item is picked.

        Args:
            X: Features, shape (n, n_features).

        Returns:
            Scores, float64, shape (n,).
        """
        X = (X - self.mean_) / self.spread_
        if self.ranks:
            return self.model.predict(X).astype(np.float64)
        if hasattr(self.model, "decision_function"):
            return self.model.decision_function(X)
        return self.model.predict_proba(X)[:, 1]

    def importance(self) -> np.ndarray:
        """Return how much each feature matters to the model, shape (n_features,).

        Returns:
            Absolute coefficients of standardised features, or the importances of a tree model.

        Raises:
            ValueError: If the model tells neither.
        """
        if hasattr(self.model, "coef_"):
            return np.abs(np.ravel(self.model.coef_))
        if hasattr(self.model, "feature_importances_"):
            return np.asarray(self.model.feature_importances_, dtype=np.float64)
        raise ValueError(f"{type(self.model).__name__} does not say which features matter.")


def make_learner(learner: Any, seed: int = 0) -> MetaLearner:
    """Make a meta-learner by name, or wrap a copy of a classifier.

    Args:
        learner: One of ``LEARNERS``, or an unfitted scikit-learn classifier.
        seed: Seed of the learners that draw.

    Returns:
        An unfitted meta-learner.

    Raises:
        ValueError: If the name is unknown.
    """
    if not isinstance(learner, str):
        return MetaLearner(copy.deepcopy(learner))
    makers = {
        "logistic": _logistic,
        "svm": _svm,
        "forest": _forest,
        "boosting": _boosting,
        "xgboost": _xgboost,
    }
    if learner not in makers:
        raise ValueError(f"learner is {learner!r}; use {', '.join(LEARNERS)}, or a classifier.")
    return makers[learner](seed)


def _logistic(seed: int) -> MetaLearner:
    from sklearn.linear_model import LogisticRegression

    return MetaLearner(LogisticRegression(C=1.0))


def _svm(seed: int) -> MetaLearner:
    from sklearn.svm import LinearSVC

    return MetaLearner(LinearSVC(C=0.1, random_state=seed, max_iter=5000))


def _forest(seed: int) -> MetaLearner:
    from sklearn.ensemble import RandomForestClassifier

    return MetaLearner(
        RandomForestClassifier(60, min_samples_leaf=20, max_features=2, random_state=seed)
    )


def _boosting(seed: int) -> MetaLearner:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return MetaLearner(
        HistGradientBoostingClassifier(
            max_iter=60, learning_rate=0.1, max_leaf_nodes=8, random_state=seed
        )
    )


def _xgboost(seed: int) -> MetaLearner:
    from xgboost import XGBRanker

    ranker = XGBRanker(
        objective="rank:ndcg",
        n_estimators=60,
        learning_rate=0.1,
        max_depth=3,
        n_jobs=1,
        random_state=seed,
        verbosity=0,
    )
    return MetaLearner(ranker, ranks=True)


def meta_scores(learner: MetaLearner, X: np.ndarray, rows: int = 500_000) -> np.ndarray:
    """Score many rows, some at a time.

    Args:
        learner: A fitted meta-learner.
        X: Features, shape (n, n_features).
        rows: Rows at a time.

    Returns:
        Scores, shape (n,).
    """
    return np.concatenate([learner.score(X[at : at + rows]) for at in range(0, len(X), rows)])
