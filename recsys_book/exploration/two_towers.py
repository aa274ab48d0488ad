"""Two towers on frozen text vectors: a user from what was rated, an item from its text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recsys_book.encoders.layers import Linear
from recsys_book.evaluation.curves import roc_auc
from recsys_book.optimizers.problems.two_tower import in_batch_softmax

if TYPE_CHECKING:
    from recsys_book.data import Interactions


class TwoTowers(nn.Module):
    r"""A user tower and an item tower of one width; a pair's score is their product.

    The item tower maps the item's text vector. The user tower maps the user's *profile*: the sum of
    the text vectors of the films rated so far, each times how far its rating lies above the middle,
    over the root of their number. Neither knows anybody by name, so new users and new items need no
    new weights; an item that was never trained on has a bias of zero. The probability is the
    sigmoid of product plus bias; the loss takes this sum itself.

    Source: Yi et al. (2019), "Sampling-bias-corrected neural modeling for large corpus item
    recommendations", RecSys.

    Args:
        text: Frozen text vectors of the items, shape (n_items, d_text).
        width: Common width of the towers.
        seed: Seed of the first weights.

    Raises:
        ValueError: If the text is no finite table, or the width is below 1.
    """

    def __init__(self, text: np.ndarray, width: int = 32, seed: int = 0):
        super().__init__()
        text = np.asarray(text, dtype=np.float32)
        if text.ndim != 2 or not np.isfinite(text).all() or width < 1:
            raise ValueError(
                f"text has shape {text.shape}, width is {width}; give finite vectors (n_items,"
                " d_text) and a width of at least 1."
            )
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("text", torch.from_numpy(text - text.mean(axis=0)))
        self.user_tower = Linear(text.shape[1], width, generator)
        self.item_tower = Linear(text.shape[1], width, generator)
        self.item_bias = nn.Parameter(torch.zeros(len(text)))
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, profiles: Tensor, items: Tensor) -> Tensor:
        """Score pairs: profiles (B, d_text) with items (B,); one logit a pair, shape (B,)."""
        u, v = self.user_tower(profiles), self.item_tower(self.text[items])
        return (u * v).sum(dim=1) + self.item_bias[items] + self.offset

    def score_batch(self, profiles: Tensor, items: Tensor) -> Tensor:
        """Score each profile (B, d_text) with every item of the batch (B,), shape (B, B)."""
        u, v = self.user_tower(profiles), self.item_tower(self.text[items])
        return u @ v.T + self.item_bias[items] + self.offset

    @torch.no_grad()
    def item_vectors(self) -> np.ndarray:
        """Return the item tower's vectors, shape (n_items, width)."""
        return self.item_tower(self.text).numpy().astype(float)

    @torch.no_grad()
    def user_vectors(self, profiles: np.ndarray) -> np.ndarray:
        """Return the user tower's vectors of profiles (n, d_text), shape (n, width)."""
        return self.user_tower(torch.as_tensor(profiles, dtype=torch.float32)).numpy().astype(float)


class Profiles:
    """What a user's ratings say in text space; a pair never sees its own rating.

    Args:
        log: Ratings.
        text: Centred text vectors, shape (n_items, d_text).
        middle: The rating that says nothing.
    """

    def __init__(self, log: Interactions, text: np.ndarray, middle: float = 3.5):
        self.log, self.text = log, np.asarray(text, dtype=np.float32)
        self.weight = ((log.value - middle) / 2).astype(np.float32)
        self.total = np.zeros((log.n_users, self.text.shape[1]), dtype=np.float32)
        np.add.at(self.total, log.user, self.weight[:, None] * self.text[log.item])
        self.count = np.bincount(log.user, minlength=log.n_users).astype(np.float32)

    def of_users(self) -> np.ndarray:
        """Return the profile of every user from all ratings, shape (n_users, d_text)."""
        return self.total / np.sqrt(np.maximum(self.count, 1))[:, None]

    def without(self, rows: np.ndarray) -> np.ndarray:
        """Return the profiles of the users of events, each without its event, (B, d_text)."""
        user = self.log.user[rows]
        own = self.weight[rows, None] * self.text[self.log.item[rows]]
        return (self.total[user] - own) / np.sqrt(np.maximum(self.count[user] - 1, 1))[:, None]


@dataclass(frozen=True)
class TrainingRun:
    """What training returns.

    Attributes:
        losses: Mean loss of each pass, in order.
        validation: AUC on the validation ratings after each pass; empty without them.
    """

    losses: list[float]
    validation: list[float] = field(default_factory=list)


def train_towers(
    towers: TwoTowers,
    log: Interactions,
    validation: Interactions | None = None,
    *,
    loss: str = "pairs",
    passes: int = 5,
    batch: int = 512,
    rate: float = 3e-3,
    like: float = 4.0,
    seed: int = 0,
) -> TrainingRun:
    """Train both towers, and return what happened.

    Args:
        towers: The model; it is changed.
        log: Ratings to learn from.
        validation: Later ratings to judge each pass on.
        loss: ``"pairs"``, the logistic loss of every rating, or ``"softmax"``: the likes of a
            batch are each other's negatives, with the correction for how often an item is drawn.
        passes: Passes over the ratings.
        batch: Ratings a step.
        rate: Rate of Adam.
        like: Smallest rating that is a like.
        seed: Seed of the order.

    Returns:
        Losses and validation scores, one a pass.

    Raises:
        ValueError: If the loss is unknown or the numbers are below 1.
    """
    if loss not in ("pairs", "softmax") or passes < 1 or batch < 2 or not rate > 0:
        raise ValueError(
            f'loss is {loss!r}, passes {passes}, batch {batch}, rate {rate}; use "pairs" or'
            ' "softmax", at least 1 pass, at least 2 ratings a batch and a rate above 0.'
        )
    rng = np.random.default_rng(seed)
    profiles = Profiles(log, towers.text.numpy())
    liked = log.value >= like
    rows = np.arange(len(log)) if loss == "pairs" else np.flatnonzero(liked)
    log_q = np.log(np.maximum(np.bincount(log.item[rows], minlength=log.n_items), 1) / len(rows))
    adam = torch.optim.Adam(towers.parameters(), lr=rate)
    losses, judged = [], []
    for _ in range(passes):
        order, total = rng.permutation(rows), 0.0
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            items = torch.from_numpy(log.item[part].astype(np.int64))
            made = torch.from_numpy(profiles.without(part))
            if loss == "pairs":
                value = pair_loss(towers(made, items), liked[part])
            else:
                scores = towers.score_batch(made, items)
                value = in_batch_softmax(scores, items, torch.from_numpy(log_q).float())
            adam.zero_grad()
            value.backward()
            adam.step()
            total += float(value.detach()) * len(part)
        losses.append(total / len(order))
        if validation is not None:
            judged.append(evaluate_towers(towers, log, validation, like)["auc"])
    return TrainingRun(losses, judged)


def pair_loss(logits: Tensor, liked: np.ndarray) -> Tensor:
    """Return the mean logistic loss of pairs, from logits, not from probabilities."""
    return F.binary_cross_entropy_with_logits(logits, torch.as_tensor(liked, dtype=logits.dtype))


@torch.no_grad()
def evaluate_towers(
    towers: TwoTowers, history: Interactions, test: Interactions, like: float = 4.0
) -> dict[str, float]:
    """Judge pair scores on ratings that the profiles do not contain.

    Args:
        towers: The model.
        history: Ratings that make the profiles.
        test: Ratings to predict.
        like: Smallest rating that is a like.

    Returns:
        ``auc``, ``log_loss`` and ``accuracy`` at a probability of one half.
    """
    profiles = Profiles(history, towers.text.numpy()).of_users()[test.user]
    items = torch.from_numpy(test.item.astype(np.int64))
    logits = towers(torch.from_numpy(profiles), items)
    liked = test.value >= like
    return {
        "auc": roc_auc(liked.astype(int), logits.numpy().astype(float)),
        "log_loss": float(pair_loss(logits, liked)),
        "accuracy": float(((logits.numpy() > 0) == liked).mean()),
    }
