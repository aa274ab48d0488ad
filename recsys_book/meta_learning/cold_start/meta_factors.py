"""MetaFactors: gradient steps on a user's vector, preconditioned by what users are like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from recsys_book.meta_learning.cold_start.baselines import warm_biases
from recsys_book.meta_learning.cold_start.content import (
    ChoiceProfile,
    centred,
)
from recsys_book.meta_learning.cold_start.factor_start import hierarchical_start, plain_start
from recsys_book.meta_learning.cold_start.gradient import (
    GradientNewcomer,
    Tasks,
    WarmTasks,
    check_on_divergence,
)
from recsys_book.meta_learning.divergence import DIVERGED, NonFiniteTaskError

if TYPE_CHECKING:
    from recsys_book.data import Interactions

Params = dict[str, Tensor]
#: What the outer loop learns besides the steps when it learns everything.
TABLES = ("bias", "vectors", "bias_weights", "vector_weights", "user_weights")


def preconditioned_steps(
    a: Tensor, e: Tensor, precision: Tensor, start: Tensor, rates: Tensor, scale: Tensor
) -> Tensor:
    r"""Take gradient steps on the vectors of all users at once.

    The support loss of a user is :math:`\frac12\sum_i (e_i-a_i^\top z)^2/\sigma_i^2 +
    \frac12\lVert z-z_0\rVert^2`, and a step is :math:`z \leftarrow z-\eta_t\,s\circ\nabla`. In
    these coordinates the prior covariance of users is I, so the step is preconditioned by that
    covariance. The loss's curvature is below :math:`1+\sum_i\lVert a_i\rVert^2/\sigma_i^2`;
    rates are in units of its inverse, so that one rate fits supports of every size.

    Equation: eq-meta-factors.

    Args:
        a: Item vectors in coordinates where the prior covariance is I, shape (T, n, f).
        e: Ratings minus item biases, shape (T, n).
        precision: Inverse noise variance of the support's rows, 0 elsewhere, shape (T, n).
        start: Start of each user, the prior mean, shape (T, f).
        rates: One a step, shape (steps,).
        scale: One a coordinate, shape (f,).

    Returns:
        The adapted vectors, shape (T, f), differentiable in everything.
    """
    weighted = a * precision[:, :, None]
    curvature = 1 + (a * weighted).sum((1, 2))
    z = start
    for rate in rates:
        error = (a @ z[:, :, None])[:, :, 0] - e
        slope = (weighted * error[:, :, None]).sum(1) + z - start
        z = z - (rate / curvature)[:, None] * scale * slope
    return z


class MetaFactors(GradientNewcomer):
    r"""Empirical-Bayes factors turned into a meta-learner: a start, a metric and learned steps.

    A newcomer is one vector, bias first. It starts at the prior mean, which depends on the
    newcomer's attributes and on *which* items were rated, and takes a few gradient steps on the
    support, preconditioned by the prior covariance. With enough small steps this is the posterior
    mean; the meta-learned rates get there, or where the query loss is lower, in ``steps`` steps.
    The outer gradient goes through the inner steps (second order).

    What the outer loop learns: with ``learn="steps"`` the rates, the scale of each coordinate, how
    far to trust the start, and the noise of popular and of rare items, on practice newcomers whose
    ratings the tables have not seen (the known users are divided into ``folds``); with
    ``learn="all"`` the item biases, item vectors and all weights as well, end to end, on tables
    fitted to everybody.

    Equations: eq-meta-factors, eq-maml-objective.

    Source: Li, Zhou, Chen and Li (2017), "Meta-SGD"; Grant, Finn, Levine, Darrell and Griffiths
    (2018), "Recasting Gradient-Based Meta-Learning as Hierarchical Bayes", ICLR.

    Args:
        item_features: Attributes of all items, shape (n_items, d), or None.
        user_features: Attributes of all users, shape (n_users, d), or None.
        rated: How many singular vectors of who rated what describe the support's items; 0 leaves
            the choice of items out of the start.
        factors: Length of the vectors, without the bias.
        sweeps: Sweeps of ``hierarchical_start``; 0 starts from plain alternating least squares.
        l2: Penalty of item vectors in these sweeps and, with ``learn="all"``, in the outer loop.
        steps: Inner steps.
        learn: ``"steps"`` or ``"all"``.
        folds: Parts that the known users are divided into with ``learn="steps"``.
        outer_steps: Steps of the outer loop.
        outer_rate: Rate of the outer loop, falling linearly to zero.
        sizes: Smallest and largest support in training.
        batch: Users a step.
        on_divergence: ``"raise"``, or ``"freeze"``: a newcomer whose inner loop diverges keeps the
            start.
        seed: Seed of the practice tasks.

    Attributes:
        params_: What was learned, by name.
        history_: Query loss of every outer step, before it.
    """

    def __init__(
        self,
        item_features: np.ndarray | None = None,
        user_features: np.ndarray | None = None,
        rated: int = 0,
        factors: int = 5,
        sweeps: int = 10,
        l2: float = 80.0,
        steps: int = 5,
        learn: str = "steps",
        folds: int = 3,
        outer_steps: int = 90,
        outer_rate: float = 0.03,
        sizes: tuple[int, int] = (3, 20),
        batch: int = 64,
        on_divergence: str = "raise",
        seed: int = 0,
    ):
        self.item_features = item_features
        self.user_features = user_features
        self.rated = rated
        self.factors = factors
        self.sweeps = sweeps
        self.l2 = l2
        self.steps = steps
        self.learn = learn
        self.folds = folds
        self.outer_steps = outer_steps
        self.outer_rate = outer_rate
        self.sizes = sizes
        self.batch = batch
        self.on_divergence = on_divergence
        self.seed = seed

    def _learn(self, warm: Interactions) -> None:
        self._check()
        self.X_ = centred(self.item_features, warm.n_items, "item")
        self.U_ = centred(self.user_features, warm.n_users, "user")
        self.profile_ = ChoiceProfile(warm, self.rated, seed=self.seed) if self.rated else None
        counts = np.bincount(warm.item, minlength=warm.n_items + 1)
        self.rare_ = torch.as_tensor(1 / (1.0 + counts), dtype=torch.float64)
        self.params_ = self._inner_start() | self._tables(warm)
        pairs = [(warm, self.params_)]
        if self.learn == "steps":
            parts = _folds(warm, self.folds, self.seed)
            pairs = [(inside, self._tables(outside)) for inside, outside in parts]
        self.history_ = self._meta_train(pairs, len(warm))
        self.params_ = {name: value.detach() for name, value in self.params_.items()}

    def _check(self) -> None:
        check_on_divergence(self.on_divergence)
        if self.learn not in ("steps", "all"):
            raise ValueError(f"learn is {self.learn!r}; use 'steps' or 'all'.")
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}; take at least one inner step.")
        if self.learn == "steps" and self.folds < 2:
            raise ValueError(f"folds is {self.folds}; divide the known users into at least two.")

    def _inner_start(self) -> Params:
        """Return what the outer loop always learns, at its start."""
        shapes = {"log_rates": (self.steps,), "log_scale": (self.factors + 1,)}
        shapes |= dict.fromkeys(("log_trust", "log_noise", "log_rare"), ())
        found = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in shapes.items()}
        # Equal rates would stay equal: in a quadratic loss their order does not matter.
        found["log_rates"] = torch.linspace(-0.5, 1.0, self.steps, dtype=torch.float64)
        return found

    def _tables(self, warm: Interactions) -> Params:
        """Fit tables to some of the known users; in whitened coordinates, as tensors."""
        X, U = self.X_[:-1], self.U_[:-1]
        if self.profile_ is not None:
            U = np.hstack([U, self.profile_.known])
        tables = plain_start(warm, warm_biases(warm), X, U, self.factors, 10.0, self.seed)
        if self.sweeps:
            tables = hierarchical_start(warm, tables, X, U, sweeps=self.sweeps, l2=self.l2)
        found = tables.with_unknown_item().whitened()
        table = {
            "bias": found.bias - self.X_ @ found.bias_weights,
            "vectors": found.vectors - self.X_ @ found.vector_weights,
            "bias_weights": found.bias_weights,
            "vector_weights": found.vector_weights,
            "user_weights": found.user_weights,
            "noise": np.array(found.noise),
            "mean": np.array(warm.value.mean()),
        }
        return {name: torch.as_tensor(value, dtype=torch.float64) for name, value in table.items()}

    def _meta_train(self, pairs: list[tuple[Interactions, Params]], n: int) -> np.ndarray:
        """Run the outer loop over practice newcomers and the tables that go with them."""
        names = list(self._inner_start()) + (list(TABLES) if self.learn == "all" else [])
        learned = {name: self.params_[name].requires_grad_() for name in names}
        samplers = [
            WarmTasks(part, self.seed + j, self.batch, self.sizes)
            for j, (part, _) in enumerate(pairs)
        ]
        optimizer = torch.optim.Adam(learned.values(), lr=self.outer_rate)
        history = np.empty(self.outer_steps)
        for step in range(self.outer_steps):
            optimizer.param_groups[0]["lr"] = self.outer_rate * (1 - step / self.outer_steps)
            which = step % len(pairs)
            params = pairs[which][1] | learned
            loss = self.meta_loss(samplers[which](step), params)
            history[step] = float(loss.detach())
            if self.learn == "all":
                loss = loss + self._penalty(params) / n
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return history

    def meta_loss(self, tasks: Tasks, params: Params | None = None) -> Tensor:
        """Return the mean query loss after the inner steps, differentiable in what is learned.

        Equation: eq-maml-objective.

        Args:
            tasks: Known users as practice newcomers.
            params: What is learned, by name; None takes the fitted values.

        Returns:
            A number, shape (), in squared stars.
        """
        _, _, ratings, _, query = tasks.tensors(torch.float64)
        predicted = self.forward(tasks, self.params_ if params is None else params)
        return ((predicted - ratings) ** 2 * query).sum() / query.sum()

    def forward(self, tasks: Tasks, params: Params) -> Tensor:
        """Adapt to every task and predict all of its rows.

        Args:
            tasks: The tasks.
            params: What is learned, by name.

        Returns:
            Shape (T, n).

        Raises:
            NonFiniteTaskError: If an inner loop diverges, unless it is to be frozen.
        """
        _, items, ratings, support, _ = tasks.tensors(torch.float64)
        X = torch.from_numpy(self.X_)
        level = (params["mean"] + params["bias"] + X @ params["bias_weights"])[items]
        a = (params["vectors"] + X @ params["vector_weights"])[items]
        noise = torch.exp(params["log_rare"]) * self.rare_[items] + 1
        noise = params["noise"] * torch.exp(params["log_noise"]) * noise
        start, rates = self.start(tasks, params), torch.exp(params["log_rates"])
        scale = torch.exp(params["log_scale"])
        z = preconditioned_steps(a, ratings - level, support / noise, start, rates, scale)
        z = self._healthy(z, start, tasks.users)
        return level + (a @ z[:, :, None])[:, :, 0]

    def start(self, tasks: Tasks, params: Params) -> Tensor:
        """Return where each newcomer starts: what attributes and choices say, (T, 1 + f)."""
        known = self.U_[tasks.users]
        if self.profile_ is not None:
            known = np.hstack([known, self.profile_(tasks.items, tasks.support)])
        return torch.exp(params["log_trust"]) * (torch.from_numpy(known) @ params["user_weights"])

    def _healthy(self, z: Tensor, start: Tensor, users: np.ndarray) -> Tensor:
        """Name the first newcomer whose inner loop ran away, or put him back at his start."""
        good = (z - start).detach().abs().amax(1) <= DIVERGED  # NaN compares false
        if bool(good.all()):
            return z
        if self.on_divergence == "freeze":
            return torch.where(good[:, None], z, start)
        task = int((~good).nonzero()[0, 0])
        raise NonFiniteTaskError(
            task, f"Task {task} (user {users[task]})", "the inner loop diverged"
        )

    def _answer(self, tasks: Tasks) -> np.ndarray:
        return self.forward(tasks, self.params_).numpy()

    def _penalty(self, params: Params) -> Tensor:
        """Return the penalties of the sweeps: an item's own part, and the weights of features."""
        own = params["vectors"] - params["vectors"][-1].detach()
        rows = self.l2 * (own**2).sum() + 3.0 * (params["bias"] ** 2).sum()
        weights = self.l2 * (params["vector_weights"] ** 2).sum()
        weights = weights + 3.0 * (params["bias_weights"] ** 2).sum()
        return rows + 5.0 * weights + 60.0 * (params["user_weights"] ** 2).sum()


def _folds(warm: Interactions, folds: int, seed: int) -> list[tuple[Interactions, Interactions]]:
    """Divide the known users: for each part, its ratings and everybody else's."""
    part = np.random.default_rng(seed).permutation(warm.n_users) % folds
    inside = [part[warm.user] == j for j in range(folds)]
    return [(warm.select(rows), warm.select(~rows)) for rows in inside]
