"""Judging yes/no decisions and probabilities, for instance of a click.

A label is 1 (it happened) or 0 (it did not). Decisions are judged by the confusion counts;
probabilities by the log loss and by calibration. For scores without a threshold see ``curves``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.evaluation.checks import as_labels, as_numbers, as_shares, same_shape

__all__ = [
    "Confusion",
    "accuracy",
    "confusion",
    "expected_calibration_error",
    "log_loss",
    "log_loss_from_logits",
]


def accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Share of predictions that equal their label; any number of classes.

    Args:
        labels: What happened, any shape.
        predicted: What was predicted, same shape.

    Returns:
        A share between 0 and 1. Under imbalance, compare it with the share of the largest class.

    Raises:
        ValueError: If the shapes differ, a value is missing, or there are none.
    """
    labels, predicted = as_numbers("labels", labels), as_numbers("predicted", predicted)
    same_shape("labels", labels, "predicted", predicted)
    return float((labels == predicted).mean())


@dataclass(frozen=True)
class Confusion:
    """The four counts of a yes/no decision.

    Attributes:
        tp: Said yes and it happened (recommended and relevant).
        fp: Said yes and it did not.
        fn: Said no and it happened (relevant but not recommended).
        tn: Said no and it did not.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def accuracy(self) -> float:
        """Share of right decisions."""
        return (self.tp + self.tn) / (self.tp + self.fp + self.fn + self.tn)

    @property
    def precision(self) -> float:
        """Share of the yeses that happened; 0 if nothing was said yes to."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of what happened that was said yes to (true positive rate); 0 if nothing did."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def false_positive_rate(self) -> float:
        """Share of what did not happen that was said yes to; 0 if everything happened."""
        return _ratio(self.fp, self.fp + self.tn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 if both are 0."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def confusion(labels: np.ndarray, predicted: np.ndarray) -> Confusion:
    """Count the four outcomes of yes/no decisions.

    Args:
        labels: What happened, zeros and ones, shape (n,).
        predicted: What was decided, zeros and ones, shape (n,).

    Returns:
        The counts.

    Raises:
        ValueError: If the shapes differ, or a value is neither 0 nor 1.
    """
    y, p = as_labels("labels", labels), as_labels("predicted", predicted)
    same_shape("labels", y, "predicted", p)
    tp, fp, fn = int((y & p).sum()), int((~y & p).sum()), int((y & ~p).sum())
    return Confusion(tp, fp, fn, y.size - tp - fp - fn)


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Binary cross-entropy of probabilities, in nats; lower is better.

    Args:
        labels: What happened, between 0 and 1 (a share is allowed), shape (n,).
        probabilities: Predicted probabilities, shape (n,); 0 and 1 are moved inwards by the
            smallest step that float64 knows at 1, so that no loss is infinite.

    Returns:
        The mean loss.

    Raises:
        ValueError: If the shapes differ, or a label or probability is outside 0 to 1.
    """
    y, p = as_shares("labels", labels), as_shares("probabilities", probabilities)
    same_shape("labels", y, "probabilities", p)
    eps = np.finfo(np.float64).eps
    p = np.clip(p, eps, 1 - eps)
    return float(-(y * np.log(p) + (1 - y) * np.log1p(-p)).mean())


def log_loss_from_logits(labels: np.ndarray, logits: np.ndarray) -> float:
    """Binary cross-entropy from log-odds, in nats, exact for any size of them.

    With p = 1/(1+exp(-z)) the loss is log(1+exp(z)) - y z. It is bounded below only if the label
    lies between 0 and 1: a rating of 5 as a label makes it fall without end as z grows (MET-10).

    Args:
        labels: What happened, between 0 and 1, shape (n,).
        logits: Predicted log-odds z, shape (n,).

    Returns:
        The mean loss.

    Raises:
        ValueError: If the shapes differ, a value is missing, or a label is outside 0 to 1.
    """
    y, z = as_shares("labels", labels), as_numbers("logits", logits, 1)
    same_shape("labels", y, "logits", z)
    return float((np.logaddexp(0.0, z) - y * z).mean())


def expected_calibration_error(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = 10
) -> float:
    """Mean gap between the predicted and the observed share in bins of equal width.

    Source: Naeini, Cooper & Hauskrecht 2015, AAAI.

    Args:
        labels: What happened, zeros and ones, shape (n,).
        probabilities: Predicted probabilities, shape (n,).
        bins: Number of bins between 0 and 1.

    Returns:
        The gap, weighted by the number of events in each bin; 0 means calibrated at this
        resolution.

    Raises:
        ValueError: If the shapes differ, a probability is outside 0 to 1, or bins is below 1.
    """
    y, p = as_labels("labels", labels), as_shares("probabilities", probabilities)
    same_shape("labels", y, "probabilities", p)
    if bins < 1:
        raise ValueError(f"bins is {bins}; use at least 1, for instance 10.")
    which = np.minimum((p * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(which, p, bins) - np.bincount(which, y, bins)
    return float(np.abs(gaps).sum() / len(y))
