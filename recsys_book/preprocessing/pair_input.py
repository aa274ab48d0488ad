"""A history and an item as one input of an encoder: ``[CLS] history [SEP] item [SEP]``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recsys_book.preprocessing.wordpiece import WordPiece

__all__ = ["encode_pairs"]


def encode_pairs(
    tokenizer: WordPiece, histories: Sequence[str], items: Sequence[str], max_length: int = 128
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join the text of each history with the text of one candidate item.

    The history loses its oldest pieces where there is no room. An item longer than half of the row
    loses its end, so that some history is always read.

    Source: Devlin et al. 2019, the input of sentence pairs.

    Args:
        tokenizer: The word pieces.
        histories: n texts, oldest events first.
        items: n texts, one candidate a history.
        max_length: Positions a row, the three special tokens included; at least 5.

    Returns:
        ids, mask and segments, each (n, length) int64 with length ≤ ``max_length``. The segment is
        0 up to the first ``[SEP]``, 1 from there to the second, and 0 on padding.

    Raises:
        ValueError: If there is not one item a history, or ``max_length`` is below 5.
    """
    if len(histories) != len(items):
        raise ValueError(f"{len(histories)} histories have {len(items)} items; give one item each.")
    if max_length < 5:
        raise ValueError(f"max_length is {max_length}; a pair needs at least 5 positions.")
    room = max_length - 3
    rows, first = [], []
    for history, item in zip(histories, items):
        right = tokenizer.tokenize(item)[: max(1, room // 2)]
        left = tokenizer.tokenize(history)
        left = left[max(0, len(left) - (room - len(right))) :]
        rows.append(["[CLS]", *left, "[SEP]", *right, "[SEP]"])
        first.append(len(left) + 2)
    width = np.array([len(row) for row in rows], dtype=np.int64)
    length = int(width.max(initial=0))
    ids = np.full((len(rows), length), tokenizer.vocabulary["[PAD]"], dtype=np.int64)
    for line, row in zip(ids, rows):
        line[: len(row)] = [tokenizer.vocabulary[piece] for piece in row]
    place = np.arange(length)
    mask = place < width[:, None]
    segments = mask & (place >= np.array(first, dtype=np.int64)[:, None])
    return ids, mask.astype(np.int64), segments.astype(np.int64)
