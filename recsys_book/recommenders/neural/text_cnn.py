"""A convolution over the words of a text as an items' tower."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.optimizers.problems.tables import linear, table
from recsys_book.optimizers.problems.two_tower import Towers
from recsys_book.preprocessing.text import words
from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.neural.towers import FullSoftmaxProblem
from recsys_book.recommenders.neural.training import (
    check_settings,
    dense_rows,
    fit_network,
)

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Slide filters along a sequence: one product and one ReLU a filter and window.

    Source: Kim (2014), "Convolutional Neural Networks for Sentence Classification", EMNLP,
    equation 2.

    Equation: eq-text-convolution

    Args:
        x: Vectors in order, shape ``(batch, length, width)``.
        weight: Filters, shape ``(filters, window, width)``.
        bias: One a filter, shape ``(filters,)``.

    Returns:
        Answers, at least 0, shape ``(batch, length - window + 1, filters)``.
    """
    window = weight.shape[1]
    windows = x.unfold(1, window, 1).transpose(2, 3)  # (batch, places, window, width)
    return functional.relu(windows.flatten(2) @ weight.flatten(1).T + bias)


def max_over_time(answers: Tensor) -> Tensor:
    """Keep the strongest answer of each filter, wherever it stands.

    Source: Kim (2014), "Convolutional Neural Networks for Sentence Classification", EMNLP.

    Equation: eq-max-over-time

    Args:
        answers: Shape ``(batch, places, filters)``.

    Returns:
        One number a filter, shape ``(batch, filters)``.
    """
    return answers.max(dim=1).values


class ConvolutionTowers(Towers):
    """A table of users; an item's vector comes from filters over the item's sequence.

    Args:
        n_users: Number of users.
        n_items: Number of items.
        factors: Length of the vectors.
        width: Length of the vectors in the sequence.
        windows: Lengths of the filters.
        filters: Number of filters of each length.
        generator: Of the first weights.
    """

    temperature = 1.0

    def __init__(
        self,
        n_users: int,
        n_items: int,
        factors: int,
        width: int,
        windows: Sequence[int],
        filters: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_items = n_items
        self.users = table(n_users, factors, 0.1, False, generator)
        self.filters = nn.ParameterList(
            torch.randn(filters, window, width, generator=generator) / (window * width) ** 0.5
            for window in windows
        )
        self.biases = nn.ParameterList(torch.zeros(filters) for _ in windows)
        self.head = linear(filters * len(windows), factors, generator)

    def sequences(self, item: Tensor) -> Tensor:
        """Return the items' sequences, shape ``(columns, length, width)``."""
        raise NotImplementedError

    def item_vectors(self, item: Tensor) -> Tensor:
        """Convolve, keep each filter's strongest answer, and map to ``(columns, factors)``."""
        x = self.sequences(item)
        found = [max_over_time(convolve(x, w, b)) for w, b in zip(self.filters, self.biases)]
        return self.head(torch.cat(found, dim=1))


class TextTowers(ConvolutionTowers):
    """The sequence is the item's words, each looked up in a table that is learned too.

    Args:
        codes: Words of each item by position in the vocabulary, padded by 0, int64, shape
            ``(n_items, length)``.
        n_words: Size of the vocabulary, the padding included.
        n_users: Number of users.
        factors: Length of the vectors.
        width: Length of the words' vectors.
        windows: Lengths of the filters.
        filters: Number of filters of each length.
        generator: Of the first weights.
    """

    def __init__(
        self,
        codes: Tensor,
        n_words: int,
        n_users: int,
        factors: int,
        width: int,
        windows: Sequence[int],
        filters: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__(n_users, len(codes), factors, width, windows, filters, generator)
        self.register_buffer("codes", codes)
        self.words = table(n_words, width, 1.0, False, generator)

    def sequences(self, item: Tensor) -> Tensor:
        """Return the words' vectors, zeros after the end of a text."""
        codes = self.codes[item]
        return self.words(codes) * (codes > 0)[..., None]


class ConvolutionRecommender(BaseRecommender):
    """What models of texts and of pictures have in common: full softmax, scores by products."""

    def _fit(self, interactions: Interactions) -> None:
        check_settings(
            factors=self.factors,
            filters=self.filters,
            rate=self.rate,
            l2=self.l2,
            epochs=self.epochs,
            batch_size=self.batch_size,
        )
        problem = FullSoftmaxProblem(*dense_rows(self.seen_), self.batch_size, self._towers)
        network = fit_network(problem, self.rate, self.l2, self.epochs, self.seed)
        self.user_factors_ = network.user_vectors(torch.arange(len(self.users_))).numpy()
        self.item_factors_ = network.item_vectors(torch.arange(len(self.items_))).numpy()

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.user_factors_[users] @ self.item_factors_.T


class TextCNN(ConvolutionRecommender):
    """Make an item's vector from its words by a convolution, and train it by what users took.

    No item has a row of its own, so an item that nobody has taken gets a vector as good as its
    words. An empty text is a sequence of zeros: the vector of what the filters say to nothing. A
    user without history gets the popularity of the items.

    Source: Kim (2014), "Convolutional Neural Networks for Sentence Classification", EMNLP.

    Equations: eq-text-convolution, eq-max-over-time

    Args:
        texts: One text an item, in the order of the vocabulary.
        factors: Length of the users' and items' vectors.
        width: Length of the words' vectors.
        windows: Lengths of the filters, in words.
        filters: Number of filters of each length.
        min_count: Rarer words are left out.
        rate: Learning rate of AdamW.
        l2: Its decoupled weight decay.
        epochs: Passes over the users.
        batch_size: Users in a batch.
        seed: Of weights and order.

    Attributes:
        words_: The vocabulary, most frequent first.
        user_factors_: Shape (n_users, factors).
        item_factors_: Shape (n_items, factors).
    """

    def __init__(
        self,
        texts: Sequence[str],
        factors: int = 32,
        width: int = 32,
        windows: tuple[int, ...] = (1, 2, 3),
        filters: int = 32,
        min_count: int = 2,
        rate: float = 0.01,
        l2: float = 0.3,
        epochs: int = 20,
        batch_size: int = 128,
        seed: int = 0,
    ):
        self.texts = texts
        self.factors = factors
        self.width = width
        self.windows = windows
        self.filters = filters
        self.min_count = min_count
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def _towers(self, seed: int) -> TextTowers:
        if len(self.texts) != len(self.items_):
            raise ValueError(
                f"TextCNN has {len(self.texts)} texts but the log knows {len(self.items_)} items; "
                "pass one text for every item of the vocabulary."
            )
        check_settings(width=self.width, min_count=self.min_count, windows=min(self.windows))
        self.words_, codes = encode_words(self.texts, self.min_count, max(self.windows))
        return TextTowers(
            codes,
            len(self.words_) + 1,
            len(self.users_),
            self.factors,
            self.width,
            self.windows,
            self.filters,
            torch.Generator().manual_seed(seed),
        )


def encode_words(
    texts: Sequence[str], min_count: int, shortest: int
) -> tuple[list[str], torch.Tensor]:
    """Write texts as positions of words in a vocabulary.

    Args:
        texts: n texts.
        min_count: Rarer words are left out of the vocabulary and of the texts.
        shortest: Length that texts are padded to at least.

    Returns:
        The words, most frequent first, and their positions from 1, padded by 0 to one length,
        int64, shape ``(n, length)``.
    """
    tokens = [words(text) for text in texts]
    counts: dict[str, int] = {}
    for text in tokens:
        for word in text:
            counts[word] = counts.get(word, 0) + 1
    kept = sorted((w for w in counts if counts[w] >= min_count), key=lambda w: (-counts[w], w))
    index = {word: 1 + row for row, word in enumerate(kept)}
    rows = [[index[word] for word in text if word in index] for text in tokens]
    length = max(shortest, *(len(row) for row in rows))
    codes = torch.zeros(len(texts), length, dtype=torch.int64)
    for row, positions in enumerate(rows):
        codes[row, : len(positions)] = torch.tensor(positions, dtype=torch.int64)
    return kept, codes
