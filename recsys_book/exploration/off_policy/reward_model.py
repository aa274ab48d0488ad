"""Models of the expected reward of every action, fitted on other rows than they predict."""

from __future__ import annotations

from typing import Any

import numpy as np

from recsys_book.data import BanditLog

__all__ = ["estimate_propensities", "fit_reward_model", "folds_of_rows"]

_MODELS = ("logistic", "ridge", "boosting")


def fit_reward_model(
    log: BanditLog,
    folds: int = 3,
    model: str = "logistic",
    strength: float = 1.0,
    rows: BanditLog | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Predict the reward of every action in every row, by models that have not seen the row.

    The features of a pair are the context, the action (a one-hot code, with ``action_context``
    where the log has it) and the position. The linear models add them up; ``"boosting"`` lets
    them interact.

    Source: Chernozhukov et al. (2018), Double/Debiased Machine Learning, for cross-fitting.

    Args:
        log: n rows to fit on.
        folds: Parts of the log; each is predicted by a model of the others. 1 fits and predicts
            the same rows, which is the fault the chapter shows.
        model: ``"logistic"`` (rewards 0 and 1), ``"ridge"`` or ``"boosting"`` (trees on squared
            error).
        strength: Of the penalty of the linear models.
        rows: Another log to predict, with a single model of the whole of ``log``.
        seed: Of the folds.

    Returns:
        q_hat, (n, K), or (rows, K).

    Raises:
        ValueError: If the model is unknown, folds are not between 1 and n, or rewards other than
            0 and 1 meet ``"logistic"``.
    """
    if model not in _MODELS:
        raise ValueError(f"There is no reward model '{model}'; choose {', '.join(_MODELS)}.")
    if model == "logistic" and not np.isin(log.reward, (0.0, 1.0)).all():
        raise ValueError("The logistic model needs rewards of 0 and 1; use model='ridge'.")
    if rows is not None:
        return _predict(_fit(log, model, strength, seed), rows)
    if folds == 1:
        return _predict(_fit(log, model, strength, seed), log)
    q_hat = np.empty((len(log), log.n_actions))
    for inside in folds_of_rows(len(log), folds, seed):
        fitted = _fit(log.take(~inside), model, strength, seed)
        q_hat[inside] = _predict(fitted, log.take(inside))
    return q_hat


def folds_of_rows(n: int, folds: int, seed: int = 0) -> list[np.ndarray]:
    """Split n rows at random into parts of nearly equal size: a list of (n,) bool."""
    if not 2 <= folds <= n:
        raise ValueError(f"folds is {folds} for {n} rows; choose a number from 2 to {n}.")
    part = np.random.default_rng(seed).permutation(np.arange(n) % folds)
    return [part == k for k in range(folds)]


def estimate_propensities(
    log: BanditLog, method: str = "shares", strength: float = 1.0, folds: int = 3, seed: int = 0
) -> np.ndarray:
    """Guess the propensities of a log that has none (its column may hold any number, such as 1).

    A guess is right only if what the policy looked at is among what the guess looks at.

    Args:
        log: n rows; its propensities are not read.
        method: ``"shares"``, the share of the action in the position, or ``"logistic"``, a
            cross-fitted multinomial model of the context, one a position.
        strength: One more row for each action and position (shares), or the penalty (logistic).
        folds: Parts of the cross-fitting.
        seed: Of the folds.

    Returns:
        (n,) in (0, 1].

    Raises:
        ValueError: If the method is unknown, or strength is not above 0.
    """
    if strength <= 0:
        raise ValueError(f"strength is {strength}; it must be above 0, or a guess may be 0.")
    if method == "shares":
        counts = log.counts() + strength
        return (counts / counts.sum(axis=1, keepdims=True))[log.position, log.action]
    if method != "logistic":
        raise ValueError(f"There is no guess '{method}'; choose shares or logistic.")
    guess = np.empty(len(log))
    for inside in folds_of_rows(len(log), folds, seed):
        for position in np.unique(log.position):
            ask, know = (log.take(part & (log.position == position)) for part in (inside, ~inside))
            guess[inside & (log.position == position)] = _chance_of_action(know, ask, strength)
    return guess


def _chance_of_action(know: BanditLog, ask: BanditLog, strength: float) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1 / strength, max_iter=500).fit(know.context, know.action)
    chances = np.full((len(ask), know.n_actions), 1.0 / (len(know) + know.n_actions))
    chances[:, fitted.classes_] = fitted.predict_proba(ask.context)
    return chances[np.arange(len(ask)), ask.action]


def _about_actions(log: BanditLog) -> np.ndarray:
    """(K, d) what is known of each action."""
    one_hot = np.eye(log.n_actions)
    return one_hot if log.action_context is None else np.hstack([one_hot, log.action_context])


def _about_rows(log: BanditLog) -> np.ndarray:
    """(n, d) what is known of each row before an action is chosen."""
    return np.hstack([log.context, np.eye(log.n_positions)[log.position]])


def _fit(log: BanditLog, model: str, strength: float, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    if log.reward.min() == log.reward.max():  # nothing to learn: a constant
        return float(log.reward[0])
    if model == "boosting":
        pairs = np.column_stack([_about_rows(log), log.action])
        trees = HistGradientBoostingRegressor(
            max_iter=60,
            max_leaf_nodes=15,
            learning_rate=0.1,
            categorical_features=[pairs.shape[1] - 1] if log.n_actions <= 255 else None,
            random_state=seed,
        )
        return trees.fit(pairs, log.reward)
    pairs = np.hstack([_about_rows(log), _about_actions(log)[log.action]])
    if model == "ridge":
        return Ridge(alpha=strength).fit(pairs, log.reward)
    return LogisticRegression(C=1 / strength, max_iter=500).fit(pairs, log.reward)


def _predict(fitted: Any, log: BanditLog) -> np.ndarray:
    """(n, K) expected rewards; a linear model's score is a sum over row and action."""
    if isinstance(fitted, float):
        return np.full((len(log), log.n_actions), fitted)
    rows = _about_rows(log)
    if not hasattr(fitted, "coef_"):
        columns = [
            fitted.predict(np.column_stack([rows, np.full(len(rows), a)]))
            for a in range(log.n_actions)
        ]
        return np.stack(columns, axis=1)
    weights = np.ravel(fitted.coef_)
    by_row = rows @ weights[: rows.shape[1]] + np.ravel(fitted.intercept_)[0]
    scores = by_row[:, None] + _about_actions(log) @ weights[rows.shape[1] :]
    return scores if np.ndim(fitted.coef_) == 1 else 1 / (1 + np.exp(-scores))
