"""A convolution over the words of a text, or over the patches of a picture, as an items' tower."""

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
    check_features,
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


class PatchTowers(ConvolutionTowers):
    """The sequence is the patches of the item's picture, row by row.

    Args:
        patches: Patches of each item, shape ``(n_items, places, pixels)``.
        n_users: Number of users.
        factors: Length of the vectors.
        filters: Number of filters.
        generator: Of the first weights.
    """

    def __init__(
        self, patches: Tensor, n_users: int, factors: int, filters: int, generator: torch.Generator
    ) -> None:
        n_items, _, pixels = patches.shape
        super().__init__(n_users, n_items, factors, pixels, (1,), filters, generator)
        self.register_buffer("patches", patches)

    def sequences(self, item: Tensor) -> Tensor:
        """Return the patches, shape ``(columns, places, pixels)``."""
        return self.patches[item]


class _Convolution(BaseRecommender):
    """What the two models have in common: full softmax, and scores by products."""

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


class TextCNN(_Convolution):
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


class PosterCNN(_Convolution):
    """Make an item's vector from its picture by a convolution with one layer of filters.

    A two-dimensional convolution is a linear map of every patch: cut the picture into overlapping
    squares and the rest is as with words, one answer a filter and place, the strongest kept.

    Equations: eq-text-convolution, eq-max-over-time

    Args:
        images: One grey picture an item, shape (n_items, height, width).
        patch: Side of the squares, in pixels.
        factors: Length of the users' and items' vectors.
        filters: Number of filters.
        rate: Learning rate of AdamW.
        l2: Its decoupled weight decay.
        epochs: Passes over the users.
        batch_size: Users in a batch.
        seed: Of weights and order.

    Attributes:
        user_factors_: Shape (n_users, factors).
        item_factors_: Shape (n_items, factors).
    """

    def __init__(
        self,
        images: np.ndarray,
        patch: int = 3,
        factors: int = 16,
        filters: int = 32,
        rate: float = 0.01,
        l2: float = 0.3,
        epochs: int = 20,
        batch_size: int = 128,
        seed: int = 0,
    ):
        self.images = images
        self.patch = patch
        self.factors = factors
        self.filters = filters
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def _towers(self, seed: int) -> PatchTowers:
        images = torch.as_tensor(check_features("images", self.images, len(self.items_)))
        if images.ndim != 3 or not 1 <= self.patch <= min(images.shape[1:]):
            raise ValueError(
                f"images has shape {tuple(images.shape)} and patch is {self.patch}; pass pictures "
                "of shape (n_items, height, width) and a patch that fits into them."
            )
        generator = torch.Generator().manual_seed(seed)
        return PatchTowers(
            image_patches(images, self.patch),
            len(self.users_),
            self.factors,
            self.filters,
            generator,
        )


def image_patches(images: Tensor, size: int) -> Tensor:
    """Cut pictures into all squares of a size, row by row.

    Args:
        images: Shape ``(n, height, width)``.
        size: Side of the squares.

    Returns:
        The squares as rows of pixels, shape ``(n, places, size * size)``.
    """
    return images.unfold(1, size, 1).unfold(2, size, 1).flatten(3).flatten(1, 2)


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


def stand_in_posters(genres: np.ndarray, size: int = 8, seed: int = 0) -> np.ndarray:
    """Draw simulated pictures: noise, and a small sign for each genre at a random place.

    MovieLens has no posters. These stand in for them where all that matters is that the meaning of
    a picture does not depend on where in the picture it stands.

    Args:
        genres: Flags, shape (n_items, n_genres).
        size: Height and width of a picture, above 3.
        seed: Of signs, places and noise.

    Returns:
        Pictures, float32, shape (n_items, size, size).
    """
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], size=(genres.shape[1], 3, 3))
    images = 0.3 * rng.normal(size=(len(genres), size, size))
    for item, genre in np.argwhere(genres):
        row, column = rng.integers(0, size - 2, 2)
        images[item, row : row + 3, column : column + 3] += signs[genre]
    return images.astype(np.float32)
