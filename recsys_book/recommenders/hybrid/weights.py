"""How much each member counts: weights learned on events that the members have not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize, nnls


def weighted_average(
    predictions: Sequence[np.ndarray] | np.ndarray, weights: Sequence[float] | None = None
) -> np.ndarray:
    r"""Average predictions, :math:`\sum_k w_k \hat r_k / \sum_k w_k`.

    Dividing by the sum of the weights keeps the result on the scale of the predictions whatever
    the weights sum to (erratum ENS-01).

    Equation: eq-weighted-hybrid

    Args:
        predictions: One array a member, all of one shape.
        weights: One number a member, none negative, not all zero; ``None`` weighs all alike.

    Returns:
        The average, of the members' shape.

    Raises:
        ValueError: If the weights do not fit, are negative, or sum to zero.
    """
    predictions = np.asarray(predictions, dtype=np.float64)
    w = check_weights(weights, len(predictions))
    return np.tensordot(w, predictions, axes=1)


def check_weights(weights: Sequence[float] | None, n: int) -> np.ndarray:
    """Return weights that sum to one.

    Args:
        weights: One number a member, or None for equal weights.
        n: Number of members.

    Returns:
        The weights divided by their sum, shape (n,).

    Raises:
        ValueError: If n is 0, there are not n weights, one is negative or NaN, or all are zero.
    """
    if n < 1:
        raise ValueError("There is nothing to weigh; give at least one member.")
    if weights is None:
        return np.full(n, 1.0 / n)
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (n,):
        raise ValueError(f"There are {n} members but weights of shape {w.shape}; give one each.")
    if not (w >= 0).all() or not w.sum() > 0:
        raise ValueError(f"The weights are {w.tolist()}; use numbers of at least 0, not all zero.")
    return w / w.sum()


def simplex_weights(predictions: np.ndarray, y: np.ndarray, ridge: float = 1e-9) -> np.ndarray:
    r"""Return the convex weights with the smallest squared error.

    With weights that sum to one the error of the mix is the mix of the errors, so its mean square
    is :math:`w^\top C w` with :math:`C` the members' error moments. Its minimum over the simplex is
    the non-negative least-squares solution of :math:`\min_{v \ge 0} \frac12 v^\top C v - 1^\top v`,
    divided by its sum.

    Equation: eq-simplex-weights

    Source: Breiman (1996), "Stacked Regressions", Machine Learning 24.

    Args:
        predictions: Predictions of rows that no member was trained on, shape (n, n_members).
        y: What was observed, shape (n,).
        ridge: Added to the diagonal of C as a share of its mean, so that identical members share
            their weight.

    Returns:
        Weights, none negative, summing to one, shape (n_members,).

    Raises:
        ValueError: If the shapes disagree or a number is not finite.
    """
    P, y = _checked(predictions, y)
    errors = P - y[:, None]
    C = errors.T @ errors / len(y)
    if not C.trace() > 0:  # every member is perfect
        return np.full(len(C), 1.0 / len(C))
    C = C + ridge * C.trace() / len(C) * np.eye(len(C))
    L = np.linalg.cholesky(C)
    v, _ = nnls(L.T, np.linalg.solve(L, np.ones(len(C))))
    return v / v.sum()


def least_squares_weights(predictions: np.ndarray, y: np.ndarray, l2: float = 0.0) -> np.ndarray:
    """Return an intercept and free weights with the smallest squared error, plus a ridge penalty.

    Equation: eq-stacking

    Source: Wolpert (1992), "Stacked Generalization", Neural Networks 5(2).

    Args:
        predictions: Predictions of rows that no member was trained on, shape (n, n_members).
        y: What was observed, shape (n,).
        l2: Penalty of the weights (not of the intercept), at least 0.

    Returns:
        The intercept and the weights, shape (1 + n_members,).

    Raises:
        ValueError: If the shapes disagree or a number is not finite.
    """
    P, y = _checked(predictions, y)
    centre, mean = P.mean(axis=0), y.mean()
    A = (P - centre).T @ (P - centre) + l2 * np.eye(P.shape[1])
    w = np.linalg.lstsq(A, (P - centre).T @ (y - mean), rcond=None)[0]
    return np.concatenate([[mean - centre @ w], w])


def _checked(predictions: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    P, y = np.asarray(predictions, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if P.ndim != 2 or y.shape != (len(P),) or not len(P):
        raise ValueError(
            f"Predictions have shape {P.shape} and targets {y.shape}; give one row a target and "
            "one column a member."
        )
    if not (np.isfinite(P).all() and np.isfinite(y).all()):
        raise ValueError("A prediction or a target is NaN or infinite; remove that row first.")
    return P, y


def choice_loss(
    w: np.ndarray, scores: np.ndarray, chosen: np.ndarray, offered: np.ndarray, l2: float
) -> tuple[float, np.ndarray]:
    r"""Return minus the mean log-likelihood of the users' choices, and its gradient.

    A user picks an item with probability :math:`\operatorname{softmax}_i(\sum_k w_k z_{uik})` among
    those offered. Every user counts the same; the choices of one user share that weight.

    Equation: eq-choice-weights

    Source: McFadden (1974), "Conditional Logit Analysis of Qualitative Choice Behavior".

    Args:
        w: Weights, shape (n_members,).
        scores: Scaled scores, shape (n_users, n_items, n_members).
        chosen: True where the user picked the item, shape (n_users, n_items).
        offered: True where the item could be picked, shape (n_users, n_items).
        l2: Penalty of the squared weights.

    Returns:
        The loss and its gradient, shape (n_members,).
    """
    logits = np.where(offered, scores @ w, -np.inf)
    logits -= logits.max(axis=1, keepdims=True)
    p = np.exp(logits)
    total = p.sum(axis=1, keepdims=True)
    share = chosen / chosen.sum(axis=1, keepdims=True)
    loss = np.log(total).mean() - np.where(chosen, logits, 0.0).ravel() @ share.ravel() / len(share)
    gap = (p / total - share).ravel() / len(share)
    gradient = gap @ scores.reshape(-1, scores.shape[-1])
    return float(loss + l2 * (w @ w)), gradient + 2 * l2 * w


def choice_weights(
    scores: np.ndarray,
    chosen: np.ndarray,
    offered: np.ndarray,
    l2: float = 1e-3,
    nonnegative: bool = True,
) -> np.ndarray:
    """Return the weights under which what users picked next was most likely.

    The loss is convex, so there is one best answer. Weights are not divided by their sum: it says
    how sharply the mix separates the items, and dividing by it changes no ranking.

    Equation: eq-choice-weights

    Args:
        scores: Scaled scores of held-back users, shape (n_users, n_items, n_members).
        chosen: What they picked, shape (n_users, n_items); every user picked something.
        offered: What they could pick, shape (n_users, n_items).
        l2: Penalty of the squared weights, at least 0.
        nonnegative: Whether a member's weight must be at least 0.

    Returns:
        Weights, shape (n_members,).
    """
    m = scores.shape[-1]
    found = minimize(
        choice_loss,
        np.full(m, 0.5),
        args=(scores, chosen.astype(bool), offered.astype(bool), l2),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0 if nonnegative else None, None)] * m,
    )
    return found.x
