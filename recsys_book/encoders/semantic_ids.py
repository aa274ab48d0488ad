"""Items as words of a few digits: unique ids, what they share, and what they save."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

__all__ = [
    "FIRST_TOKEN",
    "SemanticIds",
    "digit_vocabulary",
    "expected_collisions",
    "mutual_information",
    "purity",
]

#: The first token that is a digit; 0 to 3 are padding, begin, end and unknown, as in a ``Corpus``.
FIRST_TOKEN = 4


@dataclass(frozen=True, eq=False)
class SemanticIds:
    """An id of a few digits for every item, no two alike.

    Every place has an alphabet of its own, so that a digit of the first place and one of the
    second are different tokens.

    Attributes:
        digits: One row an item, int64, shape ``(n_items, length)``.
        sizes: Number of different digits of each place.
    """

    digits: np.ndarray
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse digits outside their alphabet, and ids that occur twice."""
        if self.digits.ndim != 2 or self.digits.shape[1] != len(self.sizes):
            raise ValueError(
                f"The digits have shape {self.digits.shape}, but there are {len(self.sizes)} "
                "places: give one row an item and one column a place."
            )
        if self.digits.min() < 0 or np.any(self.digits.max(axis=0) >= self.sizes):
            raise ValueError(
                f"A digit lies outside of its alphabet of {self.sizes}: digits count from 0."
            )
        if len(np.unique(self.digits, axis=0)) < len(self.digits):
            raise ValueError(
                "Two items have the same id: add a last digit with SemanticIds.from_codes."
            )

    @classmethod
    def from_codes(cls, codes: np.ndarray, size: int | None = None) -> Self:
        """Make codes unique by a last digit that counts the items with the same code.

        Source: Rajput et al. (2023), "Recommender Systems with Generative Retrieval", section 3.1.

        Args:
            codes: What a quantiser gives, shape ``(n_items, levels)``.
            size: Number of different digits of each level; by default the largest seen, plus one.

        Returns:
            Ids with one digit more than the codes.
        """
        codes = np.asarray(codes, dtype=np.int64)
        _, group = np.unique(codes, axis=0, return_inverse=True)
        group = group.ravel()
        order = np.argsort(group, kind="stable")
        start = np.searchsorted(group[order], group[order])
        last = np.empty(len(codes), dtype=np.int64)
        last[order] = np.arange(len(codes)) - start
        sizes = (codes.max(axis=0) + 1) if size is None else [size] * codes.shape[1]
        return cls(np.column_stack([codes, last]), (*(int(s) for s in sizes), int(last.max()) + 1))

    @classmethod
    def plain(cls, n_items: int) -> Self:
        """Return ids of one digit: an item is a word of its own, as in SASRec.

        Args:
            n_items: Number of items.

        Returns:
            The ids.
        """
        return cls(np.arange(n_items)[:, None], (n_items,))

    def shuffled(self, seed: int = 0) -> Self:
        """Return the same ids, handed out to the items at random.

        The control of every comparison: as many digits, as many words, the same tree; only what
        the digits mean is gone.

        Args:
            seed: Of the permutation.

        Returns:
            The ids.
        """
        order = np.random.default_rng(seed).permutation(len(self.digits))
        return type(self)(self.digits[order], self.sizes)

    @property
    def length(self) -> int:
        """Number of digits of an id."""
        return len(self.sizes)

    @property
    def vocabulary(self) -> int:
        """Number of tokens: the digits of all places, and the four special ones."""
        return FIRST_TOKEN + sum(self.sizes)

    @cached_property
    def offsets(self) -> np.ndarray:
        """Token of the digit 0 of each place, shape ``(length,)``."""
        return FIRST_TOKEN + np.cumsum([0, *self.sizes[:-1]])

    @cached_property
    def tokens(self) -> np.ndarray:
        """The ids as tokens, int64, shape ``(n_items, length)``."""
        return self.digits + self.offsets

    def write(self, items: np.ndarray) -> np.ndarray:
        """Write a history as tokens.

        Args:
            items: Positions of items, shape ``(n,)``.

        Returns:
            Tokens, int64, shape ``(n * length,)``.
        """
        return self.tokens[np.asarray(items, dtype=np.int64)].ravel()

    def read(self, tokens: np.ndarray) -> np.ndarray:
        """Read items from tokens.

        Args:
            tokens: Shape ``(n, length)``.

        Returns:
            Positions of items, shape ``(n,)``; -1 where no item has this id.
        """
        book = {row.tobytes(): item for item, row in enumerate(self.tokens)}
        rows = np.ascontiguousarray(tokens, dtype=np.int64).reshape(-1, self.length)
        return np.array([book.get(row.tobytes(), -1) for row in rows])

    @cached_property
    def shared(self) -> np.ndarray:
        """For each item, how many items have the same digits but the last, shape ``(n_items,)``."""
        _, group, count = np.unique(
            self.digits[:, :-1], axis=0, return_inverse=True, return_counts=True
        )
        return count[group.ravel()]

    @property
    def colliding_pairs(self) -> int:
        """Pairs of items that only the last digit tells apart."""
        return int((self.shared - 1).sum()) // 2


def expected_collisions(n_items: int, shares: np.ndarray) -> float:
    """Return how many pairs of items get the same code, if each draws its code by chance.

    With equal shares it is the birthday problem. Unequal shares give more.

    Equation: eq-collision.

    Args:
        n_items: Number of items.
        shares: Chance of each code, sums to one, shape ``(codes,)``.

    Returns:
        Expected number of pairs.
    """
    return float(n_items * (n_items - 1) / 2 * (np.asarray(shares) ** 2).sum())


def digit_vocabulary(n_items: int, length: int) -> int:
    """Return how many digits an alphabet of ``length`` places needs to name all items.

    Every place gets the smallest number of digits with which the ids suffice.

    Equation: eq-digit-vocabulary.

    Args:
        n_items: Number of items.
        length: Digits of an id, at least 1.

    Returns:
        The digits of all places together.
    """
    digits = max(1, round(n_items ** (1 / length)) - 1)
    while digits**length < n_items:
        digits += 1
    return length * digits


def mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """Return what two labels tell about each other, in nats.

    Args:
        a: Labels, shape ``(n,)``.
        b: Labels, shape ``(n,)``.

    Returns:
        A number from 0 (nothing) to the smaller of the two entropies.
    """
    joint = _table(a, b) / len(a)
    outer = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    there = joint > 0
    return float((joint[there] * np.log(joint[there] / outer[there])).sum())


def purity(digit: np.ndarray, label: np.ndarray) -> float:
    """Return the share of items whose label is the most frequent one of their digit.

    Args:
        digit: Shape ``(n,)``.
        label: Shape ``(n,)``.

    Returns:
        A share; many digits raise it by chance, so compare it with shuffled labels.
    """
    return float(_table(digit, label).max(axis=1).sum() / len(digit))


def _table(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Count pairs of labels, shape ``(labels of a, labels of b)``."""
    (_, row), (_, column) = (np.unique(x, return_inverse=True) for x in (a, b))
    table = np.zeros((row.max() + 1, column.max() + 1))
    np.add.at(table, (row, column), 1.0)
    return table
