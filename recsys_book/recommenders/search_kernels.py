"""The compiled half of exact search: most scores are worse than the k-th best and are skipped."""

from numba import njit

_LANE = 32  # scores that are compared with the threshold in one sweep


@njit(cache=True, nogil=True, inline="always")
def _place_of(seen, first, last, item):
    """Look an item up in a sorted stretch by halving."""
    while first < last:
        middle = (first + last) // 2
        if seen[middle] < item:
            first = middle + 1
        else:
            last = middle
    return first


@njit(cache=True, nogil=True)
def keep_best(scores, offset, indptr, seen, best_ids, best):
    """Merge a block of scores into the k best so far, which are sorted, best first.

    Items come in rising order and a newcomer goes behind its equals, so among equal scores the
    lower position stays.

    Args:
        scores: Scores of a block, shape (n, width).
        offset: Position of the block's first item.
        indptr: Start of each row's seen items in ``seen``, shape (n + 1,).
        seen: Seen items, sorted in each row.
        best_ids: Items so far, -1 where there is none, shape (n, k); changed.
        best: Their scores, minus infinity where there is none, shape (n, k); changed.
    """
    n, width = scores.shape
    k = best.shape[1]
    for u in range(n):
        row, mine, ids = scores[u], best[u], best_ids[u]
        worst = mine[k - 1]
        for start in range(0, width, _LANE):
            stop = min(start + _LANE, width)
            better = 0
            for j in range(start, stop):
                better += row[j] > worst
            if better == 0:
                continue
            for j in range(start, stop):
                value = row[j]
                if not value > worst:
                    continue
                item = offset + j
                place = _place_of(seen, indptr[u], indptr[u + 1], item)
                if place < indptr[u + 1] and seen[place] == item:
                    continue
                at = k - 1
                while at > 0 and mine[at - 1] < value:
                    mine[at], ids[at] = mine[at - 1], ids[at - 1]
                    at -= 1
                mine[at], ids[at] = value, item
                worst = mine[k - 1]
