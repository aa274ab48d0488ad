"""One space for two descriptions of the items: what is said in one is found in the other.

The vector of a film's title and the vector of its facts come from different models and cannot be
compared. Two projections, learned from films that have both, bring them into one space, in which
the two vectors of one film are close and those of different films are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.optimizers import AdamW, train
from recsys_book.optimizers.problems.batches import shuffled_batches
from recsys_book.recommenders.base import NotFittedError, top_k
from recsys_book.recommenders.features.network import perceptron
from recsys_book.recommenders.settings import check_above_zero, check_at_least_zero
from recsys_book.recommenders.views import View

SIDES = ("left", "right")


def joint_contrastive_loss(left: Tensor, right: Tensor, temperature: float) -> Tensor:
    """Let each row tell its own partner from the partners of the other rows, both ways.

    Source: Radford et al. (2021), "Learning Transferable Visual Models From Natural Language
    Supervision", ICML, figure 3.

    Args:
        left: Vectors in one view, shape ``(batch, width)``.
        right: Vectors of the same items in the other view, in the same order, shape
            ``(batch, width)``.
        temperature: What cosines are divided by, above 0.

    Returns:
        The mean of the two cross-entropies, 0-dimensional, in nats.
    """
    cosine = functional.normalize(left, dim=1) @ functional.normalize(right, dim=1).T
    logits = cosine / temperature
    own = logits.diagonal()
    return ((logits.logsumexp(1) - own).mean() + (logits.logsumexp(0) - own).mean()) / 2


class JointProjections(nn.Module):
    """One projection a view, linear or with one hidden layer.

    Args:
        sizes: Width of each of the two views.
        width: Width of the joint space.
        hidden: Width of the hidden layer; 0 for a linear projection.
        generator: Of the first weights.
    """

    def __init__(self, sizes: tuple[int, int], width: int, hidden: int, generator: torch.Generator):
        super().__init__()
        layers = (hidden, width) if hidden else (width,)
        self.left = perceptron((sizes[0], *layers), generator)
        self.right = perceptron((sizes[1], *layers), generator)

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Return the projections of pairs, each of shape ``(batch, width)``."""
        return self.left(left), self.right(right)


@dataclass(eq=False)
class PairProblem:
    """Tell partners from strangers within a batch, as ``optimizers.train`` wants it.

    Attributes:
        parts: The two views of the pairs, row by row.
        network: Widths of the joint space and of the hidden layer.
        temperature: Of the loss.
        batch_size: Pairs in a batch.
    """

    parts: tuple[Tensor, Tensor]
    network: tuple[int, int]
    temperature: float
    batch_size: int

    def model(self, seed: int) -> JointProjections:
        """Return projections with fresh weights."""
        sizes = self.parts[0].shape[1], self.parts[1].shape[1]
        return JointProjections(sizes, *self.network, torch.Generator().manual_seed(seed))

    def batches(self, seed: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield one epoch; a last batch of one pair, with nothing to tell apart, is left out."""
        for pair in shuffled_batches(self.parts, self.batch_size, seed):
            if len(pair[0]) > 1:
                yield pair

    def loss(self, model: JointProjections, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the symmetric contrastive loss."""
        return joint_contrastive_loss(*model(*batch), self.temperature)

    def validate(self, model: JointProjections) -> float:
        """Return 0: all pairs are trained on."""
        return 0.0


class JointSpace:
    """Project two views of the items into one space, where the views of one item are neighbours.

    Both views are centred and scaled by the training pairs. The other items of a batch are what an
    item is told apart from, in both directions; the temperature is fixed, not learned as in the
    paper. Items that lack a view teach nothing. A view of a new item can be projected alone, and
    its neighbours in the other view looked up.

    Source: Radford et al. (2021), "Learning Transferable Visual Models From Natural Language
    Supervision", ICML.

    Args:
        width: Width of the joint space.
        hidden: Width of a hidden layer in each projection; 0 for linear ones.
        temperature: What cosines are divided by in the loss.
        rate: Of AdamW.
        decay: Weight decay of AdamW.
        epochs: How often to go through the pairs.
        batch_size: Pairs in a batch; a pair is told apart from the others of its batch.
        seed: Of the first weights and the order.

    Attributes:
        network_: The trained projections.
        means_: Mean vector of each view over the training pairs.
        scales_: Root of the mean squared length of each centred view.
        step_loss_: Loss of each step, before it; the logarithm of the batch is chance.
    """

    def __init__(
        self,
        width: int = 32,
        hidden: int = 0,
        temperature: float = 0.3,
        rate: float = 0.003,
        decay: float = 0.1,
        epochs: int = 5,
        batch_size: int = 256,
        seed: int = 0,
    ):
        self.width = width
        self.hidden = hidden
        self.temperature = temperature
        self.rate = rate
        self.decay = decay
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def fit(self, left: View, right: View) -> Self:
        """Learn the projections from items with both views.

        Args:
            left: Vectors, dense or sparse, shape (n, left width). A dense row with a NaN and a
                sparse row without entries are missing.
            right: Vectors of the same items in the same order, shape (n, right width).

        Returns:
            The space itself.

        Raises:
            ValueError: If the views differ in rows, share fewer than two items, or hold infinite
                numbers, or if a hyper-parameter is out of range.
        """
        self._check()
        if left.shape[0] != right.shape[0]:
            raise ValueError(
                f"The left view has {left.shape[0]} rows and the right one {right.shape[0]}; give "
                "both one row for each item, in one order."
            )
        views, known = zip(*(dense_view(view) for view in (left, right)))
        both = known[0] & known[1]
        if both.sum() < 2:
            raise ValueError(
                f"{both.sum()} items have both views; at least two are needed to tell apart."
            )
        self.means_ = [view[both].mean(axis=0) for view in views]
        lengths = [((view[both] - m) ** 2).sum(1).mean() for view, m in zip(views, self.means_)]
        self.scales_ = [float(length) ** 0.5 or 1.0 for length in lengths]
        parts = tuple(self._scaled(view[both], number) for number, view in enumerate(views))
        network = self.width, self.hidden
        problem = PairProblem(parts, network, self.temperature, self.batch_size)
        rule = AdamW(lr=self.rate, weight_decay=self.decay)
        history = train(problem, rule, epochs=self.epochs, seed=self.seed)
        self.network_, self.step_loss_ = history.model, history.step_loss
        return self

    @torch.no_grad()
    def transform(self, view: View, side: str = "left") -> np.ndarray:
        """Project vectors of one view into the joint space.

        Args:
            view: Vectors, dense or sparse, of the width that was fitted, shape (n, width of view).
            side: Which view it is, ``"left"`` or ``"right"``.

        Returns:
            Vectors of unit length, float64, shape (n, width); zeros where the view is missing.

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If the side does not exist, or the vectors do not fit it.
        """
        if not hasattr(self, "network_"):
            raise NotFittedError("This JointSpace is not fitted yet; call fit(left, right) first.")
        if side not in SIDES:
            raise ValueError(f"side is {side!r}; use 'left' or 'right'.")
        number = SIDES.index(side)
        X, known = dense_view(view)
        if X.shape[1] != len(self.means_[number]):
            raise ValueError(
                f"The {side} view has {X.shape[1]} columns and was fitted with "
                f"{len(self.means_[number])}; give the same columns."
            )
        Z = getattr(self.network_, side)(self._scaled(X, number))
        return functional.normalize(Z, dim=1).double().numpy() * known[:, None]

    def retrieve(
        self, queries: View, candidates: View, k: int = 10, of: str = "left"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find, for vectors of one view, the nearest candidates in the other.

        Args:
            queries: Vectors of the view ``of``, shape (n_queries, width of that view).
            candidates: Vectors of the other view, shape (n_candidates, width of that view).
            k: Length of the lists, at most n_candidates.
            of: Which view the queries are, ``"left"`` or ``"right"``.

        Returns:
            Rows of ``candidates``, best first, and their cosines, both of shape (n_queries, k). A
            candidate whose view is missing has cosine 0.

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If ``of`` does not exist, the vectors do not fit, or k is out of range.
        """
        found = self.transform(queries, of)
        other = self.transform(candidates, SIDES[1 - SIDES.index(of)])
        return top_k(found @ other.T, k)

    def _scaled(self, X: np.ndarray, number: int) -> Tensor:
        return torch.as_tensor((X - self.means_[number]) / self.scales_[number]).float()

    def _check(self) -> None:
        check_above_zero(self, "width", "temperature", "rate", "epochs")
        check_at_least_zero(self, "hidden", "decay")
        if self.batch_size < 2:
            raise ValueError(f"batch_size is {self.batch_size}; use 2 or more, to tell apart.")


def dense_view(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return a view as a dense array, and which of its rows are there.

    Args:
        view: Vectors, dense or sparse, shape (n, width).

    Returns:
        The vectors, zeros where missing, float64, shape (n, width); and the rows that are there,
        bool, shape (n,).

    Raises:
        ValueError: If a number is infinite.
    """
    if sp.issparse(view):
        known, X = np.diff(sp.csr_matrix(view).indptr) > 0, view.toarray().astype(np.float64)
    else:
        X = np.asarray(view, dtype=np.float64)
        known = ~np.isnan(X).any(axis=1)
        X = np.where(known[:, None], X, 0.0)
    if not np.isfinite(X).all():
        raise ValueError("A view must hold finite numbers; mark missing rows of an array by NaN.")
    return X, known
