"""The metrics again, one user at a time in plain Python, as slow as the definitions."""

import math


def ranking(scores, relevance, depth=None):
    """Relevances in the order of descending scores (scores without ties)."""
    order = sorted(range(len(scores)), key=lambda j: -scores[j])
    return [relevance[j] for j in order][:depth]


def precision(rel, k):
    return sum(r > 0 for r in rel[:k]) / k


def recall(rel, k):
    return sum(r > 0 for r in rel[:k]) / sum(r > 0 for r in rel)


def hit(rel, k):
    return float(any(r > 0 for r in rel[:k]))


def f1(rel, k):
    p, r = precision(rel, k), recall(rel, k)
    return 2 * p * r / (p + r) if p + r else 0.0


def rr(rel, k=None):
    for j, r in enumerate(rel[:k], start=1):
        if r > 0:
            return 1 / j
    return 0.0


def ap(rel, k, reachable=False):
    total = sum(r > 0 for r in rel)
    found = sum(precision(rel, j) for j in range(1, min(k, len(rel)) + 1) if rel[j - 1] > 0)
    return found / (min(total, k) if reachable else total)


def dcg(rel, k, gain):
    worth = {"binary": lambda r: r > 0, "linear": lambda r: r, "exponential": lambda r: 2**r - 1}
    return sum(worth[gain](r) / math.log2(j + 1) for j, r in enumerate(rel[:k], start=1))


def ndcg(rel, k, gain="binary"):
    return dcg(rel, k, gain) / dcg(sorted(rel, reverse=True), k, gain)
