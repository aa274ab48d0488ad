"""The articles' optimisation recipe as one program: schedule, early stopping, F1 and AUC."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.evaluation import confusion, roc_auc
from recsys_book.optimizers import AdamW, Cosine, EarlyStopping, History, WarmUp, train
from recsys_book.preprocessing.splitting import Split
from recsys_book.recommenders.language.programs import ProgramReport
from recsys_book.recommenders.language.windows import histories


@dataclass(eq=False)
class HeldOut:
    """A problem whose validation is its loss on one batch that training does not see.

    Attributes:
        problem: What to train, a problem as ``recsys_book.optimizers.train`` wants it.
        batch: What is held out.
    """

    problem: Any
    batch: tuple[Tensor, ...]

    def model(self, seed: int) -> nn.Module:
        """Return the problem's model with fresh weights drawn from a seed."""
        return self.problem.model(seed)

    def batches(self, seed: int) -> Iterator[tuple[Tensor, ...]]:
        """Return the problem's batches."""
        return self.problem.batches(seed)

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the problem's loss."""
        return self.problem.loss(model, batch)

    def validate(self, model: nn.Module) -> float:
        """Return the loss on the batch that is held out."""
        return float(self.problem.loss(model, self.batch))


def train_by_recipe(
    problem: HeldOut, rate: float, l2: float, epochs: int, steps: int, patience: int, seed: int
) -> History:
    """Train with AdamW, a rate that rises and then falls, and an end when validation says so.

    The rate rises over the first tenth of the steps and falls along half a cosine.

    Args:
        problem: What to train, with a batch held out.
        rate: The highest learning rate.
        l2: Decoupled weight decay.
        epochs: How often to go through the training data at most.
        steps: Batches of an epoch.
        patience: Epochs without a lower validation that are tolerated.
        seed: Of the first weights and of the order.

    Returns:
        The run; its model has the weights of the best epoch.
    """
    total = epochs * steps
    rise = max(1, total // 10)
    schedule = WarmUp(Cosine(max(1, total - rise)), rise, start=1 / (rise + 1))
    return train(
        problem,
        AdamW(lr=rate, weight_decay=l2),
        epochs=epochs,
        seed=seed,
        schedule=schedule,
        early_stopping=EarlyStopping(patience),
    )


def behaviour_program(
    split: Split,
    texts: Sequence[str],
    encode: Callable[[Sequence[str]], np.ndarray],
    negatives: int = 4,
    seed: int = 0,
    patience: int = 1,
    **settings,
) -> ProgramReport:
    """Train the behaviour model by the articles' recipe, and measure F1 and AUC.

    The optimisation case of article S2 6.3.3, in a form that runs: a frozen BERT, cross-entropy,
    AdamW, a schedule, early stopping on windows held out from training, and F1 and AUC on test
    events and random other items. The baseline scores an item by its events in training, and says
    yes as often as the model does.

    Args:
        split: Training and test events.
        texts: One text an item.
        encode: From texts to vectors.
        negatives: Random items for each test event.
        seed: Of the network and of the random items.
        patience: Epochs without a lower held-out loss that are tolerated.
        **settings: Of ``TextBehaviour``.

    Returns:
        The fitted model, and F1 and AUC of both.
    """
    from recsys_book.recommenders.language.behaviour import TextBehaviour

    log, test = split.train, split.test
    model = TextBehaviour(encode(texts), patience=patience, seed=seed, **settings).fit(log)
    past = histories(log)
    rows = np.flatnonzero(np.array([len(past[u]) > 0 for u in test.user]))
    user, item = test.user[rows], test.item[rows]
    others = np.random.default_rng(seed).integers(0, log.n_items, (negatives, len(rows)))
    items, users = np.concatenate([item, others.ravel()]), np.tile(user, negatives + 1)
    happened = np.arange(len(items)) < len(item)
    chance = model.probabilities([past[u] for u in users], items)[:, 0]
    count = np.bincount(log.item, minlength=log.n_items)[items]
    yes = chance > 0.5
    often = np.zeros(len(items), dtype=bool)
    often[np.argsort(-count, kind="stable")[: yes.sum()]] = True
    measured, baseline = (
        {"f1": confusion(happened, decided).f1, "auc": roc_auc(happened, score)}
        for decided, score in ((yes, chance), (often, count))
    )
    return ProgramReport(model, measured, baseline)


def held_out_windows(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Choose a tenth of the windows to be held out.

    Args:
        n: Number of windows, at least 2.
        seed: Of the choice.

    Returns:
        Positions to hold out, at least one, and positions to train on.

    Raises:
        ValueError: If there is only one window.
    """
    if n < 2:
        raise ValueError(
            "There is one window of a history, and early stopping must hold one out; pass a "
            "longer log, or patience=None."
        )
    order = torch.from_numpy(np.random.default_rng(seed).permutation(n))
    return order.split([max(1, n // 10), n - max(1, n // 10)])
