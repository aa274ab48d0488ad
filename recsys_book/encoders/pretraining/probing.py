"""What a linear map can read from frozen vectors, and from vectors that know nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from recsys_book.encoders.corpora import pad
from recsys_book.encoders.pooling import masked_mean
from recsys_book.encoders.transformer import Transformer

#: Strengths of the penalty among which each fit chooses, for inputs of variance 1.
STRENGTHS = (1e0, 1e1, 1e2, 1e3, 1e4)


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """What a probe found.

    Attributes:
        predictions: Out of fold, shape ``(rows, targets)``.
        scores: The AUC of each binary target, or the share of variance explained of each
            number, mean over the parts, shape ``(targets,)``.
    """

    predictions: np.ndarray
    scores: np.ndarray

    @property
    def mean(self) -> float:
        """The mean score over the targets."""
        return float(self.scores.mean())


def linear_probe(
    vectors: np.ndarray, targets: np.ndarray, folds: int = 5, seed: int = 0
) -> ProbeResult:
    """Predict targets from frozen vectors by ridge regression, out of fold.

    The columns are standardised and the penalty is chosen inside each training part, so that
    vectors of all widths and scales get the same treatment. Targets that are all 0 or 1 are
    scored by the AUC, other targets by the share of variance explained, part by part: a part
    with many ones was predicted from others with few, so that scores over all rows together
    would put a probe that knows nothing below chance. A part without a one, or with nothing
    else, has no AUC and is left out of that target's mean.

    Source: Alain & Bengio (2017), for the linear probe.

    Args:
        vectors: Shape ``(rows, width)``.
        targets: Shape ``(rows,)`` or ``(rows, targets)``.
        folds: Parts of the cross-validation.
        seed: Of the parts.

    Returns:
        The predictions and scores.

    Raises:
        ValueError: If rows differ, a number is not finite, or a target is constant.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import StandardScaler

    X, Y = _checked(vectors, targets)
    binary = np.isin(Y, (0.0, 1.0)).all(axis=0)
    predictions, scores = np.empty_like(Y), []
    for inside, outside in KFold(folds, shuffle=True, random_state=seed).split(X):
        scaler = StandardScaler().fit(X[inside])
        model = RidgeCV(STRENGTHS).fit(scaler.transform(X[inside]), Y[inside])
        predicted = model.predict(scaler.transform(X[outside]))
        predictions[outside] = predicted.reshape(-1, Y.shape[1])
        scores.append(_scores(Y[outside], predictions[outside], binary))
    return ProbeResult(predictions, np.nanmean(scores, axis=0))


def shuffled_control(targets: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the targets in random order: what a probe learns from them, it has memorised.

    Source: Hewitt & Liang (2019), for the idea of a control task.

    Args:
        targets: Shape ``(rows,)`` or ``(rows, targets)``.
        seed: Of the order.

    Returns:
        The same rows in another order.
    """
    return np.random.default_rng(seed).permutation(np.asarray(targets))


@torch.no_grad()
def row_vectors(
    transformer: Transformer, sequences: Sequence[np.ndarray], batch_size: int = 256
) -> np.ndarray:
    """Read sequences and return the mean of each one's last hidden states.

    Args:
        transformer: The frozen encoder.
        sequences: Ids, each of shape ``(tokens,)``, none longer than the encoder reads.
        batch_size: Rows that are read together.

    Returns:
        One vector a sequence, shape ``(len(sequences), width)``, float64.
    """
    was = transformer.training
    transformer.eval()
    order = np.argsort([len(each) for each in sequences], kind="stable")
    vectors = np.empty((len(sequences), transformer.config.width))
    for rows in _slices(order, batch_size):
        ids, mask = pad([sequences[row] for row in rows])
        vectors[rows] = masked_mean(transformer(ids, mask), mask).numpy()
    transformer.train(was)
    return vectors


def matching_rank(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return where each row's own second vector stands among all of them, by cosine.

    Args:
        first: Shape ``(rows, width)``.
        second: Another vector of each row, of the same shape.

    Returns:
        Ranks from 1, shape ``(rows,)``; ties count half of those who tie.
    """
    scores = _unit(first) @ _unit(second).T
    own = scores.diagonal()[:, None]
    above = (scores > own).sum(1)
    ties = (scores == own).sum(1) - 1
    return 1 + above + ties / 2


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return centred rows of length one; a row of zeros stays."""
    vectors = vectors - vectors.mean(axis=0)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def _slices(order: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield consecutive parts of an order."""
    yield from (order[start : start + size] for start in range(0, len(order), size))


def _scores(Y: np.ndarray, predicted: np.ndarray, binary: np.ndarray) -> np.ndarray:
    """Return the AUC of binary columns (NaN if constant), and the others' explained share."""
    from scipy.stats import rankdata

    positive = Y.sum(axis=0)
    won = (rankdata(predicted, axis=0) * Y).sum(axis=0) - positive * (positive + 1) / 2
    pairs = positive * (len(Y) - positive)
    total = np.square(Y - Y.mean(axis=0)).sum(axis=0)
    known = total > 0
    share = 1 - np.square(Y - predicted).sum(axis=0) / np.where(known, total, 1)
    auc = won / np.where(binary & known, pairs, 1)
    return np.where(known, np.where(binary, auc, share), np.nan)


def _checked(vectors: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as tables of float64; raise one sentence if they make no probe."""
    X = np.asarray(vectors, dtype=np.float64)
    Y = np.asarray(targets, dtype=np.float64)
    Y = Y[:, None] if Y.ndim == 1 else Y
    if X.ndim != 2 or len(X) != len(Y):
        raise ValueError(
            f"The vectors have shape {X.shape} and the targets {Y.shape}: give one row of each "
            "for every thing that is probed."
        )
    if not (np.isfinite(X).all() and np.isfinite(Y).all()):
        raise ValueError("A vector or a target is not finite: leave these rows out.")
    constant = np.flatnonzero(np.ptp(Y, axis=0) == 0)
    if len(constant):
        raise ValueError(
            f"Target {constant[0]} is the same in every row, so there is nothing to predict: "
            "leave it out."
        )
    return X, Y
