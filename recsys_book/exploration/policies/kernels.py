"""One event of a linear bandit, compiled.

The arms stand last in every array: ``gram`` and ``inverse`` have shape ``(d, d, K)`` and ``theta``
and ``moment`` ``(d, K)``. So the innermost loop runs over arms, whose numbers lie side by side in
memory, and one instruction works on several arms. Of the symmetric matrices only the part with
``i <= j`` is kept up to date.

``count`` holds two numbers an arm: its events, and its events since the last exact solution.
"""

import numpy as np
from numba import njit

#: What a kernel answers instead of an arm: a context, or a reward, is NaN or infinite.
BAD_CONTEXT, BAD_REWARD, BAD_ARM = -1, -2, -3


@njit(cache=True, fastmath={"contract", "reassoc"})
def confidence_scores(theta, inverse, x, alpha, width, scores):
    """Write the upper bound of every arm for one context, shape (d,), that all arms share."""
    d, K = theta.shape
    for k in range(K):
        width[k] = 0.0
        scores[k] = 0.0
    for i in range(d):
        xi = x[i]
        row, weights = inverse[i], theta[i]
        for k in range(K):
            scores[k] += xi * weights[k]
            width[k] += xi * xi * row[i, k]
        j, double = i + 1, 2.0 * xi
        while j + 3 < d:  # four at a time: a quarter of the traffic with ``width``
            a, b, c, e = double * x[j], double * x[j + 1], double * x[j + 2], double * x[j + 3]
            for k in range(K):
                near = a * row[j, k] + b * row[j + 1, k]
                width[k] += near + c * row[j + 2, k] + e * row[j + 3, k]
            j += 4
        while j < d:
            a = double * x[j]
            for k in range(K):
                width[k] += a * row[j, k]
            j += 1
    for k in range(K):
        scores[k] += alpha * np.sqrt(max(width[k], 0.0))


@njit(cache=True, fastmath={"contract", "reassoc"})
def confidence_scores_per_arm(theta, inverse, X, alpha, width, scores):
    """Write the upper bound of every arm, each with a context of its own; X has shape (K, d)."""
    d, K = theta.shape
    for k in range(K):
        mean, square = 0.0, 0.0
        for i in range(d):
            mean += X[k, i] * theta[i, k]
            square += X[k, i] * X[k, i] * inverse[i, i, k]
            for j in range(i + 1, d):
                square += 2.0 * X[k, i] * X[k, j] * inverse[i, j, k]
        width[k] = square
        scores[k] = mean + alpha * np.sqrt(max(square, 0.0))


@njit(cache=True)
def first_best(scores):
    """Return the first arm with the highest score, plus K for every further arm that ties."""
    best, at, ties = -np.inf, BAD_CONTEXT, 0
    for k in range(len(scores)):
        if not np.isfinite(scores[k]):
            return BAD_CONTEXT
        if scores[k] > best:
            best, at, ties = scores[k], k, 0
        elif scores[k] == best:
            ties += 1
    return at + ties * len(scores)


@njit(cache=True)
def select(theta, inverse, x, alpha, width, scores):
    """Return the arm with the highest upper bound for one context, as ``first_best`` does."""
    confidence_scores(theta, inverse, x, alpha, width, scores)
    return first_best(scores)


@njit(cache=True)
def refuse(theta, arm, x, reward):
    """Return 0 for an event that can be learned from, or the code of what is wrong."""
    if arm < 0 or arm >= theta.shape[1]:
        return BAD_ARM
    if not np.isfinite(reward):
        return BAD_REWARD
    for i in range(len(x)):
        if not np.isfinite(x[i]):
            return BAD_CONTEXT
    return 0


@njit(cache=True)
def update(theta, moment, gram, inverse, count, moved, arm, x, reward, weight, resolve_every):
    """Learn from one event by the rule of Sherman and Morrison; return 0, or what is wrong.

    The event counts ``weight`` times. After ``resolve_every`` events of an arm its inverse is
    computed afresh from the sums, so that rounding errors cannot pile up.
    """
    code = refuse(theta, arm, x, reward)
    if code or weight == 0.0:
        return code
    d = len(x)
    for i in range(d):
        moved[i] = 0.0
    error = reward
    for i in range(d):
        error -= x[i] * theta[i, arm]
        moved[i] += inverse[i, i, arm] * x[i]
        for j in range(i + 1, d):
            moved[i] += inverse[i, j, arm] * x[j]
            moved[j] += inverse[i, j, arm] * x[i]
    scale = 1.0 / weight
    for i in range(d):
        scale += x[i] * moved[i]
    for i in range(d):
        gain = moved[i] / scale
        theta[i, arm] += gain * error
        moment[i, arm] += weight * reward * x[i]
        for j in range(i, d):
            inverse[i, j, arm] -= gain * moved[j]
            gram[i, j, arm] += weight * x[i] * x[j]
    count[arm, 0] += 1
    count[arm, 1] += 1
    if count[arm, 1] >= resolve_every:
        resolve(theta, moment, gram, inverse, count, arm)
    return 0


@njit(cache=True)
def resolve(theta, moment, gram, inverse, count, arm):
    """Compute the inverse and the weights of one arm exactly, from its sums."""
    d = theta.shape[0]
    full = np.empty((d, d))
    for i in range(d):
        for j in range(i, d):
            full[i, j] = full[j, i] = gram[i, j, arm]
    solved = np.linalg.inv(full)
    weights = solved @ np.ascontiguousarray(moment[:, arm])
    for i in range(d):
        theta[i, arm] = weights[i]
        for j in range(i, d):
            inverse[i, j, arm] = 0.5 * (solved[i, j] + solved[j, i])
    count[arm, 1] = 0
