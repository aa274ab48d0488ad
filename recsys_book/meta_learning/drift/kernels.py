"""The loops of incremental matrix factorisation, compiled.

``state`` holds the mean, the number of events and the number of clipped steps. ``setting`` holds
rate, l2, bias rate, damping, longest step, and 1 where there are biases.
"""

import numpy as np
from numba import njit

#: An error beyond this is a model that has diverged, whatever the scale of ratings.
DIVERGED = 1e6


@njit(cache=True)
def mf_predict(state, b_user, b_item, n_user, n_item, P, Q, u, i):
    """Return the prediction for one pair; what has no events yet adds nothing."""
    total = state[0] + b_user[u] + b_item[i]
    if n_user[u] and n_item[i]:
        for f in range(P.shape[1]):
            total += P[u, f] * Q[i, f]
    return total


@njit(cache=True)
def mf_step(P, Q, u, i, error, rate, l2, max_step):
    """Move the vectors of one user and one item by one bounded gradient step."""
    length = 0.0
    for f in range(P.shape[1]):
        step_p = rate * (error * Q[i, f] - l2 * P[u, f])
        step_q = rate * (error * P[u, f] - l2 * Q[i, f])
        length += step_p**2 + step_q**2
    length = np.sqrt(length)
    bound = max_step / length if length > max_step else 1.0
    for f in range(P.shape[1]):
        p, q = P[u, f], Q[i, f]
        P[u, f] = p + bound * rate * (error * q - l2 * p)
        Q[i, f] = q + bound * rate * (error * p - l2 * q)
    return length


@njit(cache=True)
def mf_event(state, b_user, b_item, n_user, n_item, P, Q, u, i, value, setting):
    """Learn from one event and return its error; a diverged one changes nothing."""
    rate, l2, bias_rate, damping, max_step, biases = setting
    error = value - mf_predict(state, b_user, b_item, n_user, n_item, P, Q, u, i)
    if not abs(error) < DIVERGED:
        return error
    state[1] += 1
    n_user[u] += 1
    n_item[i] += 1
    if biases:
        state[0] += error / state[1]
        b_user[u] += max(bias_rate, 1 / (n_user[u] + damping)) * error
        b_item[i] += max(bias_rate, 1 / (n_item[i] + damping)) * error
    state[2] += mf_step(P, Q, u, i, error, rate, l2, max_step) > max_step
    return error


@njit(cache=True)
def mf_replay(state, b_user, b_item, n_user, n_item, P, Q, users, items, values, learn, setting):
    """Predict and learn for a whole stream; the errors end where one diverges."""
    errors = np.empty(len(users))
    for t in range(len(users)):
        u, i = users[t], items[t]
        if learn[t]:
            errors[t] = mf_event(
                state, b_user, b_item, n_user, n_item, P, Q, u, i, values[t], setting
            )
            if not abs(errors[t]) < DIVERGED:
                return errors[: t + 1]
        else:
            predicted = mf_predict(state, b_user, b_item, n_user, n_item, P, Q, u, i)
            errors[t] = values[t] - predicted
    return errors
