"""A convolution over the patches of a picture as an items' tower, and stand-in pictures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from recsys_book.recommenders.neural.text_cnn import ConvolutionRecommender, ConvolutionTowers
from recsys_book.recommenders.neural.training import check_features


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


class PosterCNN(ConvolutionRecommender):
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
