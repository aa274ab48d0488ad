"""How the networks of this room are trained, and what they have in common as recommenders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from recsys_book.encoders.corpora import FIRST, pad
from recsys_book.optimizers import AdamW
from recsys_book.optimizers.training import train
from recsys_book.recommenders.history import HistoryRecommender
from recsys_book.recommenders.sequential.histories import Histories, next_item_pieces
from recsys_book.recommenders.sequential.loss import (
    LOSSES,
    binary_loss,
    bpr_max_loss,
    calibrated_optimum,
    calibration_exponent,
    sampled_softmax_loss,
    softmax_loss,
)
from recsys_book.recommenders.sequential.negatives import uniform_negatives
from recsys_book.recommenders.sequential.network import Batch, ItemNetwork, check_vectors

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(eq=False)
class NextItemProblem:
    """Predict the next item at every position; what ``optimizers.train`` trains on.

    Nothing is held out here: the number of epochs is a setting like the others.

    Attributes:
        histories: The users' items.
        make_network: From a generator to a network.
        window: Most inputs of a piece.
        batch_size: Pieces in a batch.
        loss_name: One of ``LOSSES``.
        negatives: Sampled for each target, where the loss needs them.
        calibration: From 0 to 1, for ``"bce"``.
        every_event: Whether an epoch asks for every event, cut at new places each time; otherwise
            for the last ``window`` of each user.
    """

    histories: Histories
    make_network: Callable[[torch.Generator], ItemNetwork]
    window: int
    batch_size: int
    loss_name: str = "softmax"
    negatives: int = 1
    calibration: float = 0.0
    every_event: bool = True

    def model(self, seed: int) -> ItemNetwork:
        """Return a network with fresh weights, and begin the draws of negatives anew."""
        self._draws = torch.Generator().manual_seed(seed)
        return self.make_network(torch.Generator().manual_seed(seed))

    def batches(self, seed: int) -> Iterator[Batch]:
        """Yield one epoch of pieces; pieces of like length share a batch, which saves padding."""
        rng = np.random.default_rng(seed)
        pieces, owner = next_item_pieces(
            self.histories, self.window, rng if self.every_event else None
        )
        length = np.array([len(piece) for piece in pieces])
        order = rng.permutation(len(pieces))
        order = order[np.argsort(length[order] // 16, kind="stable")]
        groups = np.split(order, np.arange(self.batch_size, len(order), self.batch_size))
        for group in rng.permutation(len(groups)):
            yield self.batch([pieces[i] for i in groups[group]], owner[groups[group]])

    def batch(self, pieces: list[np.ndarray], owner: np.ndarray) -> Batch:
        """Return pieces as inputs and targets; a network of another kind overrides it."""
        ids, present = pad([piece + FIRST for piece in pieces])
        targets = (ids[:, 1:] - FIRST).masked_fill(~present[:, 1:], -1)
        return Batch(ids[:, :-1], targets, torch.from_numpy(owner))

    def loss(self, model: ItemNetwork, batch: Batch) -> Tensor:
        """Return the loss over the positions at which something is asked."""
        asked = batch.targets >= 0
        hidden, targets = model.hidden(batch)[asked], batch.targets[asked]
        if self.loss_name == "softmax":
            return softmax_loss(model.scores(hidden), targets)
        n, k = model.n_items, self.negatives
        drawn = uniform_negatives(targets, n, k, self._draws)
        scores = model.scores(hidden, torch.cat([targets[:, None], drawn], dim=1))
        positive, negative = scores[:, 0], scores[:, 1:]
        if self.loss_name == "sampled":
            return sampled_softmax_loss(positive, negative, n)
        if self.loss_name == "bpr-max":
            return bpr_max_loss(positive, negative)
        return binary_loss(positive, negative, calibration_exponent(k, n, self.calibration))

    def validate(self, model: ItemNetwork) -> float:
        """Return 0: nothing is held out."""
        return 0.0


class NeuralSequence(HistoryRecommender):
    """Fitting and scoring for networks that turn a history into a vector.

    A user without history gets the popularity of the items. A subclass stores its settings and
    gives ``_network``.
    """

    def _fit(self, interactions: Interactions) -> None:
        self._check(interactions)
        self.histories_ = Histories.of(interactions)
        rule = AdamW(lr=self.rate, weight_decay=self.weight_decay)
        problem = self.problem(self.histories_)
        if np.diff(self.histories_.start).max() > 1:
            run = train(problem, rule, epochs=self.epochs, seed=self.seed, clip_norm=5.0)
            if run.diverged:
                raise ValueError(
                    f"{type(self).__name__} diverged at rate {self.rate}; use a smaller one."
                )
            self.network_, self.losses_ = run.model, run.step_loss
        else:  # nobody did two things, so nothing follows anything
            self.network_, self.losses_ = problem.model(self.seed).eval(), np.zeros(0)

    def problem(self, histories: Histories) -> NextItemProblem:
        """Return what the network is trained on, for a training loop of one's own.

        Args:
            histories: The users' items.

        Returns:
            The problem with this model's settings.
        """
        n_users = len(histories)
        bias = self._first_bias(histories)
        return self._problem_type()(
            histories,
            lambda generator: self._network(histories.n_items, n_users, bias, generator),
            self.window,
            self.batch_size,
            self.loss,
            self.negatives,
            self.calibration,
            self.every_event,
        )

    def _first_bias(self, histories: Histories) -> Tensor:
        """Return the biases under which an untrained network says what is popular.

        For the binary loss they are those that :func:`calibrated_optimum` gives for popularity.
        From biases of zero, hundreds of steps would only learn that most items are not next.
        """
        n = histories.n_items
        count = torch.from_numpy(np.bincount(histories.items, minlength=n) + 0.5)
        share = count / count.sum()
        if self.loss == "bce" and n > 1:
            weight = calibration_exponent(self.negatives, n, self.calibration)
            share = calibrated_optimum(share, self.negatives / (n - 1), weight)
            return share.logit().float()
        return (share.log() - share.log().mean()).float()

    def _problem_type(self) -> type[NextItemProblem]:
        return NextItemProblem

    def _network(
        self, n_items: int, n_users: int, bias: Tensor, generator: torch.Generator
    ) -> ItemNetwork:
        raise NotImplementedError

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self._score_items(self.histories_.last(users, self.window), users)

    def _score_others(self, histories: Interactions) -> np.ndarray:
        theirs = Histories.of(histories)
        scores = np.zeros((histories.n_users, histories.n_items))
        known = np.flatnonzero(np.diff(theirs.start) > 0)
        if len(known):
            scores[known] = self._score_items(
                theirs.last(known, self.window), np.full(len(known), -1)
            )
        return scores

    @torch.no_grad()
    def _score_items(self, pieces: list[np.ndarray], users: np.ndarray) -> np.ndarray:
        """Return the scores after each piece, shape (len(pieces), n_items)."""
        scores = np.empty((len(pieces), len(self.items_)))
        self.network_.eval()
        for first in range(0, len(pieces), 128):
            rows = slice(first, first + 128)
            batch, at = self._prompt(pieces[rows], users[rows])
            hidden = self.network_.hidden(batch)[torch.arange(len(at)), at]
            scores[rows] = self.network_.scores(hidden).double().numpy()
        return scores

    def _prompt(self, pieces: list[np.ndarray], users: np.ndarray) -> tuple[Batch, Tensor]:
        """Return what the network reads, and the position at which it answers."""
        ids, present = pad([piece + FIRST for piece in pieces])
        return Batch(ids, ids, torch.from_numpy(users)), present.sum(dim=1) - 1

    def _check(self, interactions: Interactions) -> None:
        """Refuse settings out of range, and vectors that are not one an item."""
        for name in ("width", "window", "epochs", "batch_size", "negatives"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; use at least 1.")
        if self.loss not in LOSSES:
            raise ValueError(f"loss is {self.loss!r}; use one of {', '.join(LOSSES)}.")
        if self.loss == "bce":
            calibration_exponent(self.negatives, interactions.n_items, self.calibration)
        if self.vectors is not None:
            check_vectors(self.vectors, interactions.n_items)
