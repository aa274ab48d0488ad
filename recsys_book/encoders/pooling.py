"""From one vector a token to one vector a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recsys_book.preprocessing.text import inverse_document_frequency

#: The ways of pooling that ``TextEncoder`` knows.
POOLINGS = ("mean", "cls", "max", "weighted")


def pad_tokens(ids: Sequence[Sequence[int]], padding: int = 0) -> tuple[Tensor, Tensor]:
    """Put rows of different length into one table.

    Args:
        ids: Token ids of each text.
        padding: The id of the padding token.

    Returns:
        The ids and the mask, 1 for a token and 0 for padding, both ``(texts, most tokens)``, int64.
    """
    table = np.full((len(ids), max(map(len, ids))), padding, dtype=np.int64)
    mask = np.zeros_like(table)
    for row, values in enumerate(ids):
        table[row, : len(values)] = values
        mask[row, : len(values)] = 1
    return torch.from_numpy(table), torch.from_numpy(mask)


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Average the vectors of the tokens that are there, and leave the padding out.

    Source: Reimers & Gurevych (2019), section 3.
    Equation: eq-masked-mean.

    Args:
        hidden: One vector a token, shape ``(batch, tokens, width)``.
        mask: 1 for a token and 0 for padding, shape ``(batch, tokens)``.

    Returns:
        One vector a text, shape ``(batch, width)``.
    """
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


def weighted_mean(hidden: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """Average the vectors of the tokens that are there, some more than others.

    Source: Muennighoff (2022), "SGPT: GPT Sentence Embeddings for Semantic Search", for weights by
    position; Arora, Liang & Ma (2017), for weights by frequency.
    Equation: eq-weighted-mean.

    Args:
        hidden: One vector a token, shape ``(batch, tokens, width)``.
        mask: 1 for a token and 0 for padding, shape ``(batch, tokens)``.
        weights: What a token counts, above 0, shape ``(batch, tokens)``.

    Returns:
        One vector a text, shape ``(batch, width)``.
    """
    w = (weights.to(hidden.dtype) * mask.to(hidden.dtype)).unsqueeze(-1)
    return (hidden * w).sum(1) / w.sum(1)


def max_pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """Take the largest value of each coordinate over the tokens that are there.

    Equation: eq-max-pooling.

    Args:
        hidden: One vector a token, shape ``(batch, tokens, width)``.
        mask: 1 for a token and 0 for padding, shape ``(batch, tokens)``.

    Returns:
        One vector a text, shape ``(batch, width)``.
    """
    return hidden.masked_fill(mask.unsqueeze(-1) == 0, -torch.inf).amax(1)


def cls_pool(hidden: Tensor) -> Tensor:
    """Take the vector of the first token, which BERT's next-sentence task was trained on.

    Args:
        hidden: One vector a token, shape ``(batch, tokens, width)``.

    Returns:
        One vector a text, shape ``(batch, width)``.
    """
    return hidden[:, 0]


def pool(hidden: Tensor, mask: Tensor, how: str = "mean", weights: Tensor | None = None) -> Tensor:
    """Pool in one of the four ways.

    Args:
        hidden: One vector a token, shape ``(batch, tokens, width)``.
        mask: 1 for a token and 0 for padding, shape ``(batch, tokens)``.
        how: One of ``POOLINGS``.
        weights: What a token counts where ``how`` is ``"weighted"``, shape ``(batch, tokens)``;
            None counts the token at position t, from 1, t times.

    Returns:
        One vector a text, shape ``(batch, width)``.

    Raises:
        ValueError: If ``how`` is none of them.
    """
    check_pooling(how)
    if how == "mean":
        return masked_mean(hidden, mask)
    if how == "cls":
        return cls_pool(hidden)
    if how == "max":
        return max_pool(hidden, mask)
    if weights is None:
        weights = torch.arange(1, mask.shape[1] + 1).expand(mask.shape)
    return weighted_mean(hidden, mask, weights)


def check_pooling(how: str) -> None:
    """Raise unless ``how`` is a way of pooling.

    Args:
        how: The name.

    Raises:
        ValueError: If it is none of ``POOLINGS``.
    """
    if how not in POOLINGS:
        raise ValueError(f"pooling is {how!r}, which is unknown: use one of {', '.join(POOLINGS)}.")


def token_idf(ids: Sequence[Sequence[int]], vocabulary: int) -> np.ndarray:
    """Weigh each word piece by the surprise of meeting it in a text.

    The pieces that are in every text, the special tokens among them, get 1, the least there is.

    Args:
        ids: The token ids of some texts.
        vocabulary: Size of the vocabulary.

    Returns:
        The weights, shape ``(vocabulary,)``, float32.
    """
    columns = [np.unique(np.asarray(row, dtype=np.int64)) for row in ids]
    ends = np.cumsum([0, *(len(c) for c in columns)])
    indices = np.concatenate([np.zeros(0, dtype=np.int64), *columns])
    counts = sp.csr_matrix((np.ones(len(indices)), indices, ends), shape=(len(ids), vocabulary))
    return inverse_document_frequency(counts).astype(np.float32)
