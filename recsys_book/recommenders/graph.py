"""LightGCN: factors that are averaged over the neighbourhoods of the users-by-items graph."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.optimizers import Adam, train
from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.implicit.checks import check_settings
from recsys_book.recommenders.implicit.factors import factor_scores

if TYPE_CHECKING:
    from recsys_book.data import Interactions

REDRAWS = 20


def normalized_graph(X: sp.csr_matrix) -> Tensor:
    r"""Return the graph of users and items, each edge divided by the roots of both its degrees.

    Equation: eq-lightgcn

    Args:
        X: Seen pairs, ones in a sparse matrix (n_users, n_items).

    Returns:
        Symmetric, sparse (CSR), float32, shape (n, n) with n users before items; a node without
        edges has an empty row.
    """
    edges = sp.csr_matrix(sp.block_array([[None, X], [X.T, None]]), dtype=np.float64)
    degree = np.maximum(np.diff(edges.indptr), 1)
    scale = sp.diags_array(degree**-0.5)
    A = sp.csr_matrix(scale @ edges @ scale)
    parts = (torch.from_numpy(part.astype(np.int64)) for part in (A.indptr, A.indices))
    values = torch.from_numpy(A.data.astype(np.float32))
    with warnings.catch_warnings():  # torch says that this layout is new
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
        return torch.sparse_csr_tensor(*parts, values, size=A.shape, check_invariants=True)


class _Propagation(torch.autograd.Function):
    """The mean of all layers; the graph is symmetric, so gradients travel the same way back."""

    @staticmethod
    def forward(ctx, A: Tensor, E: Tensor, layers: int) -> Tensor:
        ctx.graph, ctx.layers = A, layers
        total = E.clone()
        for _ in range(layers):
            E = A @ E
            total += E
        return total / (layers + 1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[None, Tensor, None]:
        return None, _Propagation.apply(ctx.graph, gradient.contiguous(), ctx.layers), None


def propagate(A: Tensor, E: Tensor, layers: int) -> Tensor:
    r"""Return the mean of the embeddings after 0, 1, ..., ``layers`` steps over the graph.

    There are no weights and no activation: :math:`\frac{1}{K+1}\sum_{k=0}^{K} A^k E`.

    Equation: eq-lightgcn

    Source: He, Deng, Wang, Li, Zhang & Wang (2020), "LightGCN: Simplifying and Powering Graph
    Convolution Network for Recommendation", SIGIR, equations 3 and 4.

    Args:
        A: Normalised graph, sparse, shape (n, n).
        E: Embeddings of users and items, shape (n, f).
        layers: Number of steps, K.

    Returns:
        Shape (n, f).
    """
    return _Propagation.apply(A, E, layers)


def unseen_items(users: np.ndarray, seen: sp.csr_matrix, rng: np.random.Generator) -> np.ndarray:
    """Draw for each user an item that the user has not seen, all with the same chance.

    Args:
        users: User positions, shape (n,).
        seen: Seen pairs, sparse (n_users, n_items).
        rng: Where the draws come from.

    Returns:
        Item positions, shape (n,). Who has seen nearly everything may get a seen item.
    """
    items = rng.integers(seen.shape[1], size=len(users))
    wrong = np.arange(len(users))
    for _ in range(REDRAWS):
        wrong = wrong[np.asarray(seen[users[wrong], items[wrong]]).ravel() > 0]
        if not len(wrong):
            break
        items[wrong] = rng.integers(seen.shape[1], size=len(wrong))
    return items


class _Embeddings(nn.Module):
    """One vector a node; the forward pass propagates them."""

    def __init__(self, A: Tensor, factors: int, layers: int, generator: torch.Generator):
        super().__init__()
        self.graph, self.layers = A, layers
        self.table = nn.Parameter(torch.empty(A.shape[0], factors))
        nn.init.normal_(self.table, std=0.1, generator=generator)

    def forward(self) -> Tensor:
        return propagate(self.graph, self.table, self.layers)


class _PairwiseProblem:
    """Pairs of a seen and an unseen item, in the form that ``optimizers.train`` drives."""

    def __init__(self, settings: LightGCN, seen: sp.csr_matrix):
        self.settings, self.seen = settings, seen
        self.user, self.item = seen.nonzero()
        self.graph = normalized_graph(seen)

    def model(self, seed: int) -> _Embeddings:
        generator = torch.Generator().manual_seed(seed)
        return _Embeddings(self.graph, self.settings.factors, self.settings.layers, generator)

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(self.user))
        n_users = self.seen.shape[0]
        for rows in np.array_split(order, -(-len(order) // self.settings.batch_size)):
            user = self.user[rows]
            unseen = unseen_items(user, self.seen, rng)
            nodes = (user, n_users + self.item[rows], n_users + unseen)
            yield tuple(torch.from_numpy(part.astype(np.int64)) for part in nodes)

    def loss(self, model: _Embeddings, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        vectors = model()
        u, i, j = (vectors[nodes] for nodes in batch)
        penalty = sum(model.table[nodes].square().sum() for nodes in batch) / len(batch[0])
        wrong = functional.softplus((u * (j - i)).sum(1)).mean()
        return wrong + self.settings.l2 / 2 * penalty

    def validate(self, model: _Embeddings) -> float:
        return 0.0  # nothing is held out: the number of epochs is a setting


class LightGCN(BaseRecommender):
    """Learn one vector a user and an item, and score with their means over the neighbourhood.

    Trained on pairs of a seen and an unseen item (as BPR), by Adam, in large batches because every
    step propagates all vectors. Values and repetitions of events are ignored. A user without
    history gets the popularity of the items; an item that nobody has seen keeps its own vector,
    which only ever loses.

    Equation: eq-lightgcn

    Source: He, Deng, Wang, Li, Zhang & Wang (2020), "LightGCN: Simplifying and Powering Graph
    Convolution Network for Recommendation", SIGIR.

    Args:
        factors: Length of the vectors, at least 1.
        layers: Number of propagation steps, at least 0; 0 is matrix factorisation.
        rate: Adam's learning rate, above 0.
        l2: Penalty on the vectors of a pair, at least 0.
        epochs: Number of epochs, at least 1.
        batch_size: Pairs in a step, at least 1.
        seed: Seed of the first vectors and of the draws.

    Attributes:
        user_factors_: Propagated vectors, float32, shape (n_users, factors).
        item_factors_: Propagated vectors, float32, shape (n_items, factors).
        step_loss_: Training loss of each step.
    """

    def __init__(
        self,
        factors: int = 64,
        layers: int = 2,
        rate: float = 0.02,
        l2: float = 1e-3,
        epochs: int = 20,
        batch_size: int = 8192,
        seed: int = 0,
    ):
        self.factors = factors
        self.layers = layers
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        whole = ("factors", "epochs", "batch_size")
        check_settings(self, whole=whole, positive=("rate",), not_negative=("l2",))
        if self.layers != 0:
            check_settings(self, whole=("layers",))
        problem = _PairwiseProblem(self, self.seen_)
        history = train(problem, Adam(lr=self.rate), epochs=self.epochs, seed=self.seed)
        with torch.no_grad():
            vectors = history.model().numpy()
        self.user_factors_, self.item_factors_ = np.split(vectors, [len(self.users_)])
        self.step_loss_ = history.step_loss

    def _score(self, users: np.ndarray) -> np.ndarray:
        return factor_scores(self.user_factors_[users], self.item_factors_)
