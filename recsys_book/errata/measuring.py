"""What the source articles say about measuring, word for word in code, and where it fails.

Each function is the faulty version. The right version is in ``recsys_book.evaluation``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

MET_08_PRINTED = 0.0123456789
"""MET-08: the "MSE" that article S0a §5.4 prints, the digits in order."""

MET_09_PRINTED = 0.0256
"""MET-09: the "MSE" that article S0b §5.4 prints for star ratings through a sigmoid."""

MET_19_RATES = (0.70, 0.85)
"""MET-19: accuracy before and after in article S1 §5.2.1, with no number of users."""


def met_01_accuracy(ratings: np.ndarray, predictions: np.ndarray) -> float:
    """MET-01: ``accuracy = np.mean(np.abs(predictions - y_test) < 0.5)``.

    Article S1 §4.3.2 and §4.4.4. For ratings this is the share of predictions within half a star:
    it does not ask how wrong the others are, and a constant reaches a third of it.

    Args:
        ratings: Observed ratings, shape (n,).
        predictions: Predictions, shape (n,).

    Returns:
        The share that the article calls accuracy.
    """
    return float(np.mean(np.abs(np.asarray(predictions) - np.asarray(ratings)) < 0.5))


def met_02_accuracy_of_all_pairs(predictions: np.ndarray, ratings: np.ndarray) -> float:
    """MET-02: the line of MET-01, given what a Keras model returns.

    Article S1 §4.3.2 and §4.4.4. ``model.predict`` returns shape (n, 1), ``y_test.values`` shape
    (n,). NumPy subtracts every rating from every prediction and averages over n times n pairs.

    Args:
        predictions: Predictions, shape (n, 1).
        ratings: Observed ratings, shape (n,).

    Returns:
        The share of all pairs within half a star; the same for any order of the predictions.
    """
    return float(np.mean(np.abs(predictions - ratings) < 0.5))


def met_03_f1_as_average(precision: float, recall: float) -> float:
    """MET-03: "F1 is the weighted average of precision and recall".

    Article S2 2.3 and five more places. Recommending everything has recall 1, and this average
    never falls below one half for it.

    Args:
        precision: Precision.
        recall: Recall.

    Returns:
        The arithmetic mean.
    """
    return (precision + recall) / 2


def met_04_roc_curve(
    labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """MET-04: the ROC curve "by computing precision and recall under different thresholds".

    Article S2 2.3, 6.3.2 and 7.3.2. That is the precision–recall curve, another curve with another
    area.

    Args:
        labels: Zeros and ones, shape (n,).
        scores: Scores, shape (n,).
        thresholds: Thresholds, shape (m,).

    Returns:
        Recall and precision at each threshold, each of shape (m,).
    """
    y, said = np.asarray(labels) == 1, np.asarray(scores)[None, :] >= thresholds[:, None]
    hits = (said & y).sum(axis=1)
    return hits / y.sum(), hits / np.maximum(said.sum(axis=1), 1)


def met_05_coverage(lists: np.ndarray, n_samples: int) -> float:
    """MET-05: ``coverage = recommended samples / all samples``.

    Article S0b §4.5.1. Every place of every list counts, so ten hits shown to everyone cover all.

    Args:
        lists: Recommended items, shape (n_users, k).
        n_samples: Number of samples, users times k.

    Returns:
        The ratio.
    """
    return np.asarray(lists).size / n_samples


def met_06_accuracy_of_never(labels: np.ndarray) -> float:
    """MET-06: accuracy as the first measure of a click model, here of one that never says click.

    Articles S0a, S0b, S2 2.3, S4 §5.4. S2 warns only that accuracy may not suit *many* classes.

    Args:
        labels: Clicks, zeros and ones, shape (n,).

    Returns:
        Accuracy of the answer "no" to everything.
    """
    return float(np.mean(np.asarray(labels) == 0))


def met_07_mse_of_all_cells(ratings: np.ndarray, predictions: np.ndarray) -> float:
    """MET-07: ``L = 1/2 sum_i sum_j (y_hat_ij - y_ij)^2``, "for example the mean squared error".

    Article S0a §4.5. There is no mean, and the sum runs over all cells, so what nobody rated counts
    as a rating of 0.

    Args:
        ratings: Ratings, shape (users, items), 0 where there is none.
        predictions: Predictions, shape (users, items).

    Returns:
        Half the sum of squares over all cells.
    """
    return float(0.5 * ((np.asarray(predictions) - np.asarray(ratings)) ** 2).sum())


def met_10_cross_entropy_on_ratings(rating: float, logit: float) -> float:
    """MET-10: ``BinaryCrossentropy()`` with a star rating as the label.

    Article S0b §5.2. With a label above 1 the loss falls without end as the logit grows, so
    training rewards pushing every score to infinity.

    Args:
        rating: The label, for instance 5.
        logit: Log-odds of the predicted probability.

    Returns:
        The loss, in nats.
    """
    return float(np.logaddexp(0.0, logit) - rating * logit)


def met_11_accuracy_of_last_batch(right: np.ndarray, batch_size: int) -> float:
    """MET-11: ``correct = (...)`` in the loop, then ``accuracy = correct / len(test_loader)``.

    Article S0b §3.5.1. ``correct`` is overwritten by each batch, and the length of a loader is its
    number of batches.

    Args:
        right: Whether each prediction is right, shape (n,).
        batch_size: Samples a batch.

    Returns:
        Right answers of the last batch over the number of batches.
    """
    correct = 0
    for start in range(0, len(right), batch_size):
        correct = int(np.sum(right[start : start + batch_size]))
    return correct / math.ceil(len(right) / batch_size)


def met_12_argmax_over_batch(scores: np.ndarray, labels: np.ndarray) -> float:
    """MET-12: ``_, predicted = torch.max(scores, 1); correct += (predicted == labels)``.

    Article S4 §5.2. The scores compare every user of the batch with every item of it, so
    ``predicted`` is a position in the batch, and it is compared with a click.

    Args:
        scores: Scores of all pairs of a batch, shape (n, n).
        labels: Whether each user clicked on their own item, zeros and ones, shape (n,).

    Returns:
        The share that the article calls accuracy.
    """
    return float(np.mean(np.argmax(scores, axis=1) == np.asarray(labels)))


def met_15_counts(recommended: set, relevant: set) -> tuple[int, int]:
    """MET-15: "TP: actually interesting items"; "FN: among the recommended, not recommended".

    Article S1 §4.1.2. TP forgets that the item must be recommended, and nothing can be among the
    recommended items and not recommended.

    Args:
        recommended: The list.
        relevant: The items of interest.

    Returns:
        TP and FN by these definitions.
    """
    return len(relevant), len((recommended & relevant) - recommended)


def met_16_mean_of_roots(errors: np.ndarray) -> float:
    """MET-16: RMSE as "the mean of square roots of differences".

    Article S1 §4.1.2; the formula beside the name is right. Roots punish large errors less than
    the mean absolute error does, squares punish them more.

    Args:
        errors: Errors, shape (n,).

    Returns:
        The mean of the roots of their sizes.
    """
    return float(np.sqrt(np.abs(errors)).mean())


def met_17_recall_without_k(recommended: np.ndarray, relevant: np.ndarray) -> float:
    """MET-17: recall of a recommender without a cut-off.

    All five articles, for instance S1 §4.1.2. A ranking contains every item sooner or later, so
    without a cut-off any ranking of the whole catalogue has recall 1.

    Args:
        recommended: The ranked items.
        relevant: The relevant items.

    Returns:
        Share of the relevant items that are somewhere in the ranking.
    """
    return float(np.isin(relevant, recommended).mean())


def met_18_slope(
    objective: Callable[[float], float], parameter: float, step: float = 1e-6
) -> float:
    """MET-18: "common objective functions are accuracy, recall, F1", descended by their slope.

    Article S1 §3.1.1. These are constant between two scores and jump at them, so the slope is zero
    almost everywhere and training stands still.

    Args:
        objective: The measure as a function of one parameter.
        parameter: Where to take the slope.
        step: Half the width of the finite difference.

    Returns:
        The slope.
    """
    return (objective(parameter + step) - objective(parameter - step)) / (2 * step)


def met_19_lift(before: float, after: float) -> float:
    """MET-19: "accuracy rose from 70 % to 85 %, sales by 15 %".

    Article S1 §5.2.1, and likewise §4.4.5, §5.2.2, S2 8.1.8 and S3 §8.1. Two numbers without users,
    baseline, code or interval; their difference can be anything between chance and a triumph.

    Args:
        before: The rate before.
        after: The rate after.

    Returns:
        The difference that the article reports.
    """
    return after - before
