"""The losses of pre-training, each a function of scores and of what was really there."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from recsys_book.encoders.pretraining.masking import IGNORED


def masked_lm_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean negative log-probability of the hidden words.

    Source: Devlin et al. (2019), section 3.1.

    Equation: eq-mlm.

    Args:
        logits: Scores of all ids at every position, shape ``(..., ids)``.
        targets: The hidden words, ``IGNORED`` where nothing was hidden, shape ``(...)``.

    Returns:
        The loss, 0-dimensional, in nats a hidden word; 0 if nothing was hidden.
    """
    hidden = targets != IGNORED
    log_p = logits[hidden].log_softmax(dim=-1)
    right = log_p.gather(1, targets[hidden][:, None])
    return -right.sum() / hidden.sum().clamp(min=1)


def next_sentence_loss(scores: Tensor, follows: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of which pairs belong together.

    Source: Devlin et al. (2019), section 3.1.

    Equation: eq-nsp.

    Args:
        scores: The log-odds that the second span follows the first, shape ``(rows,)``.
        follows: 1 where it does, else 0, shape ``(rows,)``.

    Returns:
        The loss, 0-dimensional, in nats a pair.
    """
    log_yes, log_no = functional.logsigmoid(scores), functional.logsigmoid(-scores)
    return -(follows * log_yes + (1 - follows) * log_no).mean()


def joint_loss(
    logits: Tensor, targets: Tensor, scores: Tensor, follows: Tensor, weight: float = 1.0
) -> Tensor:
    """Return one loss for both questions, asked about the same rows at the same time.

    Source: Devlin et al. (2019), appendix A.2.

    Equation: eq-pretraining-sum.

    Args:
        logits: Scores of all ids at every position, shape ``(rows, tokens, ids)``.
        targets: The hidden words, ``IGNORED`` elsewhere, shape ``(rows, tokens)``.
        scores: The log-odds that the second span follows, shape ``(rows,)``.
        follows: 1 where it does, else 0, shape ``(rows,)``.
        weight: Of the second question; BERT has 1.

    Returns:
        The loss, 0-dimensional, in nats.
    """
    return masked_lm_loss(logits, targets) + weight * next_sentence_loss(scores, follows)


def replaced_token_loss(scores: Tensor, replaced: Tensor, asked: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of which words were replaced.

    Source: Clark et al. (2020), section 2.

    Equation: eq-rtd.

    Args:
        scores: The log-odds that a token is a replacement, shape ``(rows, tokens)``.
        replaced: True where it is one, of the same shape.
        asked: True where there is a word, of the same shape.

    Returns:
        The loss, 0-dimensional, in nats a word.
    """
    s, y = scores[asked], replaced[asked].to(scores.dtype)
    return -(y * functional.logsigmoid(s) + (1 - y) * functional.logsigmoid(-s)).mean()


def simcse_loss(first: Tensor, second: Tensor, temperature: float = 0.05) -> Tensor:
    """Return how hard it is to find each row's second vector among those of all rows.

    Source: Gao, Yao & Chen (2021), section 3; van den Oord, Li & Vinyals (2018).

    Equation: eq-simcse.

    Args:
        first: One vector a row, shape ``(rows, width)``.
        second: Another vector of the same row, of the same shape.
        temperature: What the cosines are divided by, above 0.

    Returns:
        The loss, 0-dimensional, in nats; the logarithm of the number of rows is chance.

    Raises:
        ValueError: If the temperature is not above 0, or there are fewer than two rows.
    """
    if not temperature > 0:
        raise ValueError(f"The temperature is {temperature}, but it must be above 0.")
    if len(first) < 2:
        raise ValueError("A batch of one row has nothing to be told from: use two rows or more.")
    cosines = functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T
    return -(cosines / temperature).log_softmax(dim=1).diagonal().mean()


def information_bound(loss: float | Tensor, rows: int) -> float:
    """Return the mutual information, in nats, that a contrastive loss proves at least.

    Source: van den Oord, Li & Vinyals (2018), section 2.3.

    Args:
        loss: The contrastive loss, in nats.
        rows: Rows in the batch.

    Returns:
        ``log(rows) - loss``; never more than ``log(rows)``.
    """
    return float(torch.log(torch.tensor(float(rows)))) - float(loss)
