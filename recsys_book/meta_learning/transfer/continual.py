"""Learn one domain after another, and measure what is forgotten on the way."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.data import Interactions
from recsys_book.optimizers.problems.ratings import RatingProblem


def average_forgetting(error: np.ndarray) -> float:
    """Return how much worse the old domains have become since they were best.

    Equation: eq-forgetting

    Source: Chaudhry, Dokania, Ajanthan and Torr (2018), "Riemannian Walk for Incremental
    Learning", ECCV, section 3.

    Args:
        error: Row t holds the errors on every domain after learning domain t, shape (T, T).

    Returns:
        Mean over the domains before the last; negative where later domains helped.

    Raises:
        ValueError: If the table is not square, has fewer than two rows or holds NaN.
    """
    error = _table(error)
    last = len(error) - 1
    return float(np.mean([error[last, d] - error[d:last, d].min() for d in range(last)]))


def backward_transfer(error: np.ndarray) -> float:
    """Return how much better the old domains have become since they were just learned.

    Equation: eq-forgetting

    Source: Lopez-Paz and Ranzato (2017), "Gradient Episodic Memory for Continual Learning",
    NeurIPS, equation 3.

    Args:
        error: As in ``average_forgetting``.

    Returns:
        Mean over the domains before the last; negative where learning on made them worse.

    Raises:
        ValueError: As in ``average_forgetting``.
    """
    error = _table(error)
    return float(np.mean(np.diag(error)[:-1] - error[-1, :-1]))


def _table(error: np.ndarray) -> np.ndarray:
    error = np.asarray(error, dtype=float)
    if error.ndim != 2 or error.shape[0] != error.shape[1] or len(error) < 2:
        raise ValueError(
            f"error has shape {error.shape}; give a row and a column a domain, for two or more."
        )
    if np.isnan(error).any():
        raise ValueError("error holds NaN; judge every domain after every step.")
    return error


Anchor = dict[str, Tensor]


def quadratic_penalty(model: nn.Module, anchor: Anchor, importance: Anchor | None) -> Tensor:
    """Return the weighted squared distance of the weights from an anchor, halved.

    With the Fisher information as importance this is elastic weight consolidation; with None
    every weight counts one, which is L2-SP.

    Equation: eq-ewc

    Source: Kirkpatrick et al. (2017), "Overcoming catastrophic forgetting in neural networks",
    PNAS 114(13), equation 3.

    Args:
        model: The model.
        anchor: Weights to stay near, by name.
        importance: For each of them its importance, of the same shape; or None.

    Returns:
        0-dimensional.
    """
    own = dict(model.named_parameters())
    terms = []
    for name, value in anchor.items():
        squared = (own[name] - value).square()
        terms.append((squared if importance is None else importance[name] * squared).sum())
    return torch.stack(terms).sum() / 2


def rating_information(model: nn.Module, log: Interactions) -> Anchor:
    r"""Return the diagonal Fisher information of a factor model's ratings, summed over a log.

    With Gaussian ratings of unit variance it is the sum of squared derivatives of the predictions:
    for a user's vector :math:`\sum_i q_i^2` over what the user rated, for a bias the number of
    ratings. No gradient is needed.

    Equation: eq-ewc

    Args:
        model: A ``BiasedFactors``.
        log: The domain that was just learned.

    Returns:
        By name of the table, of its shape.
    """
    user, item = torch.as_tensor(log.user), torch.as_tensor(log.item)
    with torch.no_grad():
        ones = torch.ones(len(log), 1)
        parts = {
            "user_factors": (user, model.item_factors(item).square()),
            "item_factors": (item, model.user_factors(user).square()),
            "user_bias": (user, ones),
            "item_bias": (item, ones),
        }
        own = dict(model.named_parameters())
        return {
            f"{name}.weight": torch.zeros_like(own[f"{name}.weight"]).index_add_(0, row, value)
            for name, (row, value) in parts.items()
        }


@dataclass(eq=False)
class FineTune:
    """Learn the new domain and nothing else.

    Attributes:
        weight: Of what ``extra`` adds to the loss, or of a stored rating; unused here.
        seed: Of what is drawn.
    """

    weight: float = 0.0
    seed: int = 0

    def material(self, log: Interactions) -> Interactions:
        """Return the ratings to learn from."""
        return log

    def extra(self, model: nn.Module, rows: int) -> Tensor:
        """Return what is added to the loss of a batch of that many of the domain's rows."""
        return torch.zeros(())

    def finish(self, model: nn.Module, log: Interactions) -> None:
        """Remember what is needed once a domain is learned."""


@dataclass(eq=False)
class Replay(FineTune):
    """Keep a share ``weight`` of every domain's ratings and learn them again with the next.

    Source: Rolnick, Ahuja, Schwarz, Lillicrap and Wayne (2019), "Experience Replay for Continual
    Learning", NeurIPS.
    """

    _kept: list[Interactions] = field(default_factory=list)

    def material(self, log: Interactions) -> Interactions:
        """Return the domain's ratings and those that were kept."""
        logs = [log, *self._kept]
        columns = ("user", "item", "value", "timestamp")
        joined = {name: np.concatenate([getattr(g, name) for g in logs]) for name in columns}
        return Interactions(**joined, users=log.users, items=log.items)

    def finish(self, model: nn.Module, log: Interactions) -> None:
        """Keep a random share of the domain."""
        rng = np.random.default_rng((self.seed, len(self._kept)))
        n = int(round(self.weight * len(log)))
        self._kept.append(log.select(rng.choice(len(log), n, replace=False)))


@dataclass(eq=False)
class L2SP(FineTune):
    """Stay near the weights that the previous domain ended with.

    Source: Li, Grandvalet and Davoine (2018), "Explicit Inductive Bias for Transfer Learning with
    Convolutional Networks", ICML.
    """

    _anchor: Anchor | None = None
    _importance: Anchor | None = None
    _rows: int = 1

    def extra(self, model: nn.Module, rows: int) -> Tensor:
        """Return the penalty, on the scale of a mean over the domain's rows."""
        if self._anchor is None:
            return torch.zeros(())
        return self.weight * quadratic_penalty(model, self._anchor, self._importance) / rows

    def finish(self, model: nn.Module, log: Interactions) -> None:
        """Remember the weights."""
        self._anchor = {n: p.detach().clone() for n, p in model.named_parameters()}


@dataclass(eq=False)
class EWC(L2SP):
    """Stay near the previous weights, most where the past domains determined them.

    Equation: eq-ewc

    Source: Kirkpatrick et al. (2017), "Overcoming catastrophic forgetting in neural networks",
    PNAS 114(13); the domains' importances are added up (Schwarz et al. 2018, "Progress &
    Compress").
    """

    def finish(self, model: nn.Module, log: Interactions) -> None:
        """Remember the weights and add the domain's Fisher information."""
        super().finish(model, log)
        new, old = rating_information(model, log), self._importance or {}
        self._importance = {name: new[name] + old.get(name, 0.0) for name in new}


@dataclass(eq=False)
class Distillation(FineTune):
    """Keep answering as before for the users at hand on the items of past domains.

    No old rating is stored, only the old model and which items it had learned.

    Source: Li and Hoiem (2016), "Learning without Forgetting", ECCV.
    """

    _teacher: nn.Module | None = None
    _items: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def extra(self, model: nn.Module, rows: int) -> Tensor:
        """Return the mean squared difference to the old model on random pairs."""
        if self._teacher is None:
            return torch.zeros(())
        users = torch.as_tensor(self._rng.integers(0, self._n_users, 1024))
        items = torch.as_tensor(self._rng.choice(self._items, 1024))
        with torch.no_grad():
            wanted = self._teacher(users, items)[0]
        return self.weight * (model(users, items)[0] - wanted).square().mean()

    def finish(self, model: nn.Module, log: Interactions) -> None:
        """Keep a copy of the model and the items it has learned."""
        self._rng, self._n_users = np.random.default_rng(self.seed), log.n_users
        self._teacher = copy.deepcopy(model).eval()
        self._items = np.union1d(self._items, log.item)


def learn_in_sequence(
    domains: Sequence[Interactions],
    judge: Callable[[nn.Module], Sequence[float]],
    strategy: FineTune,
    *,
    factors: int = 8,
    l2: float = 0.05,
    rate: float = 0.02,
    epochs: int = 10,
    batch_size: int = 2048,
    seed: int = 0,
) -> np.ndarray:
    """Learn rating domains one after another with one factor model.

    Args:
        domains: Training ratings in the order of learning, all with the same vocabularies.
        judge: From the model to its error on every domain, in the same order.
        strategy: What is done against forgetting.
        factors: Length of the vectors.
        l2: Penalty of the weights that a rating looks up.
        rate: Of Adam, started afresh for every domain.
        epochs: For each domain.
        batch_size: Ratings in a batch.
        seed: Of the first weights and of the order of the ratings.

    Returns:
        Row t holds the errors on every domain after learning domain t, shape (T, T).

    Raises:
        ValueError: If a domain is empty, or the vocabularies differ.
    """
    for at, log in enumerate(domains):
        if not len(log):
            raise ValueError(f"Domain {at} has no rating; leave it out of the sequence.")
    model, errors = None, []
    for at, log in enumerate(domains):
        problem = RatingProblem(strategy.material(log), domains[0], factors, batch_size, l2)
        model = problem.model(seed) if model is None else model
        optimizer = torch.optim.Adam(model.parameters(), lr=rate)
        for epoch in range(epochs):
            for batch in problem.batches(seed + 1000 * at + epoch):
                loss = problem.loss(model, batch) + strategy.extra(model, len(log))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        strategy.finish(model, log)
        errors.append([float(e) for e in judge(model)])
    return np.array(errors)
