"""Compiled loops of the neighbour models: one row of similarities at a time, never a square table.

All matrices come as the three arrays of a CSR matrix. A kernel works on a stretch of rows and
needs memory for one row, so the caller can split the rows among threads without changing a number.
"""

import numpy as np
from numba import njit

_LANE = 32  # candidates that are compared with the k-th best in one sweep
_MARGIN = 1 - 1e-9  # so that rounding never hides an equal


@njit(cache=True, nogil=True)
def _sift_down(values, ids, size):
    """Restore a heap whose worst entry is at the root: lower value, then higher id, is worse."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        right = child + 1
        if right < size and (
            values[right] < values[child]
            or (values[right] == values[child] and ids[right] > ids[child])
        ):
            child = right
        if values[at] < values[child] or (values[at] == values[child] and ids[at] > ids[child]):
            return
        values[at], values[child] = values[child], values[at]
        ids[at], ids[child] = ids[child], ids[at]
        at = child


@njit(cache=True, nogil=True)
def _sift_up(values, ids, at):
    """Move the entry at the end of a heap to its place."""
    while at > 0:
        parent = (at - 1) // 2
        if values[parent] < values[at] or (values[parent] == values[at] and ids[parent] > ids[at]):
            return
        values[at], values[parent] = values[parent], values[at]
        ids[at], ids[parent] = ids[parent], ids[at]
        at = parent


@njit(cache=True, nogil=True)
def _offer(value, name, values, ids, size, k):
    """Keep the k best of what is offered; return how many are kept."""
    if size < k:
        values[size], ids[size] = value, name
        _sift_up(values, ids, size)
        return size + 1
    if value > values[0] or (value == values[0] and name < ids[0]):
        values[0], ids[0] = value, name
        _sift_down(values, ids, size)
    return size


@njit(cache=True, nogil=True)
def _add_products(total, reached, i, rows, columns, ones, track, touched):
    """Add up the inner products of row i with every row; return how many rows were reached.

    Without ``track`` nobody notes which rows were reached, which is faster where most are. With
    ``ones`` a product is a count, and the values are not read.
    """
    indptr, indices, data = rows
    t_indptr, t_indices, t_data = columns
    one = ones[0]
    n_touched = 0
    for a in range(indptr[i], indptr[i + 1]):
        start, stop = t_indptr[indices[a]], t_indptr[indices[a] + 1]
        if track:
            for b in range(start, stop):
                j = t_indices[b]
                if reached[j] != i:  # a sum may come back to zero, so it cannot tell
                    reached[j] = i
                    touched[n_touched] = j
                    n_touched += 1
        if one:
            for b in range(start, stop):
                total[t_indices[b]] += one
        else:
            x = data[a]
            for b in range(start, stop):
                total[t_indices[b]] += x * t_data[b]
    return n_touched


@njit(cache=True, nogil=True)
def product_neighbors(
    first,
    last,
    rows,
    columns,
    total,
    ones,
    left,
    right,
    shrinkage,
    significance,
    union,
    k,
    ids,
    values,
    counts,
):
    """Find the k best partners of rows first..last by inner product over a denominator.

    The denominator is ``left[i] * right[j]``, or with ``union`` the sum minus the product; the
    shrinkage is added to it. Significance above 0 reads the product as a number of common events.
    ``total`` is room for one row of products, zeros; ``ones`` holds 1 where all values are 1.
    """
    indptr, indices = rows[0], rows[1]
    n = len(indptr) - 1
    reached = np.full(n, -1, np.int32)
    touched = np.empty(n, np.int32)
    for i in range(first, last):
        reach = 0
        for a in range(indptr[i], indptr[i + 1]):
            reach += columns[0][indices[a] + 1] - columns[0][indices[a]]
        track = reach < n // 2
        n_touched = _add_products(total, reached, i, rows, columns, ones, track, touched)
        total[i] = 0
        side, size, worst = left[i], 0, 0.0
        mine, mine_ids = values[i], ids[i]
        for start in range(0, n_touched if track else n, _LANE):
            stop = min(start + _LANE, n_touched if track else n)
            if not track:  # one sweep tells whether anybody here can beat the k-th best
                better = 0
                for j in range(start, stop):
                    other = side + right[j] - total[j] if union else side * right[j]
                    better += total[j] > worst * (other + shrinkage)
                if better == 0:
                    continue
            for t in range(start, stop):
                j = touched[t] if track else t
                dot = total[j]
                if dot <= 0:
                    continue
                below = side + right[j] - dot if union else side * right[j]
                value = dot / (below + shrinkage)
                if significance > 0.0:
                    value *= min(dot, significance) / significance
                size = _offer(value, j, mine, mine_ids, size, k)
            if size == k:
                worst = mine[0] * _MARGIN
        if track:
            for t in range(n_touched):
                total[touched[t]] = 0
        else:
            total[:] = 0
        counts[i] = size


@njit(cache=True, nogil=True)
def common_neighbors(
    first, last, rows, columns, centred, shrinkage, significance, minimum, k, ids, values, counts
):
    """Find the k best partners of rows first..last by cosine over their common features only.

    With ``centred`` both sides lose their mean over the common features first: Pearson. Shrinkage
    and significance count the common features.
    """
    indptr, indices, data = rows
    t_indptr, t_indices, t_data = columns
    n = len(indptr) - 1
    sums = np.zeros((n, 6))  # common, xy, xx, yy, x, y
    touched = np.empty(n, np.int32)
    for i in range(first, last):
        n_touched = 0
        for a in range(indptr[i], indptr[i + 1]):
            x, feature = data[a], indices[a]
            for b in range(t_indptr[feature], t_indptr[feature + 1]):
                j, y = t_indices[b], t_data[b]
                s = sums[j]
                if s[0] == 0.0:
                    touched[n_touched] = j
                    n_touched += 1
                s[0] += 1.0
                s[1] += x * y
                s[2] += x * x
                s[3] += y * y
                s[4] += x
                s[5] += y
        size, mine_ids, mine = 0, ids[i], values[i]
        for t in range(n_touched):
            j = touched[t]
            value, common = _common_cosine(sums[j], centred), sums[j, 0]
            sums[j] = 0.0
            if j == i or value <= 0.0 or common < minimum:
                continue
            value *= common / (common + shrinkage)
            if significance > 0.0:
                value *= min(common, significance) / significance
            size = _offer(value, j, mine, mine_ids, size, k)
        counts[i] = size


@njit(cache=True, nogil=True)
def _common_cosine(s, centred):
    """Turn sums over common features into a cosine; 0 where one side does not vary."""
    xy, xx, yy = s[1], s[2], s[3]
    if centred:
        xy -= s[4] * s[5] / s[0]
        xx -= s[4] * s[4] / s[0]
        yy -= s[5] * s[5] / s[0]
    if xx <= 1e-12 * s[2] or yy <= 1e-12 * s[3]:
        return 0.0
    return xy / np.sqrt(xx * yy)


@njit(cache=True, nogil=True)
def predict_pairs(order, entity, context, similar, known, k, damping, out):
    """Predict residuals as the weighted mean over the k most similar entities that are known.

    ``similar`` is entities by entities, ``known`` contexts by entities with residuals; ``order``
    sorts the pairs by entity, so that a row of similarities is spread out once.
    """
    s_indptr, s_indices, s_data = similar
    c_indptr, c_indices, c_data = known
    weight = np.zeros(len(s_indptr) - 1)
    places = np.empty(k, np.int64)
    best = np.empty(k)
    current = -1
    for at in order:
        e = entity[at]
        if e != current:
            if current >= 0:
                for a in range(s_indptr[current], s_indptr[current + 1]):
                    weight[s_indices[a]] = 0.0
            for a in range(s_indptr[e], s_indptr[e + 1]):
                weight[s_indices[a]] = s_data[a]
            current = e
        c, size = context[at], 0
        for a in range(c_indptr[c], c_indptr[c + 1]):
            w = weight[c_indices[a]]
            if w > 0.0:
                size = _offer(w, a, best, places, size, k)
        above, below = 0.0, damping
        for t in range(size):
            above += best[t] * c_data[places[t]]
            below += best[t]
        out[at] = above / below if below > 0.0 else 0.0
