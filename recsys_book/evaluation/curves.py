"""Judging scores before any threshold is chosen: ROC and precision–recall.

The two curves answer different questions. ROC asks how often a positive outranks a negative, which
does not depend on how many negatives there are; precision–recall asks how many of the items called
positive are, which does (source check MET-04).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from recsys_book.evaluation.checks import as_ids, as_labels, as_numbers, same_shape

__all__ = [
    "Curve",
    "area_under",
    "auc_by_user",
    "average_precision",
    "precision_recall_curve",
    "roc_auc",
    "roc_curve",
]


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve over all thresholds, from the highest threshold (nothing said yes to) down.

    Attributes:
        x: False positive rate (ROC) or recall (precision–recall), shape (n_points,).
        y: True positive rate (ROC) or precision (precision–recall), shape (n_points,).
        thresholds: Scores at or above which the decision is yes, shape (n_points,).
    """

    x: np.ndarray
    y: np.ndarray
    thresholds: np.ndarray


def roc_curve(labels: np.ndarray, scores: np.ndarray) -> Curve:
    """True against false positive rate for every threshold.

    Source: Fawcett 2006, Pattern Recognition Letters 27.

    Args:
        labels: What happened, zeros and ones, shape (n,).
        scores: Scores, higher means more likely, shape (n,).

    Returns:
        One point a distinct score, preceded by (0, 0).

    Raises:
        ValueError: If the shapes differ, a value is missing, or only one class is present.
    """
    y, s = _labelled_scores(labels, scores)
    tp, fp, thresholds = _counts_by_threshold(y, s)
    return Curve(np.r_[0.0, fp / (~y).sum()], np.r_[0.0, tp / y.sum()], np.r_[np.inf, thresholds])


def precision_recall_curve(labels: np.ndarray, scores: np.ndarray) -> Curve:
    """Precision against recall for every threshold.

    Source: Davis & Goadrich 2006, ICML.

    Args:
        labels: What happened, zeros and ones, shape (n,).
        scores: Scores, higher means more likely, shape (n,).

    Returns:
        One point a distinct score, preceded by recall 0 with precision 1 (by convention).

    Raises:
        ValueError: If the shapes differ, a value is missing, or only one class is present.
    """
    y, s = _labelled_scores(labels, scores)
    tp, fp, thresholds = _counts_by_threshold(y, s)
    return Curve(np.r_[0.0, tp / y.sum()], np.r_[1.0, tp / (tp + fp)], np.r_[np.inf, thresholds])


def area_under(curve: Curve) -> float:
    """Area under a curve by the trapezoid rule.

    Right for the ROC curve, where straight lines between points can be reached by mixing two
    thresholds. For precision–recall such lines are too high; use ``average_precision`` there.

    Args:
        curve: Points with x in ascending order.

    Returns:
        The area.
    """
    return float(np.trapezoid(curve.y, curve.x))


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Probability that a random positive scores above a random negative, ties counting half.

    Source: Hanley & McNeil 1982, Radiology 143. Equation: eq-auc

    Args:
        labels: What happened, zeros and ones, shape (n,).
        scores: Scores, higher means more likely, shape (n,).

    Returns:
        A probability; one half for scores that know nothing.

    Raises:
        ValueError: If the shapes differ, a value is missing, or only one class is present.
    """
    y, s = _labelled_scores(labels, scores)
    ranks = scipy.stats.rankdata(s)  # 1 for the lowest score; tied scores share their mean rank
    n_pos, n_neg = int(y.sum()), int((~y).sum())
    correct_pairs = ranks[y].sum() - n_pos * (n_pos + 1) / 2
    return float(correct_pairs / (n_pos * n_neg))


def auc_by_user(
    user: np.ndarray, labels: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """AUC of each user's own candidates, so that no user is compared with another.

    Args:
        user: Whose candidate it is, integers, shape (n,).
        labels: What happened, zeros and ones, shape (n,).
        scores: Scores, shape (n,).

    Returns:
        Sorted user ids and their AUC, both of shape (n_users,); NaN where a user has one class.

    Raises:
        ValueError: If the shapes differ, or a value is missing.
    """
    y, s = as_labels("labels", labels), as_numbers("scores", scores, 1)
    same_shape("labels", y, "scores", s)
    users, code = np.unique(as_ids("user", user, "scores", s), return_inverse=True)
    order = np.lexsort((s, code))
    u, s, y = code[order], s[order], y[order]
    new = np.r_[True, (u[1:] != u[:-1]) | (s[1:] != s[:-1])]
    starts = np.flatnonzero(new)
    sizes = np.diff(np.r_[starts, len(s)])
    first_row = np.searchsorted(u, np.arange(len(users)))
    ranks = (starts + (sizes + 1) / 2)[np.cumsum(new) - 1] - first_row[u]
    n_pos = np.bincount(u, y, len(users))
    n_neg = np.bincount(u, ~y, len(users))
    correct_pairs = np.bincount(u, ranks * y, len(users)) - n_pos * (n_pos + 1) / 2
    pairs = n_pos * n_neg
    return users, np.where(pairs > 0, correct_pairs / np.maximum(pairs, 1), np.nan)


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the precision–recall curve as a sum of steps.

    Source: Davis & Goadrich 2006. Equation: eq-average-precision

    Args:
        labels: What happened, zeros and ones, shape (n,).
        scores: Scores, higher means more likely, shape (n,).

    Returns:
        The area; about the share of positives for scores that know nothing.

    Raises:
        ValueError: If the shapes differ, a value is missing, or only one class is present.
    """
    curve = precision_recall_curve(labels, scores)
    return float((np.diff(curve.x) * curve.y[1:]).sum())


def _counts_by_threshold(y: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return true and false positives at each distinct score, from the highest down."""
    order = np.argsort(-s, kind="stable")
    y, s = y[order], s[order]
    last = np.r_[np.flatnonzero(s[1:] != s[:-1]), len(s) - 1]
    tp = np.cumsum(y)[last]
    return tp, last + 1 - tp, s[last]


def _labelled_scores(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, s = as_labels("labels", labels), as_numbers("scores", scores, 1)
    same_shape("labels", y, "scores", s)
    if y.all() or not y.any():
        raise ValueError(
            f"all {y.size} labels are {int(y[0])}; a curve needs events of both classes."
        )
    return y, s
