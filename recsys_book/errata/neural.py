"""What the source articles' networks compute, and where it fails.

The functions are the faulty versions. The right ones are in ``recsys_book.recommenders.neural``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def cf_06_towers_as_wide_as_the_tables(
    user_text: Tensor, item_text: Tensor, num_users: int, num_items: int, seed: int = 0
) -> Tensor:
    """CF-06: two linear layers, one as wide as the users, one as wide as the items.

    Article S4 §5.2: ``self.user_embedding = nn.Linear(hidden_dim, num_users)``,
    ``self.item_embedding = nn.Linear(hidden_dim, num_items)``,
    ``scores = torch.sigmoid(torch.matmul(user_emb, item_emb.t()))`` and then
    ``nn.BCELoss()(scores, batch['labels'])``. The two vectors live in spaces of different
    dimension, so the product does not exist unless there are as many users as items. Where there
    are, each row of the batch is scored against every other row, which gives ``(batch, batch)``
    scores for ``(batch,)`` labels.

    Args:
        user_text: Vectors of the users' texts, shape ``(batch, hidden)``.
        item_text: Vectors of the items' texts, shape ``(batch, hidden)``.
        num_users: Number of users.
        num_items: Number of items.
        seed: Of the weights.

    Returns:
        The article's scores, shape ``(batch, batch)``.

    Raises:
        RuntimeError: By torch, unless ``num_users`` equals ``num_items``.
    """
    generator = torch.Generator().manual_seed(seed)
    hidden = user_text.shape[1]
    user_weight = torch.randn(num_users, hidden, generator=generator) / hidden**0.5
    item_weight = torch.randn(num_items, hidden, generator=generator) / hidden**0.5
    return torch.sigmoid((user_text @ user_weight.T) @ (item_text @ item_weight.T).T)


def cf_06_weights(hidden: int, num_users: int, num_items: int) -> int:
    """CF-06: the number of weights of the article's two layers.

    Args:
        hidden: Width of the text vectors.
        num_users: Number of users.
        num_items: Number of items.

    Returns:
        Weights and biases.
    """
    return (hidden + 1) * (num_users + num_items)


def cf_07_softmax_of_stacked_rows(
    user_rows: Tensor, item_rows: Tensor, output_weight: Tensor
) -> Tensor:
    r"""CF-07: users and items stacked as rows of one input, and a softmax over the outputs.

    Article S0b §4.2.3: :math:`X=[X_u;X_i]\in\mathbb{R}^{m\times n}` with :math:`m=m_1+m_2`, and
    :math:`Y=\mathrm{softmax}(XW_{out})`. A row is a user *or* an item, so no row describes a pair,
    and the items get recommendations too.

    Args:
        user_rows: Users' features, shape ``(m1, n)``.
        item_rows: Items' features, shape ``(m2, n)``.
        output_weight: Shape ``(n, outputs)``.

    Returns:
        Probabilities, shape ``(m1 + m2, outputs)``.
    """
    return torch.softmax(torch.cat([user_rows, item_rows]) @ output_weight, dim=1)


def cf_07_softmax_loss(scores: Tensor, relevant: Tensor) -> Tensor:
    """CF-07: one softmax over the items where several of them are right.

    The probabilities sum to one, so with k right items the best that can be reached is 1/k each.

    Args:
        scores: Scores of the items, shape ``(n_items,)``.
        relevant: Ones for what is right, zeros elsewhere, shape ``(n_items,)``.

    Returns:
        The cross-entropy against equal shares of the right items, 0-dimensional, in nats.
    """
    return functional.cross_entropy(scores, relevant / relevant.sum())


class Cod13DeepInName(nn.Module):
    """COD-13: the article's deep recommender, which is one linear layer.

    Article S2 appendix C, ``RecSysModel(input_dim, hidden_dim, output_dim)``: ``hidden_dim`` is
    accepted and ignored, and ``CrossEntropyLoss`` is applied to one output (COD-10).

    Args:
        input_dim: Width of the input.
        hidden_dim: Without effect.
        output_dim: Number of outputs; 1 in the article.
    """

    def __init__(self, input_dim: int, hidden_dim: int, output_dim: int = 1):
        super().__init__()
        self.fc = nn.Linear(input_dim, output_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shape ``(batch, output_dim)``."""
        return self.fc(x)
