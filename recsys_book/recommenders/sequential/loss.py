"""What a wrong next item costs: over all items, over a sample, and how a sample is made up for.

All losses take one score of the right item and scores of others, or of all items; they know
nothing of the network that made them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LOSSES = ("softmax", "sampled", "bce", "bpr-max")


def softmax_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of the right item among all items.

    Args:
        logits: Scores of all items, shape ``(m, n_items)``.
        targets: The right items, shape ``(m,)``.

    Returns:
        The mean loss, 0-dimensional, in nats.
    """
    return functional.cross_entropy(logits, targets)


def sampled_softmax_loss(positive: Tensor, negative: Tensor, n_items: int) -> Tensor:
    """Return the cross-entropy of the right item among itself and a uniform sample of the others.

    A sample of k out of the n - 1 others misses most of the denominator. Each sampled score stands
    for (n - 1) / k items, so the log of that is added.

    Source: Bengio & Senécal (2008), IEEE Transactions on Neural Networks 19.

    Args:
        positive: Scores of the right items, shape ``(m,)``.
        negative: Scores of the sampled items, shape ``(m, k)``.
        n_items: Size of the catalogue.

    Returns:
        The mean loss, 0-dimensional, in nats.
    """
    stands_for = torch.tensor((n_items - 1) / negative.shape[1]).log()
    logits = torch.cat([positive[:, None], negative + stands_for], dim=1)
    return -logits.log_softmax(dim=1)[:, 0].mean()


def calibration_exponent(negatives: int, n_items: int, calibration: float) -> float:
    """Return the weight of the right item in the calibrated binary loss.

    With k sampled among n - 1 others, each is drawn with the rate a = k / (n - 1). The weight goes
    from 1 (no calibration) to a (the sigmoid of a score is a probability).

    Source: Petrov & Macdonald (2023), "gSASRec", RecSys, section 5.

    Equation: eq-sampled-calibration.

    Args:
        negatives: How many are sampled, from 1 to n_items - 1.
        n_items: Size of the catalogue.
        calibration: t, from 0 to 1.

    Returns:
        The weight, above 0 and at most 1.

    Raises:
        ValueError: If the calibration or the number of negatives is out of range.
    """
    if not 0 <= calibration <= 1:
        raise ValueError(f"calibration is {calibration}; use a number from 0 (none) to 1 (full).")
    if not 1 <= negatives < max(n_items, 2):
        raise ValueError(
            f"{negatives} negatives are asked for, but there are {n_items} items: "
            "use at least 1 and fewer than all."
        )
    rate = negatives / max(n_items - 1, 1)
    return rate * (calibration * (1 - 1 / rate) + 1 / rate)


def calibrated_optimum(p: Tensor, rate: float, weight: float) -> Tensor:
    """Return the sigmoid of the scores that minimise the calibrated binary loss.

    Equation: eq-sampled-calibration.

    Args:
        p: The chance of each item to be the next, any shape.
        rate: The chance of an item to be sampled as a negative when it is not the next.
        weight: Of the right item.

    Returns:
        The optimal sigmoids, of the same shape; p itself if weight and rate are equal.
    """
    return weight * p / (weight * p + rate * (1 - p))


def binary_loss(positive: Tensor, negative: Tensor, weight: float = 1.0) -> Tensor:
    """Return the binary cross-entropy of one right item against sampled ones.

    With weight 1 and one negative it is the loss of SASRec, with a smaller weight the calibrated
    one of gSASRec.

    Equation: eq-sampled-calibration.

    Args:
        positive: Scores of the right items, shape ``(m,)``.
        negative: Scores of the sampled items, shape ``(m, k)``.
        weight: Of the right item; see :func:`calibration_exponent`.

    Returns:
        The mean over m of the sum over the right item and its k negatives, in nats.
    """
    right = weight * functional.logsigmoid(positive)
    return -(right + functional.logsigmoid(-negative).sum(dim=1)).mean()


def bpr_max_loss(positive: Tensor, negative: Tensor, l2: float = 1.0) -> Tensor:
    """Return the loss that asks the right item to beat the best of the sampled ones.

    The maximum is softened: each negative counts as much as its share of the softmax among the
    negatives. A penalty keeps the negatives' scores near zero.

    Source: Hidasi & Karatzoglou (2018), CIKM, section 3.3.

    Equation: eq-gru4rec-loss.

    Args:
        positive: Scores of the right items, shape ``(m,)``.
        negative: Scores of the sampled items, shape ``(m, k)``.
        l2: Weight of the penalty.

    Returns:
        The mean loss, 0-dimensional.
    """
    share = negative.softmax(dim=1)
    wins = (share * torch.sigmoid(positive[:, None] - negative)).sum(dim=1)
    penalty = (share * negative.square()).sum(dim=1)
    return (-(wins + 1e-24).log() + l2 * penalty).mean()
