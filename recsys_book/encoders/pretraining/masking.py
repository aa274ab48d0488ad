"""Hiding words, cutting sentences in two, and replacing words: what is asked in pre-training.

Ids below ``FIRST`` are marks, not words: they are never hidden and never guessed. The mark that
hides a word is the first id that the corpus does not use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recsys_book.encoders.corpora import BEGIN, END, FIRST

#: The target of a position that nothing is asked about; torch's losses skip it.
IGNORED = -100


def mask_tokens(
    ids: Tensor,
    words: int,
    generator: torch.Generator,
    *,
    share: float = 0.15,
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1),
    at_least: int = 0,
) -> tuple[Tensor, Tensor]:
    """Hide some words of each row, and return what was there.

    Each word is chosen with probability ``share``, independently of the others. A chosen word
    becomes the mask in ``shares[0]`` of the cases, a random word in ``shares[1]``, and stays as
    it is in ``shares[2]``. Marks are never chosen. A short row may end up with nothing chosen, and
    would then teach nothing; ``at_least`` chooses that many of its words in any case, or all if
    it has fewer.

    Source: Devlin et al. (2019), section 3.1.

    Equation: eq-masking-shares.

    Args:
        ids: Rows of a corpus, shape ``(rows, tokens)``.
        words: Number of ids of the corpus; the mask is this id, one beyond the last.
        generator: Where the choices come from.
        share: Chance of a word to be chosen, in [0, 1].
        shares: What becomes of a chosen word: masked, random, kept; they sum to 1.
        at_least: Words chosen in each row whatever chance says.

    Returns:
        The rows as the model sees them, and the targets: the word where one was chosen and
        ``IGNORED`` elsewhere, both of shape ``(rows, tokens)``.

    Raises:
        ValueError: If a share is outside [0, 1], the three do not sum to 1, or an id is not one
            of the corpus.
    """
    _check_masking(ids, words, share, shares)
    ordinary = ids >= FIRST
    luck = torch.rand(ids.shape, generator=generator).masked_fill(~ordinary, 2.0)
    chosen = luck < share
    if at_least:
        lowest = luck.argsort(dim=1).argsort(dim=1) < at_least
        chosen |= lowest & ordinary
    fate = torch.rand(ids.shape, generator=generator)
    others = torch.randint(FIRST, words, ids.shape, generator=generator)
    inputs = ids.masked_fill(chosen & (fate < shares[0]), words)
    swapped = chosen & (fate >= shares[0]) & (fate < shares[0] + shares[1])
    return torch.where(swapped, others, inputs), ids.masked_fill(~chosen, IGNORED)


def masking_shares(ids: Tensor, inputs: Tensor, targets: Tensor, words: int) -> dict[str, float]:
    """Count what became of the words of some rows.

    Args:
        ids: The rows as they were, shape ``(rows, tokens)``.
        inputs: What the model sees, of the same shape.
        targets: What it is asked, of the same shape.
        words: Number of ids of the corpus, which is also the id of the mask.

    Returns:
        Shares of all words: ``chosen``, ``masked``, ``random`` and ``kept``; a random word that
        happens to be the right one counts as kept.
    """
    n = int((ids >= FIRST).sum())
    chosen = targets != IGNORED
    masked = chosen & (inputs == words)
    kept = chosen & (inputs == ids)
    counts = {"chosen": chosen, "masked": masked, "random": chosen & ~masked & ~kept, "kept": kept}
    return {name: int(where.sum()) / n for name, where in counts.items()}


@dataclass(frozen=True, eq=False)
class Pairs:
    """Two spans in one row, and whether the second continues the first.

    Attributes:
        ids: Begin, the first span, end, the second span, end; padded, shape ``(rows, tokens)``.
        present: True for a token, False for padding, of the same shape.
        segments: 0 up to the first end and 1 after it, of the same shape.
        follows: 1 where the second span follows the first, else 0, shape ``(rows,)``, float.
    """

    ids: Tensor
    present: Tensor
    segments: Tensor
    follows: Tensor


def sentence_pairs(
    sequences: Sequence[np.ndarray], rng: np.random.Generator, share: float = 0.5
) -> Pairs:
    """Cut each sequence in two, and give some first parts the second part of another.

    The cut is in the middle, so that length says nothing. A stranger's second part is drawn from
    the other sequences of the batch.

    Source: Devlin et al. (2019), section 3.1.

    Args:
        sequences: Rows with begin and end, at least two of them, each with two words or more.
        rng: Where the choices come from.
        share: Chance of a true pair.

    Returns:
        One row for each sequence.

    Raises:
        ValueError: If there are fewer than two sequences, or one has fewer than two words.
    """
    bodies = [_body(sequence, row) for row, sequence in enumerate(sequences)]
    if len(bodies) < 2:
        raise ValueError("One sequence has no stranger to be paired with: pass at least two.")
    halves = [(body[: len(body) // 2], body[len(body) // 2 :]) for body in bodies]
    n = len(halves)
    follows = rng.random(n) < share
    stranger = (np.arange(n) + rng.integers(1, n, n)) % n
    source = np.where(follows, np.arange(n), stranger)
    rows = [_join(halves[row][0], halves[other][1]) for row, other in enumerate(source)]
    width = max(len(row) for row in rows)
    ids = torch.zeros((n, width), dtype=torch.long)
    segments = torch.zeros_like(ids)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = torch.from_numpy(tokens)
        segments[row, len(halves[row][0]) + 2 : len(tokens)] = 1
    return Pairs(ids, ids != 0, segments, torch.from_numpy(follows).float())


def replace_tokens(
    ids: Tensor, targets: Tensor, logits: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Put a small model's guesses where words were hidden, and mark the wrong ones.

    A guess is drawn from the model's distribution. No gradient goes through the drawing, so the
    small model learns from its own loss only. A guess that hits the right word is not a
    replacement.

    Source: Clark et al. (2020), section 2.

    Args:
        ids: The rows as they were, shape ``(rows, tokens)``.
        targets: The hidden words, ``IGNORED`` elsewhere, of the same shape.
        logits: Scores of all words at the hidden positions, row by row, shape ``(hidden, ids)``.
        generator: Where the guesses come from.

    Returns:
        The rows with guesses in them, and whether each token is a replacement, both of shape
        ``(rows, tokens)``.
    """
    hidden = targets != IGNORED
    scores = logits.detach().clone()
    scores[:, :FIRST] = -torch.inf
    noise = -torch.empty_like(scores).exponential_(generator=generator).log()
    guesses = (scores + noise).argmax(dim=1)
    corrupted = ids.clone()
    corrupted[hidden] = guesses
    return corrupted, corrupted != ids


def _check_masking(ids: Tensor, words: int, share: float, shares: Sequence[float]) -> None:
    """Raise one sentence if the shares or the ids make no sense."""
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}, but a chance lies in [0, 1].")
    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(
            f"shares is {tuple(shares)}, but masked, random and kept must be three shares that "
            "sum to 1."
        )
    if ids.ndim != 2 or (ids.numel() and (ids.min() < 0 or ids.max() >= words)):
        raise ValueError(
            f"The ids must be a table of numbers from 0 to {words - 1}: pad the sequences, and "
            "pass the size of their own corpus."
        )


def _body(sequence: np.ndarray, row: int) -> np.ndarray:
    """Return a sequence without its marks at both ends."""
    body = np.asarray(sequence)
    body = body[(body != BEGIN) & (body != END)]
    if len(body) < 2:
        raise ValueError(
            f"Sequence {row} has {len(body)} words and cannot be cut in two: leave out sequences "
            "with fewer than two."
        )
    return body


def _join(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return begin, first, end, second, end."""
    return np.concatenate([[BEGIN], first, [END], second, [END]]).astype(np.int64)
