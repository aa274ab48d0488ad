"""What the networks of this room share: batches, and a table of items that is read and written."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.corpora import FIRST
from recsys_book.encoders.transformer import Transformer


class Batch(NamedTuple):
    """Pieces of histories under each other.

    Attributes:
        inputs: Tokens, item + FIRST, padded on the right, shape ``(rows, tokens)``.
        targets: Items, -1 where nothing is asked, of the same shape.
        users: Whose piece it is, shape ``(rows,)``.
    """

    inputs: Tensor
    targets: Tensor
    users: Tensor


class ItemNetwork(nn.Module):
    """What all networks here share: a table of item vectors, which is read and written with.

    A subclass makes the table with :func:`item_table` and gives :meth:`hidden`.

    Args:
        items: One vector a token, of which those from ``FIRST`` on are items.
        n_items: Number of items.
        bias: Where the items' biases begin, shape ``(n_items,)``.
    """

    def __init__(self, items: nn.Embedding, n_items: int, bias: Tensor) -> None:
        super().__init__()
        self.items, self.n_items = items, n_items
        self.bias = nn.Parameter(bias.clone())

    def hidden(self, batch: Batch) -> Tensor:
        """Return one vector a position, shape ``(rows, tokens, width)``."""
        raise NotImplementedError

    def scores(self, hidden: Tensor, items: Tensor | None = None) -> Tensor:
        """Return products of vectors with items, plus the items' biases.

        Args:
            hidden: Shape ``(m, width)``.
            items: Which items, shape ``(m, k)``; None is all.

        Returns:
            Scores, shape ``(m, n_items)`` or ``(m, k)``.
        """
        table = self.items.weight[FIRST : FIRST + self.n_items]
        if items is None:
            return torch.addmm(self.bias, hidden, table.T)
        return (table[items] @ hidden[:, :, None])[:, :, 0] + self.bias[items]


class TransformerNetwork(ItemNetwork):
    """A transformer that reads and writes with the table; a subclass says what may see what.

    Args:
        n_items: Number of items.
        config: Of the transformer; its vocabulary is the marks, the items, and a mask if there is
            one.
        bias: Where the items' biases begin, shape ``(n_items,)``.
        generator: Where the first weights come from.
        vectors: One an item, or None.
    """

    def __init__(
        self,
        n_items: int,
        config: TransformerConfig,
        bias: Tensor,
        generator: torch.Generator,
        vectors: np.ndarray | None = None,
    ) -> None:
        transformer = Transformer(config, generator)
        transformer.tokens = item_table(config.vocabulary, config.width, vectors, generator)
        super().__init__(transformer.tokens, n_items, bias)
        self.transformer = transformer


def item_table(
    rows: int, width: int, vectors: np.ndarray | None, generator: torch.Generator
) -> nn.Embedding:
    """Return a table of token vectors: random, or the main directions of given item vectors.

    Given vectors are centred, projected to their first ``width`` principal directions and scaled
    to the size of random ones, so that a text-aware network differs only in where it begins.

    Args:
        rows: Number of tokens.
        width: Width of the table.
        vectors: One an item, shape ``(n_items, d)``; None for random ones.
        generator: Where random ones come from.

    Returns:
        The table; it trains.
    """
    std = width**-0.5
    weight = torch.empty(rows, width).normal_(0, std, generator=generator)
    if vectors is not None:
        centred = vectors - vectors.mean(axis=0)
        U, size, _ = np.linalg.svd(centred, full_matrices=False)
        flip = np.where(U[np.abs(U).argmax(axis=0), np.arange(len(size))] < 0, -1.0, 1.0)
        found = (U * size * flip)[:, :width]
        found = found / max(found.std(), 1e-12) * std
        weight[FIRST : FIRST + len(found), : found.shape[1]] = torch.from_numpy(found).float()
    return nn.Embedding.from_pretrained(weight, freeze=False)


def check_vectors(vectors: np.ndarray, n_items: int) -> None:
    """Raise one sentence if there is not one finite vector an item.

    Args:
        vectors: What was given, shape (n_items, d).
        n_items: Size of the catalogue.

    Raises:
        ValueError: If the number of rows is another one, or a number is not finite.
    """
    if np.ndim(vectors) != 2 or len(vectors) != n_items:
        raise ValueError(
            f"vectors has shape {np.shape(vectors)} but there are {n_items} items; "
            "give one row an item, in the order of the log's vocabulary."
        )
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise ValueError(f"Row {row} of vectors is not finite; encode the item's text again.")
