"""Language models that count: how often did this word follow these words?

All of them hold a table for every length of context and differ in what they do with its counts.
``PAD`` and ``BEGIN`` never come next, so the probabilities of the other words sum to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

from recsys_book.encoders.corpora import BEGIN, END

#: From a context, a tuple of ids, to the words that followed and how often.
Table = dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]]


def count_ngrams(sequences: Sequence[np.ndarray], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Count the runs of ``n`` tokens; a run may begin with ``BEGIN`` but is never just that.

    Args:
        sequences: Ids, each of shape ``(tokens,)``.
        n: Length of a run, at least 1.

    Returns:
        The different runs, shape ``(runs, n)``, sorted, and their counts, shape ``(runs,)``.
    """
    runs = [np.empty((0, n), dtype=np.int64)]
    for ids in sequences:
        ids = ids[1:] if n == 1 else ids
        if len(ids) >= n:
            runs.append(np.lib.stride_tricks.sliding_window_view(ids, n))
    return np.unique(np.concatenate(runs), axis=0, return_counts=True)


def maximum_likelihood(counts: np.ndarray) -> np.ndarray:
    """Return the shares under which what was counted is most probable.

    Equation: eq-ngram-mle.

    Args:
        counts: How often each word followed a context, shape ``(V,)``, not all zero.

    Returns:
        Probabilities, shape ``(V,)``.
    """
    return counts / counts.sum()


def add_k(counts: np.ndarray, k: float) -> np.ndarray:
    """Return the mean of the probabilities after the counts, if all were alike likely before.

    Before the counts the probabilities have a Dirichlet distribution with all parameters ``k``.

    Equation: eq-add-k.

    Args:
        counts: How often each word followed a context, shape ``(V,)``.
        k: What is added to each count, above 0.

    Returns:
        Probabilities, shape ``(V,)``.
    """
    return (counts + k) / (counts.sum() + k * len(counts))


def discounted(counts: np.ndarray, discount: float, lower: np.ndarray) -> np.ndarray:
    """Take a constant from every count above zero and deal it out by a shorter context.

    Equation: eq-kneser-ney.

    Source: Ney, Essen & Kneser (1994), Computer Speech and Language 8.

    Args:
        counts: How often each word followed the context, shape ``(V,)``, not all zero.
        discount: What is taken, in [0, 1].
        lower: Probabilities of the words after the shorter context, shape ``(V,)``.

    Returns:
        Probabilities, shape ``(V,)``.
    """
    taken = np.minimum(counts, discount)
    return (counts - taken + taken.sum() * lower) / counts.sum()


class NGram:
    """What the counting models share: the tables, and the shape of the answer.

    Args:
        order: Length of the runs that are counted; the context has one token less.
        size: Number of words in the vocabulary, special ones included.

    Attributes:
        tables_: For every length of context, from 0, the counts by context.
    """

    def __init__(self, order: int, size: int) -> None:
        if order < 1:
            raise ValueError(f"order is {order}, but a run has at least one word: use 1 or more.")
        if size <= END:
            raise ValueError(f"size is {size}, but the special ids alone are more: count them too.")
        self.order, self.size = order, size

    def fit(self, sequences: Sequence[np.ndarray]) -> Self:
        """Count.

        Args:
            sequences: Ids, each of shape ``(tokens,)``, from ``BEGIN`` to ``END``.

        Returns:
            The model itself.

        Raises:
            ValueError: If there is nothing to count, or an id lies outside the vocabulary.
        """
        if not sum(len(ids) > 1 for ids in sequences):
            raise ValueError("There is no token to count: fit on at least one sequence.")
        largest = max(int(ids.max()) for ids in sequences)
        if largest >= self.size:
            raise ValueError(
                f"Id {largest} lies outside the vocabulary of {self.size} words: pass the "
                "corpus's size."
            )
        self.tables_ = [_by_context(*each) for each in self._runs(sequences)]
        self._known: dict[tuple[int, ...], np.ndarray] = {}
        return self

    def _runs(self, sequences: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the runs and counts of every order, the shortest first."""
        return [count_ngrams(sequences, n) for n in range(1, self.order + 1)]

    def counts(self, context: tuple[int, ...]) -> np.ndarray:
        """Return how often each word followed a context.

        Args:
            context: Ids, fewer than ``order``.

        Returns:
            Counts of the words that can come next, which begin at ``END``; shape
            ``(size - END,)``, all zero for a context that never occurred.
        """
        dense = np.zeros(self.size - END)
        words, counts = self.tables_[len(context)].get(context, ((), ()))
        dense[np.asarray(words, dtype=int) - END] = counts
        return dense

    def probabilities(self, context: Sequence[int]) -> np.ndarray:
        """Return the probability of every word to come after a context.

        Args:
            context: The ids so far; the last ``order - 1`` count.

        Returns:
            Probabilities, shape ``(size,)``; those of ``PAD`` and ``BEGIN`` are 0.
        """
        last = tuple(int(each) for each in context)[max(0, len(context) - self.order + 1) :]
        return np.concatenate([np.zeros(END), self._smoothed(last)])

    def _smoothed(self, context: tuple[int, ...]) -> np.ndarray:
        """Return probabilities, the short contexts' from memory, shape ``(size - END,)``."""
        if context in self._known:
            return self._known[context]
        p = self._smooth(context)
        if len(context) < 2:
            self._known[context] = p
        return p

    def _smooth(self, context: tuple[int, ...]) -> np.ndarray:
        """Turn the counts after a context into probabilities, shape ``(size - END,)``."""
        raise NotImplementedError

    def next_log_probs(self, ids: Tensor) -> Tensor:
        """Return the log-probability of every word to come next.

        Args:
            ids: Tokens, int64, shape ``(B, T)``.

        Returns:
            log p(word | ids up to the position), shape ``(B, T, V)``, float32, in nats; minus
            infinity for what is impossible.
        """
        last = self.order - 1
        contexts = [
            tuple(row[max(0, t + 1 - last) : t + 1])
            for row in ids.tolist()
            for t in range(len(row))
        ]
        different = {context: k for k, context in enumerate(dict.fromkeys(contexts))}
        p = np.array([self.probabilities(context) for context in different], dtype=np.float32)
        rows = torch.tensor([different[context] for context in contexts], dtype=torch.int64)
        return torch.from_numpy(p).log()[rows].reshape(*ids.shape, self.size)


class MaximumLikelihood(NGram):
    """Shares of the counts, after the longest end of the context that ever occurred."""

    def _smooth(self, context: tuple[int, ...]) -> np.ndarray:
        counts = self.counts(context)
        return maximum_likelihood(counts) if counts.any() else self._smoothed(context[1:])


class AddK(NGram):
    """Shares of the counts after ``k`` was added to each; an unknown context makes all equal.

    Args:
        order: Length of the runs that are counted.
        size: Number of words in the vocabulary, special ones included.
        k: What is added, above 0.
    """

    def __init__(self, order: int, size: int, k: float = 1.0) -> None:
        super().__init__(order, size)
        if not k > 0:
            raise ValueError(
                f"k is {k}, but what never occurred needs some of it: use more than 0."
            )
        self.k = k

    def _smooth(self, context: tuple[int, ...]) -> np.ndarray:
        return add_k(self.counts(context), self.k)


class AbsoluteDiscount(NGram):
    """Counts less a constant; what was taken goes to words that a shorter context expects.

    The shortest context, none at all, shares with the uniform distribution.

    Args:
        order: Length of the runs that are counted.
        size: Number of words in the vocabulary, special ones included.
        discount: What is taken, above 0 and at most 1. None estimates it for every length from
            the runs that occurred once and twice.

    Attributes:
        discounts_: What is taken at every length of context, shape ``(order,)``.
    """

    def __init__(self, order: int, size: int, discount: float | None = None) -> None:
        super().__init__(order, size)
        if discount is not None and not 0 < discount <= 1:
            raise ValueError(f"discount is {discount}, but it must be above 0 and at most 1.")
        self.discount = discount

    def fit(self, sequences: Sequence[np.ndarray]) -> Self:
        """Count, and find the discounts.

        Args:
            sequences: Ids, each of shape ``(tokens,)``, from ``BEGIN`` to ``END``.

        Returns:
            The model itself.

        Raises:
            ValueError: If there is nothing to count, or an id lies outside the vocabulary.
        """
        super().fit(sequences)
        self.discounts_ = np.array(
            [self.discount or estimated_discount(_all(table)) for table in self.tables_]
        )
        return self

    def _smooth(self, context: tuple[int, ...]) -> np.ndarray:
        n = self.size - END
        lower = self._smoothed(context[1:]) if context else np.full(n, 1 / n)
        counts = self.counts(context)
        return discounted(counts, self.discounts_[len(context)], lower) if counts.any() else lower


class KneserNey(AbsoluteDiscount):
    """Absolute discounting whose shorter contexts count companions in place of occurrences.

    The count of a run below the highest order is the number of different words that stood before
    it. Nothing stands before ``BEGIN``: runs that begin with it keep their counts.

    Equation: eq-kneser-ney.

    Source: Kneser & Ney (1995), ICASSP; interpolated as in Chen & Goodman (1999), Computer Speech
    and Language 13.
    """

    def _runs(self, sequences: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return runs and counts, below the highest order those of companions."""
        raw = super()._runs(sequences)
        return [*map(continuation_counts, raw[:-1], raw[1:]), raw[-1]]


def continuation_counts(
    shorter: tuple[np.ndarray, np.ndarray], longer: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Count for each run the different words before it.

    Equation: eq-kneser-ney.

    Args:
        shorter: The runs of n words, shape ``(runs, n)``, and their counts.
        longer: The runs of n + 1 words, and their counts.

    Returns:
        The runs of n words and what was counted, sorted by run.
    """
    runs, companions = np.unique(longer[0][:, 1:], axis=0, return_counts=True)
    first = shorter[0][:, 0] == BEGIN
    runs = np.concatenate([runs, shorter[0][first]])
    counts = np.concatenate([companions, shorter[1][first]])
    order = np.lexsort(runs.T[::-1])
    return runs[order], counts[order]


def estimated_discount(counts: np.ndarray) -> float:
    """Estimate what a count exceeds its expectation by.

    Source: Ney, Essen & Kneser (1994), Computer Speech and Language 8.

    Args:
        counts: Of all runs of one length, shape ``(runs,)``.

    Returns:
        The share n1 / (n1 + 2 n2) of the runs that occurred once and twice, kept off 0 and 1.
    """
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    return float(np.clip(once / max(once + 2 * twice, 1), 0.05, 0.95))


def _by_context(runs: np.ndarray, counts: np.ndarray) -> Table:
    """Group sorted runs by all their words but the last."""
    contexts = runs[:, :-1]
    new = np.flatnonzero((contexts[1:] != contexts[:-1]).any(1)) + 1
    bounds = [0, *new.tolist(), len(runs)]
    return {
        tuple(contexts[a].tolist()): (runs[a:b, -1], counts[a:b])
        for a, b in zip(bounds[:-1], bounds[1:])
        if b > a
    }


def _all(table: Table) -> np.ndarray:
    """Return all counts of a table, shape ``(runs,)``."""
    return np.concatenate([counts for _, counts in table.values()]) if table else np.empty(0)
