"""What somebody will do with an item, from the texts of what they watched: an LSTM and heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.recommenders.base import BaseRecommender, check_positions
from recsys_book.recommenders.language.checks import (
    centred_unit_rows,
    text_vectors,
)
from recsys_book.recommenders.language.recipe import HeldOut, held_out_windows, train_by_recipe
from recsys_book.recommenders.language.text_lstm import TextLSTM
from recsys_book.recommenders.language.windows import (
    PADDING,
    histories,
    history_windows,
    last_items,
)
from recsys_book.recommenders.neural.training import fit_network
from recsys_book.recommenders.settings import check_above_zero, check_at_least_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def funnel(logits: Tensor) -> Tensor:
    """Turn one logit a step into the chance of having come that far.

    Each step can only follow the one before: the chance to like is the chance to watch times the
    chance to like what one watches. So the columns never rise from left to right.

    Equation: eq-esmm.

    Args:
        logits: Of each step given the one before, shape ``(..., steps)``.

    Returns:
        Probabilities, shape ``(..., steps)``.
    """
    return torch.sigmoid(logits).cumprod(dim=-1)


def funnel_loss(logits: Tensor, reached: Tensor) -> Tensor:
    """Return the mean cross-entropy of all steps, each over all pairs.

    Source: Ma et al. (2018), "Entire Space Multi-Task Model", SIGIR, equation 3.

    Equation: eq-esmm.

    Args:
        logits: Of each step given the one before, shape ``(n, steps)``.
        reached: 1 where the step was reached, shape ``(n, steps)``.

    Returns:
        0-dimensional, in nats a pair and step.
    """
    log_p = functional.logsigmoid(logits).cumsum(dim=-1)
    log_q = torch.log1p(-log_p.exp().clamp(max=1 - 1e-6))
    return -(reached * log_p + (1 - reached) * log_q).mean()


@dataclass(eq=False)
class BehaviourProblem:
    """Foresee what was done with the next item, and that nothing was done with others.

    Attributes:
        items: Windows of histories, -1 for padding, shape ``(n, length + 1)``.
        reached: 1 for each step that was reached, shape ``(n, length + 1, steps)``.
        n_items: Size of the catalogue.
        make_model: From a generator to a ``TextLSTM``.
        negatives: Other items drawn for each event, uniformly over the catalogue.
        batch_size: Windows in a batch.
    """

    items: Tensor
    reached: Tensor
    n_items: int
    make_model: object
    negatives: int
    batch_size: int

    def model(self, seed: int) -> nn.Module:
        """Return a network with fresh weights drawn from a seed."""
        return self.make_model(torch.Generator().manual_seed(seed))

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield one epoch of windows with their outcomes and fresh negatives."""
        rng = np.random.default_rng(seed)
        for rows in torch.from_numpy(rng.permutation(len(self.items))).split(self.batch_size):
            shape = (len(rows), self.items.shape[1] - 1, self.negatives)
            yield (
                self.items[rows],
                self.reached[rows],
                torch.from_numpy(rng.integers(0, self.n_items, shape)),
            )

    def loss(self, model: TextLSTM, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Return the loss of a batch, in nats a pair and step."""
        items, reached, others = batch
        states, there = model.states(items[:, :-1]), items[:, 1:] != PADDING
        candidates = torch.cat([items[:, 1:, None].clamp(min=0), others], dim=2)
        outcome = torch.zeros(*candidates.shape, reached.shape[2])
        outcome[:, :, 0] = reached[:, 1:]
        logits = model(states[:, :, None], candidates)
        return funnel_loss(logits[there].flatten(0, 1), outcome[there].flatten(0, 1))

    def validate(self, model: nn.Module) -> float:
        """Return 0: the number of epochs is a setting, chosen on splits of its own."""
        return 0.0


class TextBehaviour(BaseRecommender):
    """Probabilities of several behaviours for a user, a candidate and a history of texts.

    An LSTM reads the texts of the history; its state and the candidate's text go through a dense
    layer into one sigmoid a behaviour. The behaviours form a funnel: the first is to rate an item
    at all, the others to rate it at least as high as a threshold. Candidates that were not rated
    are drawn at random, ``negatives`` for each event, and the probabilities are those of that mix.
    Ranking uses the first behaviour. A user without history gets the popularity of the items.

    Equation: eq-esmm.

    Args:
        vectors: One text vector an item, shape (n_items, width).
        thresholds: Ratings that count as the second, third … behaviour, rising.
        width: Width of the state.
        hidden: Width of the dense layer.
        length: Items that are read at most.
        negatives: Items drawn for each event.
        rate: Learning rate of AdamW.
        l2: Its weight decay.
        epochs: How often to go through the log.
        patience: None for one rate and all epochs. With a number the rate rises and falls, a tenth
            of the windows is held out, and training ends, with the best weights, after more than
            so many epochs without a lower held-out loss.
        batch_size: Windows in a batch.
        seed: Of the first weights, the order and the negatives.

    Attributes:
        network_: The trained network.
        recent_: Each user's last items, shape (n_users, length).
        end_: Position of the last one, shape (n_users,).
    """

    def __init__(
        self,
        vectors: np.ndarray,
        thresholds: Sequence[float] = (4.0, 5.0),
        width: int = 32,
        hidden: int = 32,
        length: int = 50,
        negatives: int = 4,
        rate: float = 0.003,
        l2: float = 0.0,
        epochs: int = 3,
        patience: int | None = None,
        batch_size: int = 64,
        seed: int = 0,
    ):
        self.vectors = vectors
        self.thresholds = thresholds
        self.width = width
        self.hidden = hidden
        self.length = length
        self.negatives = negatives
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        names = ("width", "hidden", "length", "negatives", "rate", "epochs", "batch_size")
        check_above_zero(self, *names)
        check_at_least_zero(self, "l2")
        if list(self.thresholds) != sorted(set(self.thresholds)):
            raise ValueError(
                f"thresholds is {self.thresholds!r}; give rising ratings, each one once."
            )
        vectors = centred_unit_rows(text_vectors(self.vectors, interactions.n_items))
        inputs = torch.from_numpy(vectors.astype(np.float32)) * vectors.shape[1] ** 0.5
        steps = 1 + len(self.thresholds)

        def make(generator: torch.Generator) -> TextLSTM:
            return TextLSTM(inputs, self.width, self.hidden, steps, generator)

        self.network_ = self._trained(*self._windows(interactions), interactions.n_items, make)
        self.recent_, self.end_ = last_items(interactions, self.length)

    def _trained(self, items: Tensor, reached: Tensor, n_items: int, make: object) -> TextLSTM:
        """Return the network after all epochs, or after as many as a held-out tenth asks for."""
        if self.patience is None:
            problem = BehaviourProblem(
                items, reached, n_items, make, self.negatives, self.batch_size
            )
            return fit_network(problem, self.rate, self.l2, self.epochs, self.seed)
        held, kept = held_out_windows(len(items), self.seed)
        shape = (len(held), items.shape[1] - 1, self.negatives)
        others = torch.from_numpy(np.random.default_rng(self.seed).integers(0, n_items, shape))
        problem = BehaviourProblem(
            items[kept], reached[kept], n_items, make, self.negatives, self.batch_size
        )
        history = train_by_recipe(
            HeldOut(problem, (items[held], reached[held], others)),
            self.rate,
            self.l2,
            self.epochs,
            -(-len(kept) // self.batch_size),
            self.patience,
            self.seed,
        )
        return history.model.eval().requires_grad_(False).double()

    def _windows(self, log: Interactions) -> tuple[Tensor, Tensor]:
        """Return windows of items, and which steps each event reached."""
        windows = history_windows(histories(log), self.length)
        value = history_windows(histories(log, log.value), self.length, fill=-np.inf)
        steps = [np.isfinite(value)] + [value >= t for t in self.thresholds]
        return torch.from_numpy(windows), torch.from_numpy(np.stack(steps, 2).astype(np.float32))

    def states(self, sequences: list[np.ndarray]) -> Tensor:
        """Return the state after each history.

        Args:
            sequences: Item positions, oldest first, at least one each; the last ``length`` are
                read.

        Returns:
            Shape ``(len(sequences), width)``.
        """
        ends = [np.asarray(s)[-self.length :] for s in sequences]
        items = np.full((len(ends), self.length), PADDING, dtype=np.int64)
        for row, some in enumerate(ends):
            items[row, : len(some)] = some
        last = torch.tensor([len(some) - 1 for some in ends])
        with torch.no_grad():
            return self.network_.states(torch.from_numpy(items))[torch.arange(len(items)), last]

    def probabilities(self, sequences: list[np.ndarray], items: np.ndarray) -> np.ndarray:
        """Return the chance of each behaviour for pairs of a history and a candidate.

        Args:
            sequences: One history a pair, item positions, oldest first, at least one each.
            items: The candidates, shape (n,).

        Returns:
            One column a behaviour, never rising from left to right, shape (n, steps).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range, or the lengths differ.
        """
        self._check_fitted()
        items = check_positions(items, len(self.items_), "item")
        if len(items) != len(sequences):
            raise ValueError(
                f"There are {len(sequences)} histories and {len(items)} candidates; pass pairs."
            )
        with torch.no_grad():
            return funnel(self.network_(self.states(sequences), torch.from_numpy(items))).numpy()

    def recommend_after(self, history: np.ndarray, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """List what somebody with this history will most likely watch next.

        Args:
            history: Item positions, oldest first, at least one.
            k: Length of the list.

        Returns:
            The k items outside of the history with the highest chance of the first behaviour, best
            first, and all their chances, shapes (k,) and (k, steps).
        """
        everything = np.arange(len(self.items_))
        chances = self.probabilities([np.asarray(history)] * len(everything), everything)
        order = np.argsort(-chances[:, 0], kind="stable")
        best = order[~np.isin(order, history)][:k]
        return best, chances[best]

    def _score(self, users: np.ndarray) -> np.ndarray:
        sequences = [self.recent_[u, : self.end_[u] + 1] for u in users]
        everything, scores = torch.arange(len(self.items_)), []
        with torch.no_grad():
            for state in self.states(sequences).split(32):
                scores.append(self.network_(state[:, None], everything[None])[..., 0])
        return torch.cat(scores).numpy().astype(np.float64)
