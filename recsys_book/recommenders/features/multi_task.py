"""Several behaviours at once: a click, and what follows a click.

Behaviours are not exclusive, so each has a probability of its own: a sigmoid a behaviour. What
follows a click is only ever seen after one; learned from clicks alone, it would be wrong for
everything else. The entire-space model learns the product instead, which is seen everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.optimizers import Adam, train
from recsys_book.optimizers.problems.batches import shuffled_batches
from recsys_book.optimizers.problems.tables import table
from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.features.sampling import UnseenItems
from recsys_book.recommenders.settings import check_above_zero, check_at_least_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions

_TINY = 1e-7


def esmm_probabilities(click_logit: Tensor, follow_logit: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the chances of a click, of what follows a click, and of both.

    Equation: eq-esmm

    Source: Ma et al. (2018), "Entire Space Multi-Task Model", SIGIR, equation 1.

    Args:
        click_logit: Of a click, any shape.
        follow_logit: Of the second behaviour after a click, the same shape.

    Returns:
        Three probabilities of that shape: click, second given click, and their product.
    """
    p_click = torch.sigmoid(click_logit)
    p_follow = torch.sigmoid(follow_logit)
    return p_click, p_follow, p_click * p_follow


def entire_space_loss(
    click_logit: Tensor, follow_logit: Tensor, clicked: Tensor, followed: Tensor
) -> Tensor:
    """Return the log loss of the click plus that of click and second behaviour, over all rows.

    The second behaviour given a click has no loss of its own: it is learned through the product.

    Equation: eq-esmm

    Source: Ma et al. (2018), "Entire Space Multi-Task Model", SIGIR, equation 3.

    Args:
        click_logit: Shape ``(batch,)``.
        follow_logit: Shape ``(batch,)``.
        clicked: Ones and zeros, shape ``(batch,)``.
        followed: Ones and zeros, zero where there was no click, shape ``(batch,)``.

    Returns:
        The mean loss, 0-dimensional, in nats.
    """
    p_click, _, p_both = esmm_probabilities(click_logit, follow_logit)
    return functional.binary_cross_entropy(
        p_click.clamp(_TINY, 1 - _TINY), clicked
    ) + functional.binary_cross_entropy(p_both.clamp(_TINY, 1 - _TINY), followed)


def clicked_only_loss(
    click_logit: Tensor, follow_logit: Tensor, clicked: Tensor, followed: Tensor
) -> Tensor:
    """Return the log loss of the click, and of the second behaviour among clicks only.

    Args:
        click_logit: Shape ``(batch,)``.
        follow_logit: Shape ``(batch,)``.
        clicked: Ones and zeros, shape ``(batch,)``.
        followed: Ones and zeros, shape ``(batch,)``.

    Returns:
        The loss, 0-dimensional, in nats.
    """
    loss = functional.binary_cross_entropy_with_logits
    error = loss(follow_logit, followed, weight=clicked, reduction="sum")
    return loss(click_logit, clicked) + error / clicked.sum().clamp(min=1.0)


LOSSES = {"entire": entire_space_loss, "clicked": clicked_only_loss}


class TwoBehaviours(nn.Module):
    """A biased product of vectors for each behaviour; the behaviours share the items' vectors.

    Args:
        n_users: Number of users.
        n_items: Number of items.
        factors: Length of the vectors.
        generator: Of the first weights.
    """

    def __init__(self, n_users: int, n_items: int, factors: int, generator: torch.Generator):
        super().__init__()
        self.items = table(n_items, factors, 0.1, False, generator)
        self.users = nn.ModuleList(table(n_users, factors, 0.1, False, generator) for _ in "12")
        self.user_bias = table(n_users, 2, 0.0, False, generator)
        self.item_bias = table(n_items, 2, 0.0, False, generator)
        self.level = nn.Parameter(torch.zeros(2))

    def forward(self, user: Tensor, item: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return both logits and the squared length of the vectors, each of shape ``(batch,)``."""
        q = self.items(item)
        p = [users(user) for users in self.users]
        level = self.level + self.user_bias(user) + self.item_bias(item)
        logits = (level[:, b] + (p[b] * q).sum(1) for b in range(2))
        return *logits, q.square().sum(1) + sum(part.square().sum(1) for part in p)


@dataclass(eq=False)
class BehaviourProblem:
    """Learn two behaviours from a log; nothing is held out.

    Attributes:
        sizes: Users, items and factors.
        parts: Users, items, whether they clicked and whether the second behaviour followed.
        unseen: Draws unseen items as views without a click; None if the log holds its own.
        negatives: Drawn items a click.
        space: ``"entire"`` or ``"clicked"``.
        l2: Penalty on the squared length of the vectors.
        batch_size: Rows of the log in a batch.
    """

    sizes: tuple[int, int, int]
    parts: tuple[Tensor, ...]
    unseen: UnseenItems | None
    negatives: int
    space: str
    l2: float
    batch_size: int

    def model(self, seed: int) -> TwoBehaviours:
        """Return a model with fresh weights."""
        return TwoBehaviours(*self.sizes, torch.Generator().manual_seed(seed))

    def batches(self, seed: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield one epoch: users, items, clicks and what followed."""
        rng = np.random.default_rng(seed)
        for user, item, clicked, followed in shuffled_batches(self.parts, self.batch_size, seed):
            if self.unseen is not None:
                others = self.unseen.draw(user.numpy(), self.negatives, rng).T.ravel()
                nothing = torch.zeros(len(others))
                user = user.repeat(1 + self.negatives)
                item = torch.cat([item, torch.as_tensor(others)])
                clicked, followed = (torch.cat([x, nothing]) for x in (clicked, followed))
            yield user, item, clicked, followed

    def loss(self, model: TwoBehaviours, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the loss of both behaviours plus the penalty."""
        user, item, clicked, followed = batch
        click, follow, length = model(user, item)
        return LOSSES[self.space](click, follow, clicked, followed) + self.l2 * length.mean()

    def validate(self, model: TwoBehaviours) -> float:
        """Return 0: all rows are trained on."""
        return 0.0


class MultiTask(BaseRecommender):
    """Rank by the chance of one behaviour, of another after it, or of both.

    An event of value 0 is a view without a click. A log without such events, like one of ratings,
    gets unseen items in their place. An event of at least ``follow`` is a click that led to the
    second behaviour. A user without history gets the popularity of the items.

    Equation: eq-esmm

    Source: Ma et al. (2018), "Entire Space Multi-Task Model: An Effective Approach for Estimating
    Post-Click Conversion Rate", SIGIR.

    Args:
        follow: Smallest value that means the second behaviour, such as four stars.
        space: ``"entire"`` learns the second behaviour through the product, on all views;
            ``"clicked"`` learns it from the clicks alone, to compare.
        rank_by: ``"click"``, ``"follow"`` (given a click) or ``"both"``.
        factors: Length of the vectors.
        rate: Of Adam.
        l2: Penalty on the squared length of the vectors.
        epochs: How often to go through the log.
        batch_size: Rows of the log in a batch.
        negatives: Unseen items an event, where the log has no views without a click.
        seed: Of the first weights, the order and the unseen items.

    Attributes:
        network_: The trained model.
        step_loss_: Loss of each step, before it.
    """

    def __init__(
        self,
        follow: float = 4.0,
        space: str = "entire",
        rank_by: str = "both",
        factors: int = 16,
        rate: float = 0.005,
        l2: float = 0.002,
        epochs: int = 5,
        batch_size: int = 1024,
        negatives: int = 2,
        seed: int = 0,
    ):
        self.follow = follow
        self.space = space
        self.rank_by = rank_by
        self.factors = factors
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.negatives = negatives
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        self._check()
        log = interactions
        parts = (
            torch.as_tensor(log.user),
            torch.as_tensor(log.item),
            torch.as_tensor(log.value > 0, dtype=torch.float32),
            torch.as_tensor(log.value >= self.follow, dtype=torch.float32),
        )
        unseen = None if (log.value <= 0).any() else UnseenItems(self.seen_)
        sizes = (log.n_users, log.n_items, self.factors)
        problem = BehaviourProblem(
            sizes, parts, unseen, self.negatives, self.space, self.l2, self.batch_size
        )
        history = train(problem, Adam(lr=self.rate), epochs=self.epochs, seed=self.seed)
        self.network_, self.step_loss_ = history.model, history.step_loss

    @torch.no_grad()
    def probabilities(self, users: np.ndarray) -> dict[str, np.ndarray]:
        """Return the chances of the behaviours for all items.

        Args:
            users: User positions, shape (n,).

        Returns:
            ``"click"``, ``"follow"`` (given a click) and ``"both"``, each of shape (n, n_items).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range or -1.
        """
        users = self._check_users(users)
        if (users < 0).any():
            raise ValueError("An unknown user (-1) has no probabilities; pass known users.")
        weights = {k: v.double().numpy() for k, v in self.network_.state_dict().items()}
        level = weights["level"] + weights["user_bias.weight"][users]
        logits = []
        for b in range(2):
            of_pair = weights[f"users.{b}.weight"][users] @ weights["items.weight"].T
            logits.append(level[:, b, None] + weights["item_bias.weight"][:, b] + of_pair)
        parts = esmm_probabilities(*(torch.as_tensor(logit) for logit in logits))
        return {name: p.numpy() for name, p in zip(("click", "follow", "both"), parts)}

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self.probabilities(users)[self.rank_by]

    def _check(self) -> None:
        if self.space not in LOSSES:
            raise ValueError(f"space is {self.space!r}; use 'entire' or 'clicked'.")
        if self.rank_by not in ("click", "follow", "both"):
            raise ValueError(f"rank_by is {self.rank_by!r}; use 'click', 'follow' or 'both'.")
        check_above_zero(self, "follow", "factors", "rate", "epochs", "batch_size", "negatives")
        check_at_least_zero(self, "l2")
