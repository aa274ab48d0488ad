"""The click classifier on text of article S1 §5.2.2, done right: later data, a fair yardstick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.data.feed_events import FeedEvents


@dataclass(frozen=True, eq=False)
class ClickTable:
    """Places shown, as rows of a classifier.

    Attributes:
        features: (n, 2 d) the post's vector, and its product with the mean vector of what the user
            had viewed in earlier hours (zeros before the first view).
        clicked: (n,) bool.
        hour: (n,) int64.
    """

    features: np.ndarray
    clicked: np.ndarray
    hour: np.ndarray


def click_table(events: FeedEvents, vectors: np.ndarray) -> ClickTable:
    """Arrange a log for a classifier; a profile holds only what was viewed in earlier hours.

    Args:
        events: What was shown.
        vectors: (n_posts, d) vectors of the posts' texts.

    Returns:
        One row a place, in time order.
    """
    log = events.log
    total, count = np.zeros((log.n_users, vectors.shape[1])), np.zeros(log.n_users)
    profile = np.zeros((len(log), vectors.shape[1]))
    for hour in np.unique(log.round):
        rows = np.flatnonzero(log.round == hour)
        user = log.user[rows]
        profile[rows] = total[user] / np.maximum(count[user], 1)[:, None]
        viewed = rows[log.clicked[rows]]
        np.add.at(total, log.user[viewed], vectors[log.item[viewed]])
        np.add.at(count, log.user[viewed], 1)
    text = vectors[log.item]
    return ClickTable(np.hstack([text, text * profile]), log.clicked, log.round)


def train_click_head(
    table: ClickTable, rows: np.ndarray, decay: float = 0.01, steps: int = 100, seed: int = 0
) -> np.ndarray:
    """Fit a logistic head on frozen text vectors, by AdamW on the loss with logits.

    Args:
        table: The table.
        rows: (n,) bool, what it is fitted on; columns are scaled by these rows only.
        decay: Decoupled weight decay.
        steps: Steps on all rows at once.
        seed: Of the start.

    Returns:
        Predicted probabilities of every row of the table, (n,).

    Raises:
        ValueError: If the rows hold one class only.
    """
    import torch

    y = table.clicked[rows]
    if y.all() or not y.any():
        raise ValueError("The rows hold one class only: give a stretch with and without views.")
    mean, sd = table.features[rows].mean(axis=0), table.features[rows].std(axis=0)
    X = torch.as_tensor((table.features - mean) / (sd + 1e-6), dtype=torch.float32)
    chosen, target = torch.as_tensor(rows), torch.as_tensor(y, dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    weight = 0.01 * torch.randn(X.shape[1], generator=generator)
    weight.requires_grad_()
    bias = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.AdamW([weight, bias], lr=0.05, weight_decay=decay)
    train = X[chosen]
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(train @ weight + bias, target)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return torch.sigmoid(X @ weight + bias).double().numpy()
