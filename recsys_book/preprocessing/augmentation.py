"""Augmentation of behaviour sequences: change the prefix a model reads, never what it predicts."""

from __future__ import annotations

import numpy as np


def crop(sequence: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Keep one contiguous stretch.

    Args:
        sequence: (n,) items in time order.
        share: part to keep, in (0, 1].
        rng: where the stretch begins.

    Returns:
        (max(1, floor(share·n)),) items; empty stays empty.

    Source: Xie et al. 2022 (CL4SRec).
    """
    sequence = np.asarray(sequence)
    length = _length(sequence, share)
    start = rng.integers(0, len(sequence) - length + 1)
    return sequence[start : start + length].copy()


def mask(sequence: np.ndarray, share: float, rng: np.random.Generator, token: int) -> np.ndarray:
    """Hide some items behind a mask token.

    Args:
        sequence: (n,) items.
        share: part to hide, in (0, 1].
        rng: which positions.
        token: the id that stands for "hidden"; no real item.

    Returns:
        (n,) items.

    Raises:
        ValueError: if ``token`` is the id of an item in the sequence.

    Source: Xie et al. 2022 (CL4SRec).
    """
    result = np.array(sequence)
    if token in result:
        raise ValueError(f"The mask token {token} is an item of the sequence; use an unused id.")
    hidden = rng.choice(len(result), size=_length(result, share), replace=False)
    result[hidden] = token
    return result


def reorder(sequence: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Shuffle one contiguous stretch and leave the rest in place.

    Args:
        sequence: (n,) items.
        share: length of the stretch as a part of n, in (0, 1].
        rng: which stretch, and its new order.

    Returns:
        (n,) the same items.

    Source: Xie et al. 2022 (CL4SRec).
    """
    result = np.array(sequence)
    length = _length(result, share)
    start = rng.integers(0, len(result) - length + 1)
    result[start : start + length] = rng.permutation(result[start : start + length])
    return result


def augment(
    sequence: np.ndarray, operation: str, share: float, rng: np.random.Generator, token: int = -1
) -> tuple[np.ndarray, int]:
    """Augment the prefix of a sequence and keep its last item as the target.

    Args:
        sequence: (n,) items in time order, n ≥ 2.
        operation: ``crop``, ``mask`` or ``reorder``.
        share: of the operation.
        rng: source of randomness.
        token: mask token, for ``mask``.

    Returns:
        The changed prefix and the untouched last item.

    Raises:
        ValueError: for a sequence shorter than 2 or an unknown operation.
    """
    if len(sequence) < 2:
        raise ValueError(
            f"A sequence of {len(sequence)} items has no prefix and target; drop it first."
        )
    prefix, target = np.asarray(sequence)[:-1], int(sequence[-1])
    if operation == "crop":
        return crop(prefix, share, rng), target
    if operation == "mask":
        return mask(prefix, share, rng, token), target
    if operation == "reorder":
        return reorder(prefix, share, rng), target
    raise ValueError(f"Unknown operation {operation!r}; use 'crop', 'mask' or 'reorder'.")


def _length(sequence: np.ndarray, share: float) -> int:
    if not 0 < share <= 1:
        raise ValueError(
            f"share={share} is not in (0, 1]; give the part of the sequence to change."
        )
    return min(len(sequence), max(1, int(share * len(sequence))))
